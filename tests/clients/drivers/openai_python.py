"""The official Python client, of any generation; with `azure` as argument, its client for Azure."""

import asyncio
import os
import re
from typing import Any

import openai
from openai import AssistantEventHandler, AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

from tests.clients.driver import (
    BRIEF,
    LONG,
    RESULT,
    TWO_CITIES,
    WEATHER,
    Driver,
    a_file,
    message_of,
    raises,
    until,
    weather_in,
)

driver = Driver("openai", "pydantic")
AZURE = "azure" in driver.arguments
API_VERSION = "2024-05-01-preview"
PLAIN: dict[str, Any] = {"max_retries": 0, "timeout": 20}
POLLED: dict[str, Any] = {"poll_interval_ms": 20}

ANSWERED = [
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


def connected(key: str = driver.key, **given: Any) -> Any:
    if AZURE:
        return AzureOpenAI(
            **PLAIN, **{"azure_endpoint": driver.url, "api_version": API_VERSION, "api_key": key} | given
        )
    return OpenAI(**PLAIN, **{"base_url": f"{driver.url}/v1", "api_key": key} | given)


def connected_async() -> Any:
    if AZURE:
        return AsyncAzureOpenAI(**PLAIN, azure_endpoint=driver.url, api_version=API_VERSION, api_key=driver.key)
    return AsyncOpenAI(**PLAIN, base_url=f"{driver.url}/v1", api_key=driver.key)


client = connected()
assistants, threads, runs = client.beta.assistants, client.beta.threads, client.beta.threads.runs
vector_stores = client.vector_stores if hasattr(client, "vector_stores") else client.beta.vector_stores


def an_assistant(**given: Any) -> Any:
    return assistants.create(**{"model": "tiny", "tools": [WEATHER], **given})


def a_thread(*said: str) -> Any:
    return threads.create(messages=[{"role": "user", "content": text} for text in said])


def text_of(message: Any) -> str:
    (part,) = message.content
    return str(part.text.value)


def answer_to(run: Any) -> str:
    (message,) = threads.messages.list(run.thread_id, run_id=run.id)
    assert (message.run_id, message.assistant_id, message.role) == (run.id, run.assistant_id, "assistant")
    return text_of(message)


def outputs_for(run: Any) -> list[dict[str, str]]:
    calls = run.required_action.submit_tool_outputs.tool_calls
    cities = [re.findall(r'"city": "(\w+)"', call.function.arguments)[0] for call in calls]
    return [{"tool_call_id": call.id, "output": weather_in(city)} for call, city in zip(calls, cities, strict=True)][
        ::-1
    ]


class Handler(AssistantEventHandler):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.calls: list[Any] = []

    def on_event(self, event: Any) -> None:
        if not (event.event.endswith(".delta") and self.names[-1] == event.event):
            self.names.append(event.event)

    def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        self.text += delta.value or ""
        assert snapshot.value == self.text

    def on_tool_call_done(self, tool_call: Any) -> None:
        self.calls.append((tool_call.id, tool_call.function.name, tool_call.function.arguments))


def heard(manager: Any) -> Any:
    """The run that a stream ended in."""
    with manager as stream:
        stream.until_done()
        return stream.get_final_run()


@driver.scenario
def chat() -> None:
    assistant = an_assistant(name="Echo", instructions="Repeat.")
    assert re.fullmatch(r"asst_[a-zA-Z0-9]+", assistant.id)
    thread = threads.create()
    for said in ("How are you?", "And now?"):
        message = threads.messages.create(thread.id, role="user", content=said)
        assert (text_of(message), message.role, message.run_id) == (said, "user", None)
        run = runs.create(thread.id, assistant_id=assistant.id)
        assert (run.status, run.usage, run.instructions) == ("queued", None, "Repeat.")
        assert type(run.created_at) is type(run.expires_at) is int
        run = until(lambda run=run: (r := runs.retrieve(run.id, thread_id=thread.id)).status == "completed" and r)
        assert answer_to(run) == said
        assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens > 0
    listed = list(threads.messages.list(thread.id, order="asc"))
    assert [text_of(each) for each in listed] == ["How are you?", "How are you?", "And now?", "And now?"]
    assert threads.delete(thread.id).deleted
    assert assistants.delete(assistant.id).deleted


@driver.scenario
def poll_helpers() -> None:
    assistant, thread = an_assistant(), a_thread("Hello")
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)
    assert (run.status, answer_to(run)) == ("completed", "Hello")
    threads.messages.create(thread.id, role="user", content="Bye")
    run = runs.create(thread.id, assistant_id=assistant.id)
    run = runs.poll(run.id, thread_id=thread.id, **POLLED)
    assert (run.status, answer_to(run)) == ("completed", "Bye")
    (step,) = runs.steps.list(run.id, thread_id=thread.id)
    assert (step.type, step.status) == ("message_creation", "completed")
    assert step.usage.to_dict() == run.usage.to_dict()
    assert step.step_details.message_creation.message_id == next(iter(threads.messages.list(thread.id))).id


