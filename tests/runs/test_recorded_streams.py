"""Recorded streams of the real service, told again by a turn: the same events in the same order, with the same keys.

The recorded deltas say what the model said; fed to a turn as chunks, they must come out as they were.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from adapters.chat import Chunk, FinishReason, ToolCallFragment
from proxy.api.sse import frame
from proxy.runs.inputs import Ended, Input, Received, Started
from proxy.runs.outputs import accept
from proxy.runs.progress import RunProgress
from proxy.runs.turn import Turn
from proxy.schema.events import Event
from proxy.schema.runs import Run, ToolOutput
from proxy.schema.steps import RunStep
from tests.recordings import cases, scenarios
from tests.runs.conftest import counting_ids

Recorded = list[dict[str, Any]]


def streams() -> Iterator[Any]:
    """Streams of text and of functions. Hosted tools, and what was recorded before May 2024, are another matter."""
    for name, scenario in scenarios():
        for exchange in scenario["exchanges"]:
            events: Recorded = [e for e in exchange["response"].get("sse") or [] if e["event"] != "done"]
            text = str(events)
            hosted = "'code_interpreter': {'input'" in text or "'file_search': {'r" in text
            # For some months of 2024 an incomplete run was announced as `completed`.
            if events and not hosted and "incomplete" not in text.replace("incomplete_", ""):
                yield pytest.param(events, id=name)


def as_input(event: dict[str, Any]) -> Input | None:
    data = event["data"]
    if event["event"] == "thread.message.delta":
        return Received(Chunk(text="".join(part["text"]["value"] for part in data["delta"]["content"])), 2)
    if event["event"] == "thread.run.step.delta":
        fragments = tuple(
            ToolCallFragment(
                index=call["index"], name=call["function"].get("name"), arguments=call["function"].get("arguments", "")
            )
            for call in data["delta"]["step_details"]["tool_calls"]
        )
        return Received(Chunk(tool_calls=fragments), 2)
    return None


def told_again(recorded: Recorded) -> list[Event]:
    by_name = {event["event"]: event["data"] for event in recorded}
    events: list[Event] = []
    run = msgspec.convert(next(e["data"] for e in recorded if e["data"]["object"] == "thread.run"), Run)
    progress = RunProgress()
    if recorded[0]["event"] == "thread.run.step.completed":
        done = msgspec.convert(recorded[0]["data"], RunStep)
        calls: Any = done.step_details
        outputs = [ToolOutput(tool_call_id=call.id, output=call.function.output) for call in calls.tool_calls]
        waiting = msgspec.convert({**by_name["thread.run.queued"], "status": "requires_action"}, Run)
        events, progress = accept(waiting, progress, done, outputs, at=1)
    turn = Turn(run, progress, new_id=counting_ids())
    finish: FinishReason = "tool_calls" if "thread.run.requires_action" in by_name else "stop"
    inputs = [Started(1), *filter(None, map(as_input, recorded)), Received(Chunk(finish=finish), 3), Ended(3)]
    return events + [event for given in inputs for event in turn.feed(given)]


def paths(value: Any, path: str = "") -> set[str]:
    """The keys of a value with where they are; lists count by what their items have."""
    match value:
        case dict():
            return {inner for key, item in value.items() for inner in {f"{path}.{key}"} | paths(item, f"{path}.{key}")}
        case list():
            return {inner for item in value for inner in paths(item, f"{path}[]")}
        case _:
            return set()


ALWAYS_OURS = {".expired_at", ".metadata", ".reasoning_effort", ".parallel_tool_calls"}


def is_ours(path: str) -> bool:
    return path in ALWAYS_OURS or path.startswith((".tools[]", ".usage.", ".tool_resources"))


@pytest.mark.parametrize("recorded", cases(list(streams())))
def test_a_recorded_stream_is_told_again(recorded: Recorded) -> None:
    # The operation that creates a run announces it; the turn takes over from there.
    theirs = [e for e in recorded if e["event"] not in {"thread.created", "thread.run.created"}]
    if recorded[0]["event"] != "thread.run.step.completed":
        theirs = [e for e in theirs if e["event"] != "thread.run.queued"]
    ours = [frame(event).decode().split("\n")[:2] for event in told_again(recorded) if frame(event)]
    assert [name.removeprefix("event: ") for name, _ in ours] == [event["event"] for event in theirs]
    for (_, line), event in zip(ours, theirs, strict=True):
        data = msgspec.json.decode(line.removeprefix("data: "))
        assert data["object"] == event["data"]["object"]
        assert {p for p in paths(event["data"]) - paths(data) if not is_ours(p)} == set(), event["event"]
        assert {p for p in paths(data) - paths(event["data"]) if not is_ours(p)} == set(), event["event"]
        if event["event"].endswith("delta"):
            assert data["delta"].keys() == event["data"]["delta"].keys()
