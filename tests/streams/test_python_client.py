"""Every kind of stream through the event handler of the official Python client, in both its colours.

The client runs in a thread and a loop of its own: the synchronous one blocks.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import openai
import pytest
from openai import AsyncStream, Stream
from openai.lib.streaming import AssistantStreamManager, AsyncAssistantStreamManager
from openai.types.beta import AssistantStreamEvent

from tests.sdk.clients import Api, client
from tests.streams.cases import CASES
from tests.streams.place import Place, Plan, Seen, as_read, unindexed, without_outputs

pytestmark = pytest.mark.filterwarnings(
    "ignore:(The Assistants API is deprecated in favor of the Responses API|deprecated)$:DeprecationWarning"
)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a handler made of one stream."""

    events: list[str]
    callbacks: list[str]
    run: Any
    steps: list[Any]
    """As the handler put them together."""
    steps_done: list[Any]
    messages: list[Any]
    text: str
    calls_created: list[str]
    calls_done: list[str]


async def play(api: Api, plan: Plan, stop: Seen) -> list[Heard]:
    """All streams of a plan, as an application goes through them."""
    start = {"assistant_id": plan.assistant_id, **plan.body}
    if plan.thread_id is None:
        heard = [await hear(api, partial(api.threads.create_and_run_stream, thread=plan.thread, **start), plan, stop)]
    else:
        heard = [await hear(api, partial(api.runs.stream, thread_id=plan.thread_id, **start), plan, stop)]
    for outputs in plan.outputs:
        run = heard[-1].run
        calls = run.required_action.submit_tool_outputs.tool_calls
        given = [{"tool_call_id": call.id, "output": out} for call, out in zip(calls, outputs, strict=True)]
        submit = partial(api.runs.submit_tool_outputs_stream, thread_id=run.thread_id, run_id=run.id)
        heard.append(await hear(api, partial(submit, tool_outputs=given), plan, stop))
    if plan.stop is not None and plan.stop.at_rest:
        await stop()
        run, received = heard[-1].run, sum(len(each.events) for each in heard)
        path = f"/threads/{run.thread_id}/runs/{run.id}/events?starting_after={received}"
        heard.append(await hear(api, partial(followed, api, path), plan, stop))
    return heard


def followed(api: Api, path: str, *, event_handler: Any) -> Any:
    """A stream at a path that the client has no method for."""
    given: Any = {"cast_to": AssistantStreamEvent, "stream": True}
    if api.is_async:
        request = api.client.get(path, stream_cls=AsyncStream[AssistantStreamEvent], **given)
        return AsyncAssistantStreamManager(request, event_handler=event_handler)
    ask = partial(api.client.get, path, stream_cls=Stream[AssistantStreamEvent], **given)
    return AssistantStreamManager(ask, event_handler=event_handler)


async def hear(api: Api, begin: Any, plan: Plan, stop: Seen) -> Heard:
    handler = api.handler()
    async with api.opened(begin(event_handler=handler)) as stream:
        async for event in api.events(stream):
            what = plan.stop
            if what is None or what.at_rest or event.event != what.after:
                continue
            if handler.events.count(what.after) == what.times:
                await stop()
        run = await api(stream.get_final_run())
    callbacks = [name for name, _ in handler.calls]

    def given(callback: str) -> list[Any]:
        return [arguments[0] for name, arguments in handler.calls if name == callback]

    return Heard(
        events=handler.events,
        callbacks=callbacks,
        run=run,
        steps=await api(handler.get_final_run_steps()) if "on_run_step_created" in callbacks else [],
        steps_done=given("on_run_step_done"),
        messages=await api(handler.get_final_messages()) if "on_message_created" in callbacks else [],
        text="".join(delta.value or "" for delta in given("on_text_delta")),
        calls_created=[call.id for call in given("on_tool_call_created")],
        calls_done=[call.id for call in given("on_tool_call_done")],
    )


async def played(place: Place, colour: str, plan: Plan) -> list[Heard]:
    here = asyncio.get_running_loop()

    async def stop() -> None:
        asyncio.run_coroutine_threadsafe(place.stop(plan), here).result(10)

    async def play_and_close() -> list[Heard]:
        api = client(colour, place.url)
        try:
            return await play(api, plan, stop)
        finally:
            await api.aclose()

    return await asyncio.to_thread(asyncio.run, play_and_close())


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.full_disk])
async def test_the_handler(place: Place, name: str, colour: str) -> None:
    case = CASES[name]
    heard = await played(place, colour, await place.plan(case))
    assert [each.events for each in heard] == [[event for event, _ in stream] for stream in case.streams]

    run = heard[-1].run
    stored = await place.get({"id": run.id, "thread_id": run.thread_id})
    assert run.to_dict() == stored.run
    assert [message.to_dict() for each in heard for message in each.messages] == stored.messages
    assert [as_read(step.to_dict()) for each in heard for step in each.steps_done] == stored.steps
    made = {step.id: step for each in heard for step in each.steps}
    assert list(made) == [step["id"] for step in stored.steps]
    for step, there in zip(made.values(), stored.steps, strict=True):
        assert without_outputs(unindexed(step.to_dict()["step_details"])) == without_outputs(there["step_details"])

    texts = [part["text"]["value"] for m in stored.messages for part in m["content"] if part["type"] == "text"]
    assert "".join(each.text for each in heard) == "".join(texts)
    for each in heard:
        assert each.callbacks.count("on_text_created") == each.callbacks.count("on_text_done")
        assert each.callbacks.count("on_message_created") == each.callbacks.count("on_message_done")
        # It says `done` twice of a call whose step and run end one after the other.
        assert each.calls_created == list(dict.fromkeys(each.calls_done))
        assert each.callbacks.count("on_exception") == 0
        assert each.callbacks[-1] == "on_end"


@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_a_failure_that_cannot_be_saved(place: Place, colour: str) -> None:
    """The one stream that must raise: nothing else could tell the application."""
    plan = await place.plan(CASES["failed and could not be saved"])
    with pytest.raises(openai.APIError, match=r"^Sorry, something went wrong\.$") as caught:
        await played(place, colour, plan)
    assert caught.value.type == "server_error"