@driver.scenario
def stream() -> None:
    assistant, thread, handler = an_assistant(), a_thread("Say these words one by one"), Handler()
    run = heard(runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=handler))
    assert handler.names == ANSWERED
    assert handler.text == answer_to(run) == "Say these words one by one"
    assert runs.retrieve(run.id, thread_id=thread.id).to_dict() == run.to_dict()
    assert (run.status, run.usage is None) == ("completed", False)
    with runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        assert "".join(stream.text_deltas) == "Say these words one by one"
    events = list(runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=True))
    assert (events[0].event, events[-1].event) == (ANSWERED[0], ANSWERED[-1])


@driver.scenario
def tools_polled() -> None:
    assistant, thread = an_assistant(), a_thread(TWO_CITIES)
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)
    assert (run.status, len(outputs_for(run))) == ("requires_action", 2)
    outputs = outputs_for(run)
    run = runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=outputs)
    assert (run.status, run.required_action) == ("queued", None)
    run = runs.poll(run.id, thread_id=thread.id, **POLLED)
    assert (run.status, len(outputs_for(run))) == ("requires_action", 1)
    run = runs.submit_tool_outputs_and_poll(run_id=run.id, thread_id=thread.id, tool_outputs=outputs_for(run), **POLLED)
    assert (run.status, answer_to(run)) == ("completed", RESULT)
    steps = list(runs.steps.list(run.id, thread_id=thread.id, order="asc"))
    assert [step.type for step in steps] == ["tool_calls", "tool_calls", "message_creation"]
    said = {call.id: call.function.output for call in steps[0].step_details.tool_calls}
    assert said == {output["tool_call_id"]: output["output"] for output in outputs}


@driver.scenario
def tools_streamed() -> None:
    assistant, thread = an_assistant(), a_thread(TWO_CITIES)
    first = Handler()
    run = heard(runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=first))
    assert (run.status, first.names[-1]) == ("requires_action", "thread.run.requires_action")
    calls = run.required_action.submit_tool_outputs.tool_calls
    assert first.calls == [(call.id, "get_weather", call.function.arguments) for call in calls]
    handlers = []
    while run.status == "requires_action":
        handlers.append(Handler())
        run = heard(
            runs.submit_tool_outputs_stream(
                thread_id=thread.id, run_id=run.id, tool_outputs=outputs_for(run), event_handler=handlers[-1]
            )
        )
        assert handlers[-1].names[:2] == ["thread.run.step.completed", "thread.run.queued"]
    second, third = handlers
    assert (len(second.calls), third.text, answer_to(run)) == (1, RESULT, RESULT)
    assert third.names[-1] == "thread.run.completed"


@driver.scenario
def create_and_run() -> None:
    assistant = an_assistant()
    thread: Any = {"messages": [{"role": "user", "content": "Hello"}], "metadata": {"kind": "new"}}
    run = threads.create_and_run_poll(assistant_id=assistant.id, thread=thread, **POLLED)
    assert (run.status, answer_to(run)) == ("completed", "Hello")
    assert threads.retrieve(run.thread_id).metadata == {"kind": "new"}
    handler = Handler()
    run = heard(threads.create_and_run_stream(assistant_id=assistant.id, thread=thread, event_handler=handler))
    assert handler.names == ["thread.created", *ANSWERED]
    assert handler.text == answer_to(run) == "Hello"


