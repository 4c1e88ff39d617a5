"""Runs through the official client: polled, streamed, with tools, stopped."""

import itertools
import re
from typing import Any

import openai
import pytest

from tests.sdk.clients import WEATHER, Api, outputs_for, text_of

ANSWER = (
    r"run_step_created message_created text_created text_delta message_delta( text_delta message_delta)*"
    r" text_done message_done run_step_done"
)
TWO_CALLS = (
    r"run_step_created tool_call_created run_step_delta( tool_call_delta run_step_delta)+"
    r" tool_call_done tool_call_created run_step_delta( tool_call_delta run_step_delta)+ tool_call_done"
)
A_CALL = r"run_step_created tool_call_created run_step_delta( tool_call_delta run_step_delta)+ tool_call_done"
LONG = " ".join(f"word{n}" for n in range(300))
"""So long that the slow model takes six seconds for it."""


def calls_of(handler: Any) -> str:
    return " ".join(name.removeprefix("on_") for name, _ in handler.calls)


def joined_deltas(handler: Any) -> str:
    return "".join(arguments[0].value or "" for name, arguments in handler.calls if name == "on_text_delta")


async def streamed(api: Api, manager: Any) -> Any:
    """Read a stream to its end; what it ended in."""
    async with api.opened(manager) as stream:
        await api(stream.until_done())
        return await api(stream.get_final_run())


async def check_stored(api: Api, handler: Any, run: Any) -> None:
    """What the stream said is what is there."""
    stored = await api(api.runs.retrieve(run.id, thread_id=run.thread_id))
    assert stored.to_dict() == run.to_dict()
    steps = await api.every(api.runs.steps.list(run.id, thread_id=run.thread_id, order="asc"))
    done = [arguments[0] for name, arguments in handler.calls if name == "on_run_step_done"]
    for step in done:
        # Who reads a completed step is not told any more when it would have expired.
        later = {"expires_at": None} if step.status == "completed" else {}
        assert {**step.to_dict(), **later} in [each.to_dict() for each in steps]
    # The client keeps these as they were when their deltas ended, and does not look at their completion.
    seen = await api(handler.get_final_run_steps())
    assert [step.id for step in seen] == [step.id for step in steps][-len(seen) :]
    if run.status != "requires_action":
        messages = await api.every(api.threads.messages.list(run.thread_id, run_id=run.id, order="asc"))
        said = await api(handler.get_final_messages())
        assert [message.to_dict() for message in said] == [message.to_dict() for message in messages]
        assert text_of(messages[-1]) == joined_deltas(handler)


async def test_a_conversation_that_is_polled(api: Api) -> None:
    assistant = await api.assistant(name="Echo", instructions="Repeat.", tools=[])
    thread = await api.thread()
    for n in range(3):
        message = await api(api.threads.messages.create(thread.id, role="user", content=f"This is number {n}."))
        assert (message.role, text_of(message), message.thread_id) == ("user", f"This is number {n}.", thread.id)
        run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
        assert (run.status, run.assistant_id, run.instructions) == ("completed", assistant.id, "Repeat.")
        (answer,) = await api.every(api.threads.messages.list(thread.id, run_id=run.id))
        assert (answer.role, text_of(answer), answer.assistant_id) == ("assistant", text_of(message), assistant.id)
    listed = await api.every(api.threads.messages.list(thread.id, order="asc"))
    assert [message.role for message in listed] == ["user", "assistant"] * 3
    assert len(await api.every(api.runs.list(thread.id))) == 3


async def test_a_streamed_run(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("Say these seven words one by one")
    handler = api.handler()
    run = await streamed(api, api.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=handler))
    assert run.status == "completed"
    assert re.fullmatch(f"{ANSWER} end", calls_of(handler))
    assert joined_deltas(handler) == "Say these seven words one by one"
    assert [name for name, _ in itertools.groupby(handler.events)] == [
        "thread.run.created",
        "thread.run.queued",
        "thread.run.in_progress",
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        "thread.message.delta",
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.completed",
    ]
    await check_stored(api, handler, run)


async def test_the_plain_iterator_of_a_stream(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("Hello there")
    stream = await api(api.runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=True))
    names = [event.event async for event in api.events(stream)]
    assert (names[0], names[-1]) == ("thread.run.created", "thread.run.completed")


