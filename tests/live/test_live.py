"""The official client, our server, and a real model server that nobody here wrote: whole conversations."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from openai import AssistantEventHandler, AsyncAssistantEventHandler, AsyncOpenAI, BadRequestError, OpenAI
from openai.types.beta import Assistant
from openai.types.beta.threads import Message, Run, Text, TextDelta
from typing_extensions import override

from .servers import MODEL_NAME, ModelServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning"),
]

GREETING = "Hello! How can I help you today?"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
OUTPUTS = {"Paris": "river 21", "Rome": "stone 3", "Oslo": "cloud 7"}
ENDLESS: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "words",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "words": {"type": "array", "items": {"type": "string", "enum": ["stone", "river"]}, "minItems": 900}
            },
            "required": ["words"],
            "additionalProperties": False,
        },
    },
}
"""An answer that only the context length ends: the model itself likes short ones."""


class Heard(AssistantEventHandler):
    """Everything the handler was told, as it was told."""

    @override
    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.deltas: list[str] = []
        self.texts: list[str] = []
        self.messages: list[Message] = []

    @override
    def on_event(self, event: Any) -> None:
        self.events.append(event.event)

    @override
    def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
        self.deltas.append(delta.value or "")

    @override
    def on_text_done(self, text: Text) -> None:
        self.texts.append(text.value)

    @override
    def on_message_done(self, message: Message) -> None:
        self.messages.append(message)


class AsyncHeard(AsyncAssistantEventHandler):
    @override
    def __init__(self) -> None:
        super().__init__()
        self.deltas: list[str] = []
        self.texts: list[str] = []

    @override
    async def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
        self.deltas.append(delta.value or "")

    @override
    async def on_text_done(self, text: Text) -> None:
        self.texts.append(text.value)


@pytest.fixture
def assistant(client: OpenAI) -> Assistant:
    return client.beta.assistants.create(
        model=MODEL_NAME, instructions="You are a helpful assistant.", tools=[WEATHER], temperature=0
    )


@pytest.fixture
def talker(client: OpenAI) -> Assistant:
    """An assistant without tools."""
    return client.beta.assistants.create(model=MODEL_NAME, instructions="Be brief.", temperature=0)


def asked(client: OpenAI, text: str) -> str:
    """Make a thread that begins with `text`; its id."""
    return client.beta.threads.create(messages=[{"role": "user", "content": text}]).id


def newest_text(client: OpenAI, thread_id: str) -> str:
    return text_of(next(iter(client.beta.threads.messages.list(thread_id))))


def text_of(message: Message) -> str:
    (part,) = message.content
    assert part.type == "text"
    return part.text.value


def outputs_for(run: Run) -> Any:
    assert run.required_action is not None
    return [
        {"tool_call_id": call.id, "output": OUTPUTS[json.loads(call.function.arguments)["city"]]}
        for call in run.required_action.submit_tool_outputs.tool_calls
    ]


def calls_of(run: Run) -> list[tuple[str, Any]]:
    assert run.required_action is not None
    calls = run.required_action.submit_tool_outputs.tool_calls
    assert len({call.id for call in calls}) == len(calls)
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


def test_a_polled_run(client: OpenAI, talker: Assistant) -> None:
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(thread.id, role="user", content="hello")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=talker.id, poll_interval_ms=50)
    assert (run.status, run.last_error) == ("completed", None)
    assert newest_text(client, thread.id) == GREETING
    (step,) = client.beta.threads.runs.steps.list(run.id, thread_id=thread.id)
    assert step.usage is not None
    assert run.usage is not None
    assert (step.usage.prompt_tokens, step.usage.completion_tokens) == (
        run.usage.prompt_tokens,
        run.usage.completion_tokens,
    )
    assert run.usage.prompt_tokens > 0
    assert run.usage.completion_tokens > 0


def test_a_streamed_run(client: OpenAI, talker: Assistant) -> None:
    thread_id = asked(client, "count to 12")
    heard = Heard()
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=talker.id, event_handler=heard) as stream:
        stream.until_done()
        run = stream.get_final_run()
    assert run.status == "completed"
    assert heard.texts == ["1 2 3 4 5 6 7 8 9 10 11 12"]
    assert "".join(heard.deltas) == heard.texts[0] == newest_text(client, thread_id)
    assert len(heard.deltas) > 1
    without_deltas = [event for event in heard.events if event != "thread.message.delta"]
    assert without_deltas == [
        "thread.run.created",
        "thread.run.queued",
        "thread.run.in_progress",
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.completed",
    ]


def test_parallel_calls_in_two_rounds(client: OpenAI, assistant: Assistant) -> None:
    thread_id = asked(client, "weather in Paris and Rome")
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant.id) as stream:
        stream.until_done()
        run = stream.get_final_run()
    assert run.status == "requires_action"
    assert calls_of(run) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
    with pytest.raises(BadRequestError, match="already has an active run"):
        client.beta.threads.runs.create(thread_id, assistant_id=assistant.id)

    heard = Heard()
    with client.beta.threads.runs.submit_tool_outputs_stream(
        run_id=run.id, thread_id=thread_id, tool_outputs=outputs_for(run), event_handler=heard
    ) as stream:
        stream.until_done()
        run = stream.get_final_run()
    assert run.status == "completed"
    assert heard.texts == ["The result is: river 21, stone 3"]
    assert "".join(heard.deltas) == heard.texts[0] == newest_text(client, thread_id)
    assert heard.events[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
    steps = list(client.beta.threads.runs.steps.list(run.id, thread_id=thread_id, order="asc"))
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    assert [step.status for step in steps] == ["completed", "completed"]
    called = steps[0].step_details
    assert called.type == "tool_calls"
    assert [call.function.output for call in called.tool_calls if call.type == "function"] == ["river 21", "stone 3"]
    spent = [step.usage.completion_tokens for step in steps if step.usage is not None]
    assert len(spent) == 2
    assert all(tokens > 0 for tokens in spent)
    assert run.usage is not None
    assert run.usage.completion_tokens == sum(spent)

    client.beta.threads.messages.create(thread_id, role="user", content="weather in Oslo")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread_id, assistant_id=assistant.id, poll_interval_ms=50)
    assert run.status == "requires_action"
    assert calls_of(run) == [("get_weather", {"city": "Oslo"})]
    run = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=thread_id, tool_outputs=outputs_for(run), poll_interval_ms=50
    )
    assert run.status == "completed"
    assert newest_text(client, thread_id) == "The result is: cloud 7"


def test_thread_and_run_at_once(client: OpenAI, assistant: Assistant) -> None:
    heard = Heard()
    with client.beta.threads.create_and_run_stream(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "say stone tiger"}]},
        event_handler=heard,
    ) as stream:
        stream.until_done()
    assert heard.events[:2] == ["thread.created", "thread.run.created"]
    assert heard.texts == ["stone tiger"]


async def test_the_asynchronous_client(async_client: AsyncOpenAI) -> None:
    client = async_client
    assistant = await client.beta.assistants.create(model=MODEL_NAME, tools=[WEATHER], temperature=0)
    thread = await client.beta.threads.create()
    await client.beta.threads.messages.create(thread.id, role="user", content="weather in Paris and Rome")
    async with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        await stream.until_done()
        run = await stream.get_final_run()
    assert run.status == "requires_action"
    assert [arguments["city"] for _, arguments in calls_of(run)] == ["Paris", "Rome"]
    heard = AsyncHeard()
    async with client.beta.threads.runs.submit_tool_outputs_stream(
        run_id=run.id, thread_id=thread.id, tool_outputs=outputs_for(run), event_handler=heard
    ) as answer:
        await answer.until_done()
        run = await answer.get_final_run()
    assert run.status == "completed"
    assert heard.texts == ["The result is: river 21, stone 3"]
    assert "".join(heard.deltas) == heard.texts[0]
    assert run.usage is not None
    steps = [step async for step in client.beta.threads.runs.steps.list(run.id, thread_id=thread.id)]
    assert sum(step.usage.total_tokens for step in steps if step.usage) == run.usage.total_tokens

    thread = await client.beta.threads.create(messages=[{"role": "user", "content": "hello"}])
    run = await client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50
    )
    assert run.status == "completed"
    messages = [message async for message in client.beta.threads.messages.list(thread.id)]
    assert [text_of(message) for message in messages] == [GREETING, "hello"]


def test_instructions_are_the_system_message(client: OpenAI, server: ModelServer, talker: Assistant) -> None:
    """The server counted exactly the tokens of the prompt we mean to send."""
    thread_id = asked(client, "say river")
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread_id,
        assistant_id=talker.id,
        additional_instructions="Answer in English.",
        poll_interval_ms=50,
    )
    assert newest_text(client, thread_id) == "river"
    assert run.instructions.startswith("Be brief.")
    assert run.instructions.endswith("Answer in English.")
    assert run.usage is not None
    prompt = [{"role": "system", "content": run.instructions}, {"role": "user", "content": "say river"}]
    assert run.usage.prompt_tokens == tokens_of(server, prompt)


def tokens_of(server: ModelServer, messages: list[dict[str, str]]) -> int:
    if server.name == "llama-server":
        _, rendered = server.ask("POST", "/apply-template", json.dumps({"messages": messages}).encode())
        content = {"content": json.loads(rendered)["prompt"], "add_special": True, "parse_special": True}
        _, counted = server.ask("POST", "/tokenize", json.dumps(content).encode())
        return len(json.loads(counted)["tokens"])
    _, counted = server.ask("POST", "/tokenize", json.dumps({"model": MODEL_NAME, "messages": messages}).encode())
    count: int = json.loads(counted)["count"]
    return count


def test_a_run_out_of_its_budget_is_incomplete(client: OpenAI, talker: Assistant) -> None:
    thread_id = asked(client, "count to 20")
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread_id, assistant_id=talker.id, max_completion_tokens=4, poll_interval_ms=50
    )
    assert run.status == "incomplete"
    assert run.incomplete_details is not None
    assert run.incomplete_details.reason == "max_completion_tokens"
    assert run.usage is not None
    assert run.usage.completion_tokens == 4
    message = next(iter(client.beta.threads.messages.list(thread_id)))
    assert message.status == "incomplete"
    assert "1 2 3 4 5".startswith(text_of(message).strip())
    client.beta.threads.messages.create(thread_id, role="user", content="hello")


def test_cancelling_stops_the_model_server(client: OpenAI, server: ModelServer, talker: Assistant) -> None:
    thread_id = asked(client, "count to 20")
    began = time.monotonic()
    with client.beta.threads.runs.stream(
        thread_id=thread_id, assistant_id=talker.id, response_format=ENDLESS
    ) as stream:
        stream.until_done()
        assert stream.get_final_run().status == "incomplete"
    whole_seconds = time.monotonic() - began
    stopped_seconds = best_of_three(lambda: cancelled_stream(client, server, talker))
    assert stopped_seconds < 0.5
    assert whole_seconds > 2 * stopped_seconds


def cancelled_stream(client: OpenAI, server: ModelServer, talker: Assistant) -> float:
    """Cancel a streamed run in the middle; the seconds until the model server is idle."""
    thread_id = asked(client, "count to 20")
    heard = Heard()
    with client.beta.threads.runs.stream(
        thread_id=thread_id, assistant_id=talker.id, response_format=ENDLESS, event_handler=heard
    ) as stream:
        for event in stream:
            # SGLang's gauge lags a tenth of a second behind at the start of an answer.
            if event.event == "thread.message.delta" and server.requests_running() == 1:
                break
        run = stream.current_run
        assert run is not None
        assert client.beta.threads.runs.cancel(run.id, thread_id=thread_id).status in ("cancelling", "cancelled")
        stopped_seconds = seconds_until_idle(server)
        stream.until_done()
    assert heard.events[-1] == "thread.run.cancelled"
    assert client.beta.threads.runs.retrieve(run.id, thread_id=thread_id).status == "cancelled"
    message = next(iter(client.beta.threads.messages.list(thread_id)))
    assert message.status == "incomplete"
    assert message.incomplete_details is not None
    assert message.incomplete_details.reason == "run_cancelled"
    assert text_of(message) == "".join(heard.deltas)
    return stopped_seconds


def test_cancelling_a_polled_run_stops_the_model_server(client: OpenAI, server: ModelServer, talker: Assistant) -> None:
    """Nobody reads this answer as it comes, and we read it as a stream all the same: a server stops for no other."""
    assert best_of_three(lambda: cancelled_poll(client, server, talker)) < 0.5


def cancelled_poll(client: OpenAI, server: ModelServer, talker: Assistant) -> float:
    thread_id = asked(client, "count to 20")
    run = client.beta.threads.runs.create(thread_id, assistant_id=talker.id, response_format=ENDLESS)
    while not server.requests_running():
        assert client.beta.threads.runs.retrieve(run.id, thread_id=thread_id).status in ("queued", "in_progress")
    client.beta.threads.runs.cancel(run.id, thread_id=thread_id)
    stopped_seconds = seconds_until_idle(server)
    run = client.beta.threads.runs.poll(run.id, thread_id=thread_id, poll_interval_ms=20)
    assert run.status == "cancelled"
    client.beta.threads.messages.create(thread_id, role="user", content="hello")
    return stopped_seconds


def seconds_until_idle(server: ModelServer) -> float:
    began = time.monotonic()
    while server.requests_running():
        assert time.monotonic() - began < 60
    return time.monotonic() - began


def best_of_three(measure: Callable[[], float]) -> float:
    """A machine that is busy with something else may spoil one measurement, and hardly three."""
    return min(measure() for _ in range(3))


def test_a_run_outlives_its_listener(client: OpenAI, talker: Assistant) -> None:
    thread_id = asked(client, "count to 20")
    with client.beta.threads.runs.stream(
        thread_id=thread_id, assistant_id=talker.id, response_format=ENDLESS, max_completion_tokens=300
    ) as stream:
        for event in stream:
            if event.event == "thread.message.delta":
                break
        run = stream.current_run
    assert run is not None
    run = client.beta.threads.runs.poll(run.id, thread_id=thread_id, poll_interval_ms=50)
    assert run.status == "incomplete"
    assert run.usage is not None
    assert run.usage.completion_tokens == 300


def test_chat_completions_pass_through(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    for model in (MODEL_NAME, "gpt-4o"):
        answer = client.chat.completions.create(model=model, messages=messages, temperature=0)
        assert answer.choices[0].message.content == GREETING
    with client.chat.completions.create(
        model="gpt-4o", messages=messages, temperature=0, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(deltas) == GREETING
    assert len(deltas) > 2
    assert chunks[-1].usage is not None


def test_models_and_aliases(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[0] == MODEL_NAME
    assert client.models.retrieve("gpt-4o").id
    assistant = client.beta.assistants.create(model="gpt-4o", temperature=0)
    thread_id = asked(client, "hello")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread_id, assistant_id=assistant.id, poll_interval_ms=50)
    assert (run.model, run.status) == ("gpt-4o", "completed")
    assert newest_text(client, thread_id) == GREETING


def test_a_model_server_killed_in_the_middle(client: OpenAI, server: ModelServer, talker: Assistant) -> None:
    thread_id = asked(client, "count to 20")
    heard = Heard()
    try:
        with client.beta.threads.runs.stream(
            thread_id=thread_id, assistant_id=talker.id, response_format=ENDLESS, event_handler=heard
        ) as stream:
            for event in stream:
                if event.event == "thread.message.delta":
                    break
            server.kill()
            stream.until_done()
            run = stream.get_final_run()
        assert heard.events[-1] == "thread.run.failed"
        assert run.status == "failed"
        assert run.last_error is not None
        assert run.last_error.code == "server_error"
        message = next(iter(client.beta.threads.messages.list(thread_id)))
        assert message.status == "incomplete"
        assert message.incomplete_details is not None
        assert message.incomplete_details.reason == "run_failed"
        assert text_of(message) == "".join(heard.deltas)

        client.beta.threads.messages.create(thread_id, role="user", content="hello")
        run = client.beta.threads.runs.create_and_poll(thread_id=thread_id, assistant_id=talker.id, poll_interval_ms=50)
        assert run.status == "failed"
    finally:
        server.start()
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread_id,
        assistant_id=talker.id,
        truncation_strategy={"type": "last_messages", "last_messages": 1},
        poll_interval_ms=50,
    )
    assert (run.status, run.last_error) == ("completed", None)
    assert newest_text(client, thread_id) == GREETING