@driver.scenario
def paging() -> None:
    thread = threads.create()
    ids = [threads.messages.create(thread.id, role="user", content=f"number {number}").id for number in range(47)]
    page = threads.messages.list(thread.id)
    assert ([message.id for message in page.data], page.has_more) == (ids[::-1][:20], True)
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        assert [message.id for message in threads.messages.list(thread.id, order=order)] == expected
        assert [message.id for message in threads.messages.list(thread.id, order=order, limit=7)] == expected
        last = threads.messages.list(thread.id, order=order, after=expected[-1])
        assert (last.data, last.has_next_page()) == ([], False)
    before = threads.messages.list(thread.id, order="asc", before=ids[30], limit=3)
    assert [message.id for message in before.data] == ids[27:30]


@driver.scenario
def cancel() -> None:
    assistant, thread = an_assistant(model="slow"), a_thread(LONG)
    run = runs.create(thread.id, assistant_id=assistant.id)
    until(lambda: runs.retrieve(run.id, thread_id=thread.id).status == "in_progress")
    assert runs.cancel(run.id, thread_id=thread.id).status in {"cancelling", "cancelled"}
    assert runs.poll(run.id, thread_id=thread.id, **POLLED).status == "cancelled"
    threads.messages.create(thread.id, role="user", content="Something else")
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)
    assert (run.status, answer_to(run)) == ("completed", "Something else")

    thread, names = a_thread(LONG), []
    with runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        for event in stream:
            names.append(event.event)
            if names.count("thread.message.delta") == 1 and event.event == "thread.message.delta":
                runs.cancel(stream.current_run.id, thread_id=thread.id)
    assert names[-1] == "thread.run.cancelled"


@driver.scenario
def leaving() -> None:
    assistant, thread = an_assistant(model="slow"), a_thread(BRIEF)
    with runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        next(iter(stream.text_deltas))
        run = stream.current_run
    run = runs.poll(run.id, thread_id=thread.id, **POLLED)
    assert (run.status, answer_to(run)) == ("completed", BRIEF)
    threads.messages.create(thread.id, role="user", content="I am back")


def refused(kind: type[openai.APIStatusError], ask: Any) -> str:
    with raises(kind) as caught:
        ask()
    assert caught[0].message.startswith(f"Error code: {caught[0].status_code} - ")
    return message_of(caught[0])


@driver.scenario
def errors() -> None:
    assistant, thread = an_assistant(), a_thread(TWO_CITIES)
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)

    def again() -> Any:
        return runs.create(thread.id, assistant_id=assistant.id)

    found = re.match(r"Thread (\w+) already has an active run (\w+)\.$", refused(openai.BadRequestError, again))
    assert found
    assert found.groups() == (thread.id, run.id)
    said = refused(openai.BadRequestError, lambda: threads.messages.create(thread.id, role="user", content="Hi"))
    found = re.match(r"Can't add messages to (thread_\w+) while a run (run_\w+) is active\.$", said)
    assert found
    assert found.groups() == (thread.id, run.id)
    outputs = [{"tool_call_id": output["tool_call_id"], "output": "sun"} for output in outputs_for(run)]
    one = outputs[:1]
    said = refused(
        openai.BadRequestError,
        lambda: runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=one),
    )
    assert said.startswith("Expected tool outputs for call_ids [")
    runs.submit_tool_outputs_and_poll(run_id=run.id, thread_id=thread.id, tool_outputs=outputs, **POLLED)
    said = refused(
        openai.BadRequestError, lambda: runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=outputs)
    )
    assert said == 'Runs in status "completed" do not accept tool outputs.'
    said = refused(openai.BadRequestError, lambda: runs.cancel(run.id, thread_id=thread.id))
    assert said == "Cannot cancel run with status 'completed'."
    missing = {
        "No assistant found with id 'asst_none'.": lambda: assistants.retrieve("asst_none"),
        "No thread found with id 'thread_none'.": lambda: threads.retrieve("thread_none"),
        "No run found with id 'run_none'.": lambda: runs.retrieve("run_none", thread_id=thread.id),
        "No message found with id 'msg_none'.": lambda: threads.messages.retrieve("msg_none", thread_id=thread.id),
    }
    for message, ask in missing.items():
        assert refused(openai.NotFoundError, ask) == message
    refused(openai.BadRequestError, lambda: assistants.create(model="tiny", temperature=3))
    thread = a_thread("break off")
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)
    assert (run.status, run.last_error.code, bool(run.last_error.message)) == ("failed", "server_error", True)


