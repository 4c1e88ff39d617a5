"""Griptape's `OpenAiAssistantDriver` in an `AssistantTask`: streams into its event bus."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
from griptape.artifacts import TextArtifact
from griptape.drivers.assistant.openai import OpenAiAssistantDriver
from griptape.events import EventBus, EventListener, TextChunkEvent
from griptape.structures import Pipeline
from griptape.tasks import AssistantTask

from tests.clients.driver import Driver, message_of, raises

driver = Driver("griptape", "openai")
client = openai.OpenAI(max_retries=0, timeout=20)
threads = client.beta.threads
assistant = client.beta.assistants.create(model="tiny", instructions="Repeat.")


def a_driver(**given: Any) -> Any:
    given = {"api_key": driver.key, "base_url": f"{driver.url}/v1", "assistant_id": assistant.id, **given}
    return OpenAiAssistantDriver(**given)


def last_of(asked: Any) -> str:
    """What the thread says now: the driver's own result is made of no kind of content that its client knows."""
    (message,) = threads.messages.list(asked.thread_id, limit=1).data
    assert message.role == "assistant"
    return str(message.content[0].text.value)


def said_to(asked: Any, text: str) -> str:
    result = asked.run(TextArtifact(text))
    assert result.meta["thread_id"] == asked.thread_id
    return last_of(asked)


@driver.scenario
def chat() -> None:
    asked = a_driver()
    for said in ("Hello", "And now?"):
        assert said_to(asked, said) == said
        asked.event_handler = a_driver().event_handler  # a handler is good for one stream
    assert len(list(threads.messages.list(asked.thread_id))) == 4


@driver.scenario
def stream() -> None:
    chunks: list[str] = []
    listener = EventListener(lambda event: chunks.append(event.token), event_types=[TextChunkEvent])
    EventBus.add_event_listener(listener)
    asked = a_driver()
    Pipeline(tasks=[AssistantTask("Say these words one by one", assistant_driver=asked)]).run()
    EventBus.remove_event_listener(listener)
    assert "".join(chunks) == last_of(asked) == "Say these words one by one"
    assert len(chunks) > 1


@driver.scenario
def errors() -> None:
    missing = a_driver(assistant_id="asst_none")
    with raises(openai.NotFoundError) as caught:
        missing.try_run(TextArtifact("Hello"))
    assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        assert said_to(a_driver(base_url=driver.url + path), "Hello") == "Hello"
        os.environ["OPENAI_BASE_URL"] = driver.url + path
        assert said_to(a_driver(base_url=None), "Hello") == "Hello"


@driver.scenario
def passthrough() -> None:
    from griptape.drivers.prompt.openai import OpenAiChatPromptDriver
    from griptape.structures import Agent

    prompts = OpenAiChatPromptDriver(model="tiny", base_url=f"{driver.url}/v1", api_key=driver.key)
    assert Agent(prompt_driver=prompts).run("one two three").output.value.endswith("one two three")


@driver.scenario
def keys() -> None:
    with raises(openai.AuthenticationError):
        a_driver(api_key="sk-wrong-0123456789").try_run(TextArtifact("Hello"))


@driver.scenario
def parallel() -> None:
    asked = [a_driver() for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: said_to(asked[number], f"thread {number}"), range(5)))
    assert answers == [f"thread {number}" for number in range(5)]


driver.cannot("It streams every run.", "poll_helpers")
driver.cannot("It has no functions.", "tools_polled", "tools_streamed")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It reads nothing but its streams.", "paging")
driver.cannot("It reads its streams to their ends, and has no way to cancel.", "cancel", "leaving")
driver.cannot("It sends texts and nothing else.", "nulls", "files")
driver.run()
client.close()