async def test_text_deltas(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("Hello there")
    async with api.opened(api.runs.stream(thread_id=thread.id, assistant_id=assistant.id)) as stream:
        assert "".join([text async for text in api.events(stream.text_deltas)]) == "Hello there"


async def test_two_rounds_of_tools_streamed(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("What is the weather in Paris and Rome")
    first = api.handler()
    run = await streamed(api, api.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=first))
    assert run.status == "requires_action"
    assert re.fullmatch(f"{TWO_CALLS} end", calls_of(first))
    calls = run.required_action.submit_tool_outputs.tool_calls
    assert [call.function.arguments for call in calls] == ['{"city": "Paris"}', '{"city": "Rome"}']
    (seen,) = await api(first.get_final_run_steps())
    assert [call.id for call in seen.step_details.tool_calls] == [call.id for call in calls]
    assert [call.function.arguments for call in seen.step_details.tool_calls] == [
        call.function.arguments for call in calls
    ]

    async def submitted(handler: Any, output: Any) -> Any:
        return await streamed(
            api,
            api.runs.submit_tool_outputs_stream(
                thread_id=thread.id, run_id=run.id, tool_outputs=outputs_for(run, output), event_handler=handler
            ),
        )

    second = api.handler()
    run = await submitted(second, lambda given: "ask for the weather in Oslo" if "Rome" in given else "sunny")
    assert run.status == "requires_action"
    assert re.fullmatch(f"run_step_done {A_CALL} end", calls_of(second))
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    assert call.function.arguments == '{"city": "Oslo"}'
    assert call.id not in {each.id for each in calls}

    third = api.handler()
    run = await submitted(third, lambda given: "snow")
    assert run.status == "completed"
    assert re.fullmatch(f"run_step_done {ANSWER} end", calls_of(third))
    assert joined_deltas(third) == "The result is: snow"
    await check_stored(api, third, run)

    steps = await api.every(api.runs.steps.list(run.id, thread_id=thread.id, order="asc"))
    assert [step.type for step in steps] == ["tool_calls", "tool_calls", "message_creation"]
    assert [call.function.output for call in steps[0].step_details.tool_calls] == [
        "sunny",
        "ask for the weather in Oslo",
    ]


async def test_a_round_of_tools_polled(api: Api) -> None:
    assistant = await api.assistant()
    run = await api(
        api.threads.create_and_run_poll(
            assistant_id=assistant.id,
            thread={"messages": [{"role": "user", "content": "weather in Paris and Rome"}]},
            poll_interval_ms=20,
        )
    )
    assert (run.status, len(run.required_action.submit_tool_outputs.tool_calls)) == ("requires_action", 2)
    run = await api(
        api.runs.submit_tool_outputs_and_poll(
            thread_id=run.thread_id,
            run_id=run.id,
            tool_outputs=outputs_for(run, lambda given: "rain" if "Paris" in given else "sun"),
            poll_interval_ms=20,
        )
    )
    assert run.status == "completed"
    (answer,) = await api.every(api.threads.messages.list(run.thread_id, run_id=run.id))
    assert text_of(answer) == "The result is: rain, sun"


async def test_the_answer_to_outputs_is_the_run_that_goes_on(api: Api) -> None:
    """Clients that read the status of this answer must not run their tools twice."""
    assistant, thread = await api.assistant(), await api.thread("weather in Paris")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    submit = {"thread_id": thread.id, "run_id": run.id, "tool_outputs": outputs_for(run, lambda given: "sun")}
    answer = await api(api.runs.submit_tool_outputs(**submit))
    assert (answer.status, answer.required_action) == ("queued", None)
    with pytest.raises(openai.BadRequestError, match="do not accept tool outputs"):
        await api(api.runs.submit_tool_outputs(**submit))
    assert (await api(api.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20))).status == "completed"


async def test_create_and_run_stream(api: Api) -> None:
    assistant, handler = await api.assistant(), api.handler()
    run = await streamed(
        api,
        api.threads.create_and_run_stream(
            assistant_id=assistant.id,
            thread={"messages": [{"role": "user", "content": "Hello from a new thread"}], "metadata": {"a": "b"}},
            metadata={"c": "d"},
            event_handler=handler,
        ),
    )
    assert handler.events[:2] == ["thread.created", "thread.run.created"]
    assert re.fullmatch(f"{ANSWER} end", calls_of(handler))
    assert (run.status, run.metadata) == ("completed", {"c": "d"})
    assert (await api(api.threads.retrieve(run.thread_id))).metadata == {"a": "b"}
    await check_stored(api, handler, run)