@driver.scenario
def nulls() -> None:
    absent = dict.fromkeys(("name", "description", "instructions", "metadata", "temperature", "top_p"))
    assistant = assistants.create(model="tiny", tools=[], tool_resources=None, response_format=None, **absent)
    assert (assistant.name, assistant.metadata, assistant.temperature, assistant.top_p) == (None, {}, 1.0, 1.0)
    assert (assistant.tool_resources.file_search, assistant.response_format) == (None, "auto")
    fields = {"name": "Named", "instructions": "Repeat.", "metadata": {"a": "1", "b": "2"}}
    assistant = assistants.update(assistant.id, **fields)
    assert {name: getattr(assistant, name) for name in fields} == fields
    assistant = assistants.update(assistant.id, name=None, description=None, metadata={"a": "3"})
    assert (assistant.name, assistant.instructions, assistant.metadata) == (None, "Repeat.", {"a": "3"})

    said: Any = {"role": "user", "content": "Hello", "attachments": None, "metadata": None}
    nowhere: Any = {"code_interpreter": None, "file_search": None}
    thread = threads.create(messages=[said], metadata=None, tool_resources=nowhere)
    assert threads.update(thread.id, metadata={"user": "u1"}).metadata == {"user": "u1"}
    assert threads.update(thread.id, metadata=None, tool_resources=None).metadata is not None
    message = threads.messages.create(thread.id, **said)
    assert (message.attachments, message.metadata) == ([], {})
    assert threads.messages.update(message.id, thread_id=thread.id, metadata={"k": "v"}).metadata == {"k": "v"}
    names = ("additional_instructions", "additional_messages", "instructions", "max_completion_tokens")
    names += ("max_prompt_tokens", "metadata", "model", "response_format", "temperature", "tool_choice", "tools")
    absent = dict.fromkeys((*names, "top_p", "truncation_strategy"))
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **absent, **POLLED)
    assert (run.status, run.instructions, run.metadata, run.tool_choice) == ("completed", "Repeat.", {}, "auto")
    assert runs.update(run.id, thread_id=thread.id, metadata={"seen": "yes"}).metadata == {"seen": "yes"}


@driver.scenario
def files() -> None:
    data = b"The runbook says: restart it.\n" * 20
    file = client.files.create(file=("runbook.txt", data), purpose="assistants")
    assert (file.bytes, file.filename, file.purpose) == (len(data), "runbook.txt", "assistants")
    assert client.files.retrieve(file.id).to_dict() == file.to_dict()
    assert client.files.content(file.id).read() == data
    assert file.id in [each.id for each in client.files.list(purpose="assistants")]

    store = vector_stores.create(name="Runbooks")
    with open(a_file("disk.md", "# Disks\nFull disks are emptied.\n"), "rb") as opened:
        added = vector_stores.files.upload_and_poll(vector_store_id=store.id, file=opened, **POLLED)
    assert (added.status, added.last_error, added.vector_store_id) == ("completed", None, store.id)
    given = [(f"{number}.txt", f"Rule {number} of 7.\n".encode()) for number in range(7)]
    batch = vector_stores.file_batches.upload_and_poll(vector_store_id=store.id, files=given, **POLLED)
    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 7, 7)
    store = vector_stores.retrieve(store.id)
    assert (store.status, store.file_counts.completed, store.usage_bytes > 0) == ("completed", 8, True)
    assert len(list(vector_stores.files.list(store.id, limit=3))) == 8

    searching: Any = {"file_search": {"vector_store_ids": [store.id]}}
    assistant = an_assistant(tools=[{"type": "file_search"}, WEATHER], tool_resources=searching)
    assert assistant.tool_resources.file_search.vector_store_ids == [store.id]
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [file.id]}]}}
    thread = threads.create(tool_resources=helper)
    (made,) = thread.tool_resources.file_search.vector_store_ids
    until(lambda: vector_stores.retrieve(made).file_counts.completed == 1)
    attachment: Any = {"file_id": file.id, "tools": [{"type": "file_search"}, {"type": "code_interpreter"}]}
    message = threads.messages.create(thread.id, role="user", content="Hello", attachments=[attachment])
    assert message.attachments[0].file_id == file.id
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)
    assert (run.status, answer_to(run)) == ("completed", "Hello")

    assert vector_stores.files.delete(file_id=added.id, vector_store_id=store.id).deleted
    assert vector_stores.delete(store.id).deleted
    assert client.files.delete(file.id).deleted
    refused(openai.NotFoundError, lambda: client.files.retrieve(file.id))


