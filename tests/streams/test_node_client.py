"""Every kind of stream through the official Node client's AssistantStream, in a process of its own."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.streams.cases import CASES
from tests.streams.place import Place, Plan, as_read, unindexed, without_outputs

SCRIPT = Path(__file__).parents[1] / "node" / "streams.mjs"
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="no node"),
    pytest.mark.skipif(
        not (SCRIPT.parent / "node_modules" / "openai").exists(),
        reason="no packages of node: `make test` installs them",
    ),
]


async def played(place: Place, plan: Plan) -> tuple[list[dict[str, Any]], str]:
    """What the client made of each stream, and what it said when it threw."""
    stop = plan.stop
    given = {
        "assistant_id": plan.assistant_id,
        "thread_id": plan.thread_id,
        "thread": plan.thread,
        "body": plan.body,
        "outputs": plan.outputs,
        "stop_after": stop and stop.after,
        "stop_times": stop and stop.times,
        "at_rest": stop is not None and stop.at_rest,
    }
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(SCRIPT),
        place.url,
        json.dumps(given),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
            if line == b"stop\n":
                await place.stop(plan)
                process.stdin.write(b"\n")
                line = await process.stdout.readline()
            failure = (await process.stderr.read()).decode()
            assert (await process.wait() == 0) == bool(line), failure
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process.stdin.close()
    return json.loads(line or "[]"), failure


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.full_disk])
async def test_the_assistant_stream(place: Place, name: str) -> None:
    case = CASES[name]
    heard, failure = await played(place, await place.plan(case))
    assert failure == ""
    assert [each["events"] for each in heard] == [[event for event, _ in stream] for stream in case.streams]

    run = heard[-1]["run"]
    stored = await place.get(run)
    assert run == stored.run
    assert [message for each in heard for message in each["messagesDone"]] == stored.messages
    assert [as_read(step) for each in heard for step in each["stepsDone"]] == stored.steps
    # What it puts together itself; of a message, that is what deltas told, and not how it ended.
    made = [unindexed(message["content"]) for each in heard for message in each["messages"]]
    assert made == [message["content"] for message in stored.messages]
    steps = {step["id"]: step for each in heard for step in each["steps"]}
    assert list(map(as_read, steps.values())) == stored.steps

    texts = [part["text"]["value"] for m in stored.messages for part in m["content"] if part["type"] == "text"]
    assert "".join(each["text"] for each in heard) == "".join(texts)
    calls = [call for step in stored.steps for call in step["step_details"].get("tool_calls", [])]
    done = {"tool_calls": [unindexed(call) for each in heard for call in each["calls"]]}
    assert without_outputs(done) == without_outputs({"tool_calls": calls})
    for each in heard:
        counts = each["counts"]
        assert counts["textCreated"] == counts["textDone"]
        assert counts["messageCreated"] == counts["messageDone"] == len(each["messages"])
        assert counts["toolCallCreated"] == counts["toolCallDone"]


async def test_a_failure_that_cannot_be_saved(place: Place) -> None:
    """The one stream that must throw: nothing else could tell the application."""
    heard, failure = await played(place, await place.plan(CASES["failed and could not be saved"]))
    assert (heard, failure) == ([], "APIError: Sorry, something went wrong.\n")