async def test_steps_and_their_usage(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("weather in Paris and Rome")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    (waiting,) = await api.every(api.runs.steps.list(run.id, thread_id=thread.id))
    assert (waiting.status, waiting.usage, run.usage) == ("in_progress", None, None)
    run = await api(
        api.runs.submit_tool_outputs_and_poll(
            thread_id=thread.id, run_id=run.id, tool_outputs=outputs_for(run, lambda _: "sun"), poll_interval_ms=20
        )
    )
    steps = await api.every(api.runs.steps.list(run.id, thread_id=thread.id, order="asc"))
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    for step in steps:
        got = await api(api.runs.steps.retrieve(step.id, thread_id=thread.id, run_id=run.id))
        assert got.to_dict() == step.to_dict()
        assert (step.status, step.run_id) == ("completed", run.id)
        assert step.usage.total_tokens == step.usage.prompt_tokens + step.usage.completion_tokens > 0
    for kind in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert getattr(run.usage, kind) == sum(getattr(step.usage, kind) for step in steps)
    (answer,) = await api.every(api.threads.messages.list(thread.id, run_id=run.id))
    assert steps[1].step_details.message_creation.message_id == answer.id


async def test_cancel_while_it_is_streamed(api: Api) -> None:
    assistant, thread = await api.assistant(model="slow"), await api.thread(LONG)
    handler = api.handler()
    manager = api.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=handler)
    async with api.opened(manager) as stream:
        async for event in api.events(stream):
            if event.event == "thread.message.delta" and "thread.run.cancelling" not in handler.events:
                if len(handler.calls) < 8:
                    continue
                run = await api(api.runs.retrieve(stream.current_run.id, thread_id=thread.id))
                if run.status == "in_progress":
                    answer = await api(api.runs.cancel(run.id, thread_id=thread.id))
                    assert (answer.status, answer.id) == ("cancelling", run.id)
        final = await api(stream.get_final_run())
    assert handler.events[-4:] == [
        "thread.run.cancelling",
        "thread.message.incomplete",
        "thread.run.step.cancelled",
        "thread.run.cancelled",
    ]
    assert (final.status, final.expires_at) == ("cancelled", None)
    assert final.cancelled_at is not None
    await check_stored(api, handler, final)
    (answer,) = await api(handler.get_final_messages())
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "run_cancelled")
    assert LONG.startswith(text_of(answer))

    await api(api.threads.messages.create(thread.id, role="user", content="Short"))
    again = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    assert again.status == "completed"


async def test_cancel_while_it_waits_for_outputs(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("weather in Paris")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    answer = await api(api.runs.cancel(run.id, thread_id=thread.id))
    assert (answer.status, answer.required_action) == ("cancelling", None)
    run = await api(api.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20))
    assert run.status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
        await api(api.runs.cancel(run.id, thread_id=thread.id))
    await api(api.threads.messages.create(thread.id, role="user", content="Never mind"))
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    assert run.status == "completed"


async def test_a_client_that_leaves_its_stream(api: Api) -> None:
    """It does not end the run."""
    assistant = await api.assistant(model="slow")
    said = "twenty words " * 10
    thread = await api.thread(said.strip())
    async with api.opened(api.runs.stream(thread_id=thread.id, assistant_id=assistant.id)) as stream:
        async for event in api.events(stream):
            if event.event == "thread.message.delta":
                break
        run = stream.current_run
    assert run.status == "in_progress"
    with pytest.raises(openai.BadRequestError, match=f"Can't add messages to {thread.id} while a run {run.id}"):
        await api(api.threads.messages.create(thread.id, role="user", content="Are you done?"))
    run = await api(api.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=50))
    assert run.status == "completed"
    (answer,) = await api.every(api.threads.messages.list(thread.id, run_id=run.id))
    assert text_of(answer) == said.strip()


async def test_a_run_s_own_settings(api: Api) -> None:
    assistant, thread = await api.assistant(instructions="Be brief.", temperature=0.5), await api.thread("Hi")
    run = await api(
        api.runs.create_and_poll(
            thread_id=thread.id,
            assistant_id=assistant.id,
            additional_instructions="Be kind.",
            additional_messages=[{"role": "user", "content": "And hello"}],
            metadata={"kind": "test"},
            temperature=0.1,
            tools=[WEATHER],
            tool_choice="none",
            parallel_tool_calls=False,
            truncation_strategy={"type": "last_messages", "last_messages": 5},
            response_format="auto",
            max_prompt_tokens=1000,
            max_completion_tokens=1000,
            poll_interval_ms=20,
        )
    )
    assert (run.status, run.instructions, run.temperature) == ("completed", "Be brief.\nBe kind.", 0.1)
    assert (run.metadata, run.tool_choice, run.parallel_tool_calls) == ({"kind": "test"}, "none", False)
    (answer,) = await api.every(api.threads.messages.list(thread.id, run_id=run.id))
    assert text_of(answer) == "And hello"
    changed = await api(api.runs.update(run.id, thread_id=thread.id, metadata={"kind": "done"}))
    assert (changed.metadata, changed.status) == ({"kind": "done"}, "completed")


async def test_an_answer_cut_short(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("one two three four five")
    handler = api.handler()
    run = await streamed(
        api,
        api.runs.stream(thread_id=thread.id, assistant_id=assistant.id, max_completion_tokens=3, event_handler=handler),
    )
    assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_completion_tokens")
    assert (handler.events[-1], joined_deltas(handler)) == ("thread.run.incomplete", "one two three")
    await check_stored(api, handler, run)


async def test_a_run_that_fails(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("Please break off.")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    assert (run.status, run.last_error.code) == ("failed", "server_error")
    assert run.last_error.message.startswith("Sorry, something went wrong.")
    await api(api.threads.messages.create(thread.id, role="user", content="Again?"))
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20))
    assert run.status == "completed"