@driver.scenario
def base_urls() -> None:
    if AZURE:
        ways: list[dict[str, Any]] = [{"azure_endpoint": f"{driver.url}/"}, {"azure_deployment": "tiny"}]
        apart: dict[str, Any] = {"api_version": API_VERSION, "api_key": driver.key}
        others = [connected(**way) for way in ways]
        others += [AzureOpenAI(base_url=f"{driver.url}/{path}", **apart, **PLAIN) for path in ("openai", "openai/v1/")]
    else:
        others = [connected(base_url=driver.url + path) for path in ("", "/", "/v1", "/v1/")]
        for path in ("", "/v1"):
            os.environ["OPENAI_BASE_URL"] = driver.url + path
            others.append(OpenAI(**PLAIN, organization=""))
    for other in others:
        assistant, thread = other.beta.assistants.create(model="tiny"), other.beta.threads.create()
        other.beta.threads.messages.create(thread.id, role="user", content="Hello")
        run = other.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, **POLLED)
        assert answer_to(run) == "Hello"
        said = other.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "Hello"}])
        assert said.choices[0].message.content == "Hello"
        other.close()


@driver.scenario
def passthrough() -> None:
    assert {"tiny", "slow"} <= {model.id for model in client.models.list()}
    asked: Any = {"model": "tiny", "messages": [{"role": "user", "content": "one two three"}]}
    assert client.chat.completions.create(**asked).choices[0].message.content == "one two three"
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three"
    assert chunks[-1].usage.completion_tokens >= 3
    form: Any = {"type": "json_schema", "json_schema": {"name": "any", "schema": {"type": "object"}}}
    assert client.chat.completions.create(**asked, response_format=form).choices[0].message.content


@driver.scenario
def keys() -> None:
    thread = threads.create()
    others = [connected("sk-wrong-0123456789")]
    if AZURE:
        others.append(AzureOpenAI(azure_endpoint=driver.url, api_version=API_VERSION, azure_ad_token="wrong", **PLAIN))
        token = AzureOpenAI(azure_endpoint=driver.url, api_version=API_VERSION, azure_ad_token=driver.key, **PLAIN)
        assert token.beta.threads.retrieve(thread.id).id == thread.id
        token.close()
    for other in others:
        refused(openai.AuthenticationError, lambda other=other: other.beta.threads.retrieve(thread.id))
        refused(openai.AuthenticationError, lambda other=other: other.models.list())
        other.close()
    (foreign,) = (connected(each) for each in driver.arguments if each.startswith("sk-"))
    assert "No thread found" in refused(openai.NotFoundError, lambda: foreign.beta.threads.retrieve(thread.id))
    foreign.close()


@driver.scenario
async def parallel() -> None:
    async with connected_async() as other:
        assistant = await other.beta.assistants.create(model="tiny")

        async def talk(number: int) -> None:
            thread = await other.beta.threads.create()
            for turn in range(3):
                said = f"thread {number}, turn {turn}"
                await other.beta.threads.messages.create(thread.id, role="user", content=said)
                run = await other.beta.threads.runs.create_and_poll(
                    thread_id=thread.id, assistant_id=assistant.id, **POLLED
                )
                listed = [message async for message in other.beta.threads.messages.list(thread.id, run_id=run.id)]
                assert [text_of(message) for message in listed] == [said]

        await asyncio.gather(*(talk(number) for number in range(5)))


driver.run()
client.close()
