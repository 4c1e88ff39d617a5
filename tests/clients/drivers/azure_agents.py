"""Azure's `AgentsClient` (azure-ai-agents): no official client of OpenAI underneath, and no OpenAI-Beta header."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from azure.ai.agents import AgentsClient
from azure.ai.agents.models import (
    AgentEventHandler,
    AgentStreamEvent,
    FilePurpose,
    FileSearchTool,
    FunctionTool,
    ListSortOrder,
    MessageAttachment,
    ToolOutput,
    ToolSet,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy

from tests.clients.driver import BRIEF, LONG, RESULT, TWO_CITIES, WEATHER, Driver, raises, until, weather_in

driver = Driver("azure-ai-agents", "azure-core")


def connected(key: str = driver.key, endpoint: str = f"{driver.url}/v1") -> Any:
    credential: Any = AzureKeyCredential(key)
    policy = AzureKeyCredentialPolicy(credential, "api-key")  # bearer tokens it sends over TLS only
    return AgentsClient(endpoint, credential, authentication_policy=policy, retry_total=0, read_timeout=20)


client = connected()
threads, messages, runs = client.threads, client.messages, client.runs
asked: list[str] = []


def get_weather(city: str) -> str:
    """
    Tell the weather of a city.

    :param city: which one
    """
    asked.append(city)
    return weather_in(city)


def an_agent(**given: Any) -> Any:
    return client.create_agent(**{"model": "tiny", "name": "Echo", "instructions": "Repeat.", **given})


def a_thread(*said: str) -> Any:
    thread = threads.create()
    for text in said:
        messages.create(thread_id=thread.id, role="user", content=text)
    return thread


def processed(thread: Any, agent: Any) -> Any:
    return runs.create_and_process(thread_id=thread.id, agent_id=agent.id, polling_interval=0.02)


def answer_to(run: Any) -> str:
    (message,) = (each for each in messages.list(thread_id=run.thread_id) if each.run_id == run.id)
    assert (message.role, message.agent_id) == ("assistant", run.agent_id)
    return str(message.text_messages[0].text.value)


class Handler(AgentEventHandler):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def on_message_delta(self, delta: Any) -> None:
        self.text += delta.text

    def on_error(self, data: str) -> None:
        raise AssertionError(data)


@driver.scenario
def chat() -> None:
    agent, thread = an_agent(), a_thread()
    for said in ("Hello", "And now?"):
        messages.create(thread_id=thread.id, role="user", content=said)
        run = runs.create(thread_id=thread.id, agent_id=agent.id)
        run = until(lambda run=run: (r := runs.get(thread_id=thread.id, run_id=run.id)).status == "completed" and r)
        assert answer_to(run) == said
        last = messages.get_last_message_text_by_role(thread_id=thread.id, role="assistant")
        assert last.text.value == said
    assert thread.id in [each.id for each in threads.list()]
    threads.delete(thread.id)
    client.delete_agent(agent.id)


@driver.scenario
def poll_helpers() -> None:
    run = processed(a_thread("Hello"), an_agent())
    assert (run.status, answer_to(run), run.usage.total_tokens > 0) == ("completed", "Hello", True)
    (step,) = client.run_steps.list(thread_id=run.thread_id, run_id=run.id)
    assert (step.type, step.status) == ("message_creation", "completed")


@driver.scenario
def stream() -> None:
    agent, thread = an_agent(), a_thread("Say these words one by one")
    with runs.stream(thread_id=thread.id, agent_id=agent.id, event_handler=Handler()) as handler:
        names = [str(name) for name, _, _ in handler]
    assert (names[0], names[-1]) == (AgentStreamEvent.THREAD_RUN_CREATED, AgentStreamEvent.DONE)
    assert AgentStreamEvent.THREAD_RUN_COMPLETED in names
    assert handler.text == "Say these words one by one"
    assert messages.get_last_message_text_by_role(thread_id=thread.id, role="assistant").text.value == handler.text


@driver.scenario
def tools_polled() -> None:
    asked.clear()
    tools = ToolSet()
    tools.add(FunctionTool({get_weather}))
    client.enable_auto_function_calls(tools)
    run = processed(a_thread(TWO_CITIES), an_agent(toolset=tools))
    assert (run.status, answer_to(run)) == ("completed", RESULT)
    assert sorted(asked) == ["Oslo", "Paris", "Rome"]
    steps = list(client.run_steps.list(thread_id=run.thread_id, run_id=run.id, order=ListSortOrder.ASCENDING))
    assert [step.type for step in steps] == ["tool_calls", "tool_calls", "message_creation"]

    thread, agent = a_thread(TWO_CITIES), an_agent(tools=[WEATHER])
    run = runs.create(thread_id=thread.id, agent_id=agent.id)
    run = until(lambda: (r := runs.get(thread_id=thread.id, run_id=run.id)).status == "requires_action" and r)
    calls = run.required_action.submit_tool_outputs.tool_calls
    outputs = [ToolOutput(tool_call_id=call.id, output="sun") for call in reversed(calls)]
    run = runs.submit_tool_outputs(thread_id=thread.id, run_id=run.id, tool_outputs=outputs)
    assert (run.status, run.required_action) == ("queued", None)
    until(lambda: runs.get(thread_id=thread.id, run_id=run.id).status == "completed")


@driver.scenario
def tools_streamed() -> None:
    asked.clear()
    tools = ToolSet()
    tools.add(FunctionTool({get_weather}))
    client.enable_auto_function_calls(tools)
    agent, thread = an_agent(toolset=tools), a_thread(TWO_CITIES)
    with runs.stream(thread_id=thread.id, agent_id=agent.id, event_handler=Handler()) as handler:
        handler.until_done()
    assert (handler.text, sorted(asked)) == (RESULT, ["Oslo", "Paris", "Rome"])


@driver.scenario
def create_and_run() -> None:
    thread: Any = {"messages": [{"role": "user", "content": "Hello"}], "metadata": {"kind": "new"}}
    run = client.create_thread_and_process_run(agent_id=an_agent().id, thread=thread, polling_interval=0.02)
    assert (run.status, answer_to(run)) == ("completed", "Hello")
    assert threads.get(run.thread_id).metadata == {"kind": "new"}


@driver.scenario
def paging() -> None:
    thread = threads.create()
    ids = [messages.create(thread_id=thread.id, role="user", content=f"number {n}").id for n in range(47)]
    for order, expected in ((ListSortOrder.ASCENDING, ids), (ListSortOrder.DESCENDING, ids[::-1])):
        assert [each.id for each in messages.list(thread_id=thread.id, order=order)] == expected
        assert [each.id for each in messages.list(thread_id=thread.id, order=order, limit=7)] == expected


@driver.scenario
def cancel() -> None:
    agent, thread = an_agent(model="slow"), a_thread(LONG)
    run = runs.create(thread_id=thread.id, agent_id=agent.id)
    until(lambda: runs.get(thread_id=thread.id, run_id=run.id).status == "in_progress")
    assert runs.cancel(thread_id=thread.id, run_id=run.id).status in {"cancelling", "cancelled"}
    until(lambda: runs.get(thread_id=thread.id, run_id=run.id).status == "cancelled")
    messages.create(thread_id=thread.id, role="user", content="Something else")
    assert answer_to(processed(thread, agent)) == "Something else"


@driver.scenario
def leaving() -> None:
    agent, thread = an_agent(model="slow"), a_thread(BRIEF)
    with runs.stream(thread_id=thread.id, agent_id=agent.id) as handler:
        next(name for name, _, _ in handler if name == AgentStreamEvent.THREAD_MESSAGE_DELTA)
    (run,) = runs.list(thread_id=thread.id)
    run = until(lambda: (r := runs.get(thread_id=thread.id, run_id=run.id)).status == "completed" and r)
    assert answer_to(run) == BRIEF
    messages.create(thread_id=thread.id, role="user", content="I am back")


def refused(kind: type[HttpResponseError], ask: Any) -> str:
    with raises(kind) as caught:
        ask()
    return str(caught[0].error.message)


@driver.scenario
def errors() -> None:
    agent, thread = an_agent(tools=[WEATHER]), a_thread(TWO_CITIES)
    run = runs.create(thread_id=thread.id, agent_id=agent.id)
    until(lambda: runs.get(thread_id=thread.id, run_id=run.id).status == "requires_action")
    said = refused(HttpResponseError, lambda: runs.create(thread_id=thread.id, agent_id=agent.id))
    assert said == f"Thread {thread.id} already has an active run {run.id}."
    said = refused(HttpResponseError, lambda: messages.create(thread_id=thread.id, role="user", content="Hi"))
    assert re.match(rf"Can't add messages to {thread.id} while a run {run.id} is active\.$", said)
    runs.cancel(thread_id=thread.id, run_id=run.id)
    assert refused(ResourceNotFoundError, lambda: client.get_agent("asst_none")).startswith("No assistant found")
    assert refused(ResourceNotFoundError, lambda: threads.get("thread_none")).startswith("No thread found")
    failed = processed(a_thread("break off"), agent)
    assert (failed.status, failed.last_error.code) == ("failed", "server_error")


@driver.scenario
def nulls() -> None:
    absent = dict.fromkeys(("description", "temperature", "top_p", "metadata", "tools", "tool_resources"))
    agent = client.create_agent(body={"model": "tiny", "name": None, "instructions": None, **absent})
    assert (agent.name, agent.metadata, agent.temperature) == (None, {}, 1.0)
    agent = client.update_agent(agent.id, name="Named", instructions="Repeat.", metadata={"a": "1"})
    agent = client.update_agent(agent.id, body={"name": None, "metadata": {"b": "2"}})
    assert (agent.name, agent.instructions, agent.metadata) == (None, "Repeat.", {"b": "2"})
    thread = threads.create(messages=None, metadata=None)
    assert threads.update(thread.id, metadata={"user": "u1"}).metadata == {"user": "u1"}
    messages.create(thread_id=thread.id, role="user", content="Hello", attachments=None, metadata=None)
    assert answer_to(processed(thread, agent)) == "Hello"  # sends null for all that a run may have
    # What it fetched, it may send back.
    tools = ToolSet()
    tools.add(FunctionTool({get_weather}))
    agent = an_agent(toolset=tools)
    again = client.create_agent(
        model=agent.model, tools=agent.tools, tool_resources=agent.tool_resources, response_format=agent.response_format
    )
    assert again.tools == agent.tools


@driver.scenario
def files() -> None:
    place = Path("runbook.txt")
    place.write_bytes(data := b"The runbook says: restart it.\n" * 20)
    file = client.files.upload_and_poll(file_path=str(place), purpose=FilePurpose.AGENTS, polling_interval=0.02)
    assert b"".join(client.files.get_content(file.id)) == data
    assert file.id in [each.id for each in client.files.list(purpose=FilePurpose.AGENTS).data]
    store = client.vector_stores.create_and_poll(file_ids=[file.id], name="Runbooks", polling_interval=0.02)
    assert (store.status, store.file_counts.completed) == ("completed", 1)
    place.write_bytes(b"Something else.\n")
    other = client.files.upload(file_path=str(place), purpose=FilePurpose.AGENTS)
    batch = client.vector_store_file_batches.create_and_poll(
        vector_store_id=store.id, file_ids=[other.id], polling_interval=0.02
    )
    assert (batch.status, batch.file_counts.completed) == ("completed", 1)
    assert len(list(client.vector_store_files.list(store.id))) == 2
    search = FileSearchTool(vector_store_ids=[store.id])
    agent = an_agent(tools=search.definitions, tool_resources=search.resources)
    assert agent.tool_resources.file_search.vector_store_ids == [store.id]
    attachment = MessageAttachment(file_id=file.id, tools=search.definitions)
    thread = threads.create()
    messages.create(thread_id=thread.id, role="user", content="Hello", attachments=[attachment])
    assert answer_to(processed(thread, agent)) == "Hello"
    client.vector_stores.delete(store.id)
    client.files.delete(file.id)
    refused(ResourceNotFoundError, lambda: client.files.get(file.id))


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/", "/openai", "/openai/v1"):
        with connected(endpoint=driver.url + path) as other:
            assert other.create_agent(model="tiny", name=path).name == path


@driver.scenario
def keys() -> None:
    thread = threads.create()
    for key in ("sk-wrong-0123456789", *driver.arguments):
        with connected(key) as other:
            kind = ResourceNotFoundError if key in driver.arguments else ClientAuthenticationError
            refused(kind, lambda other=other: other.threads.get(thread.id))


@driver.scenario
def parallel() -> None:
    agent = an_agent()

    def talk(number: int) -> None:
        thread = threads.create()
        for turn in range(3):
            said = f"thread {number}, turn {turn}"
            messages.create(thread_id=thread.id, role="user", content=said)
            assert answer_to(processed(thread, agent)) == said

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(talk, range(5)))


driver.cannot("It has no chat completions.", "passthrough")
driver.run()
client.close()
