"""Hosted tools, of which one is not run: taken everywhere, not offered, said once, refused where it is forced."""

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from compat_tests.scripted_upstream import ScriptedUpstream
from proxy.errors import InvalidRequest
from proxy.operations import hosted
from proxy.operations.assistants import create_assistant, get_assistant, modify_assistant
from proxy.operations.messages import create_message
from proxy.operations.runs import create_run, create_thread_and_run
from proxy.operations.threads import create_thread
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.messages import CreateMessage
from proxy.schema.runs import CreateRun, CreateThreadAndRun
from proxy.schema.threads import CreateThread
from proxy.services import Services
from proxy.store import runs
from tests.operations.conftest import HOME
from tests.operations.test_assistants import as_sent

HOSTED = [{"type": "code_interpreter"}, {"type": "file_search"}]
FUNCTION = {"type": "function", "function": {"name": "f"}}
REFUSED = "which this version of Understudy cannot run. Leave 'tool_choice' out, or set it to 'auto'."


@pytest.fixture(autouse=True)
def _as_at_the_start() -> Iterator[None]:
    hosted._note.cache_clear()
    yield
    hosted._note.cache_clear()


async def assistant_with(services: Services, *tools: Any) -> str:
    body = msgspec.convert({"model": "tiny", "tools": tools}, CreateAssistant)
    return (await create_assistant(services, project=HOME, body=body)).id


async def run_with(services: Services, **given: Any) -> Any:
    """A run on a thread of its own."""
    thread = {"messages": [{"role": "user", "content": "Hi"}]}
    body = msgspec.convert({"thread": thread} | given, CreateThreadAndRun)
    return await create_thread_and_run(services, project=HOME, body=body)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def types(tools: Any) -> list[str]:
    return [tool["type"] for tool in as_sent(tools)]


async def test_they_are_kept_and_not_offered(services: Services, upstream: ScriptedUpstream):
    assistant_id = await assistant_with(services, *HOSTED, FUNCTION)
    stored = as_sent(await get_assistant(services, project=HOME, assistant_id=assistant_id))
    assert types(stored["tools"]) == ["code_interpreter", "file_search", "function"]
    run = await run_with(services, assistant_id=assistant_id)
    assert types(run.tools) == ["code_interpreter", "file_search", "function"]
    assert as_sent(run)["tool_resources"] == {}
    await upstream.received()
    assert [tool["function"]["name"] for tool in upstream.requests[0]["tools"]] == ["f"]


async def test_without_functions_no_tools_are_offered(services: Services, upstream: ScriptedUpstream):
    await run_with(services, assistant_id=await assistant_with(services, *HOSTED))
    await upstream.received()
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(upstream.requests[0])


async def test_each_is_said_once(services: Services, caplog: pytest.LogCaptureFixture):
    for _ in range(3):
        assistant_id = await assistant_with(services, *HOSTED)
        await run_with(services, assistant_id=assistant_id, tools=HOSTED)
    body = msgspec.convert({"tools": HOSTED}, ModifyAssistant)
    await modify_assistant(services, project=HOME, assistant_id=assistant_id, body=body)
    assert warnings(caplog) == [
        "a client uses the tool code_interpreter, which this version cannot run: it is accepted and stored wherever it "
        "is sent, and not offered to models"
    ]


async def test_those_of_a_stored_assistant_are_said_when_they_are_used(
    services: Services, caplog: pytest.LogCaptureFixture
):
    assistant_id = await assistant_with(services, HOSTED[0])
    hosted._note.cache_clear()  # as after a restart
    caplog.clear()
    await run_with(services, assistant_id=assistant_id)
    assert len(warnings(caplog)) == 1


async def test_functions_are_nothing_to_speak_of(services: Services, caplog: pytest.LogCaptureFixture):
    await run_with(services, assistant_id=await assistant_with(services, FUNCTION), tool_choice="required")
    assert warnings(caplog) == []


async def test_one_that_is_forced_is_refused(services: Services):
    name = "code_interpreter"
    assistant_id = await assistant_with(services, *HOSTED, FUNCTION)
    thread = await create_thread(services, project=HOME, body=CreateThread())
    body = msgspec.convert({"assistant_id": assistant_id, "tool_choice": {"type": name}}, CreateRun)
    with pytest.raises(InvalidRequest) as refused:
        await create_run(services, project=HOME, thread_id=thread.id, body=body)
    assert str(refused.value) == f"'tool_choice' forces the tool '{name}', {REFUSED}"
    assert (refused.value.param, refused.value.code) == ("tool_choice", "unsupported_value")
    with pytest.raises(InvalidRequest, match=f"forces the tool '{name}'"):
        await run_with(services, assistant_id=assistant_id, tool_choice={"type": name})
    assert await services.store.read(lambda db: runs.lapsed_runs(db, float("inf"), 9)) == []


@pytest.mark.parametrize("tools", [None, HOSTED[:1]])
async def test_hosted_ones_that_are_all_there_is_cannot_be_required(services: Services, tools: Any):
    assistant_id = await assistant_with(services, HOSTED[0])
    with pytest.raises(InvalidRequest) as refused:
        await run_with(services, assistant_id=assistant_id, tools=tools, tool_choice="required")
    assert str(refused.value) == (
        f"'tool_choice' requires a tool, and the run has no other than hosted tools, {REFUSED}"
    )
    assert refused.value.param == "tool_choice"


@pytest.mark.parametrize("choice", ["auto", "none", None, {"type": "function", "function": {"name": "f"}}])
async def test_other_choices_are_fine(services: Services, upstream: ScriptedUpstream, choice: Any):
    assistant_id = await assistant_with(services, *HOSTED, FUNCTION)
    run = await run_with(services, assistant_id=assistant_id, tool_choice=choice)
    assert as_sent(run)["tool_choice"] == (choice or "auto")
    await upstream.received()


async def test_attachments_are_kept_with_their_tools(services: Services, upstream: ScriptedUpstream):
    thread = await create_thread(services, project=HOME, body=CreateThread())
    attachments = [{"file_id": "file-1", "tools": HOSTED}]
    body = msgspec.convert({"role": "user", "content": "Read this", "attachments": attachments}, CreateMessage)
    message = await create_message(services, project=HOME, thread_id=thread.id, body=body)
    assert message.attachments == attachments
    run = msgspec.convert({"assistant_id": await assistant_with(services, *HOSTED)}, CreateRun)
    await create_run(services, project=HOME, thread_id=thread.id, body=run)
    await upstream.received()
    assert upstream.requests[0]["messages"] == [{"role": "user", "content": "Read this"}]
