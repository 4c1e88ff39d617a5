"""LangChain's `OpenAIAssistantRunnable`, and `OpenAIAssistantV2Runnable` of langchain-community."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
from langchain.agents import AgentExecutor
from langchain.agents.openai_assistant import OpenAIAssistantRunnable
from langchain_community.agents.openai_assistant import OpenAIAssistantV2Runnable
from langchain_core.tools import tool

from tests.clients.driver import RESULT, TWO_CITIES, Driver, message_of, raises, weather_in

driver = Driver("langchain", "langchain-community", "openai")
KINDS: tuple[Any, ...] = (OpenAIAssistantRunnable, OpenAIAssistantV2Runnable)
PLAIN: dict[str, Any] = {"max_retries": 0, "timeout": 20}


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return weather_in(city)


def a_runnable(kind: Any, *, tools: tuple[Any, ...] = (), **given: Any) -> Any:
    return kind.create_assistant(
        name="Echo", instructions="Repeat.", tools=tools, model="tiny", check_every_ms=20, **given
    )


def texts_of(messages: Any) -> list[str]:
    return [part.text.value for message in messages for part in message.content]


@driver.scenario
def chat() -> None:
    for kind in KINDS:
        runnable = a_runnable(kind)
        thread_id = runnable.invoke({"content": "Hello"})[0].thread_id
        for said in ("And now?", "And then?"):
            messages = runnable.invoke({"content": said, "thread_id": thread_id})
            assert texts_of(messages) == [said]


@driver.scenario
def tools_polled() -> None:
    for kind in KINDS:
        agent = a_runnable(kind, tools=(get_weather,), as_agent=True)
        executor = AgentExecutor(agent=agent, tools=[get_weather])
        answer = executor.invoke({"content": TWO_CITIES})
        assert (answer["output"], answer["thread_id"][:7]) == (RESULT, "thread_")
        runnable = a_runnable(kind, tools=(get_weather,))
        calls = runnable.invoke({"content": TWO_CITIES})
        assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Rome"]
        run = executor.agent.runnable.client.beta.threads.runs.list(answer["thread_id"]).data[0]
        assert run.status == "completed"


@driver.scenario
def create_and_run() -> None:
    for kind in KINDS:
        given = {"content": "Hello", "thread_metadata": {"kind": "new"}, "message_metadata": {"n": "1"}}
        runnable = a_runnable(kind)
        (message,) = runnable.invoke(given)
        assert runnable.client.beta.threads.retrieve(message.thread_id).metadata == {"kind": "new"}


@driver.scenario
def paging() -> None:
    for kind in KINDS:
        runnable = a_runnable(kind)
        messages = runnable.client.beta.threads.messages
        thread = runnable.client.beta.threads.create()
        for number in range(47):
            messages.create(thread.id, role="user", content=f"number {number}")
        # It reads from the first message on until it comes to those of its run.
        assert texts_of(runnable.invoke({"content": "The last", "thread_id": thread.id})) == ["The last"]


@driver.scenario
def errors() -> None:
    for kind in KINDS:
        runnable = a_runnable(kind, tools=(get_weather,))
        run_of = runnable.client.beta.threads.runs
        runnable.invoke({"content": TWO_CITIES, "thread_id": (thread := runnable.client.beta.threads.create()).id})
        with raises(openai.BadRequestError) as caught:
            runnable.invoke({"content": "Hello", "thread_id": thread.id})
        expected = rf"Can't add messages to {thread.id} while a run \w+ is active\.$"
        assert re.match(expected, message_of(caught[0]))
        run_of.cancel(run_of.list(thread.id).data[0].id, thread_id=thread.id)
        with raises(openai.NotFoundError) as caught:
            kind(assistant_id="asst_none").invoke({"content": "Hello"})
        assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
def nulls() -> None:
    for kind in KINDS:
        runnable = a_runnable(kind)
        absent = dict.fromkeys(("instructions", "model", "tools"))
        (message,) = runnable.invoke({"content": "Hello", "message_metadata": None, "thread_metadata": None, **absent})
        assert texts_of(runnable.invoke({"content": "Bye", "thread_id": message.thread_id, **absent})) == ["Bye"]


@driver.scenario
def files() -> None:
    client = openai.OpenAI(**PLAIN)
    file = client.files.create(file=("runbook.txt", b"Restart it."), purpose="assistants")
    attachments = [{"file_id": file.id, "tools": [{"type": "file_search"}]}]
    first = a_runnable(KINDS[0], tools=({"type": "file_search"},))
    (message,) = first.invoke({"content": "Hello", "attachments": attachments})
    second = a_runnable(KINDS[1], tools=({"type": "file_search"},))
    (other,) = second.invoke({"content": "Hello"}, attachments=attachments)
    for thread_id in (message.thread_id, other.thread_id):
        (store_id,) = client.beta.threads.retrieve(thread_id).tool_resources.file_search.vector_store_ids
        assert client.vector_stores.retrieve(store_id).file_counts.total == 1
        (asked,) = client.beta.threads.messages.list(thread_id, order="asc", limit=1).data
        assert asked.attachments[0].file_id == file.id


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        client = openai.OpenAI(base_url=driver.url + path, **PLAIN)
        for kind in KINDS:
            assert texts_of(a_runnable(kind, client=client).invoke({"content": "Hello"})) == ["Hello"]


@driver.scenario
def keys() -> None:
    for kind in KINDS:
        with raises(openai.AuthenticationError):
            a_runnable(kind, client=openai.OpenAI(api_key="sk-wrong-0123456789", **PLAIN))


@driver.scenario
def parallel() -> None:
    # In threads: with this generation of the official client, its `ainvoke` iterates over a page's fields.
    for kind in KINDS:
        runnable = a_runnable(kind)

        def talk(number: int, runnable: Any = runnable) -> None:
            messages = runnable.invoke({"content": f"thread {number}"})
            assert texts_of(messages) == [f"thread {number}"]
            again = runnable.invoke({"content": f"again {number}", "thread_id": messages[0].thread_id})
            assert texts_of(again) == [f"again {number}"]

        with ThreadPoolExecutor(5) as pool:
            list(pool.map(talk, range(5)))


driver.cannot("It waits in a loop of its own, which the other scenarios show.", "poll_helpers")
driver.cannot("It does not stream.", "stream", "tools_streamed", "leaving")
driver.cannot("It has no way to cancel.", "cancel")
driver.cannot("It has chat models for that, which are clients of their own.", "passthrough")
driver.run()
