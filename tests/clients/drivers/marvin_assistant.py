"""Marvin's `Assistant` and `Thread` (version 2), which stream every run."""

import asyncio
from typing import Any

import marvin
import openai
from marvin.beta.assistants import Assistant, Run, Thread
from openai import AsyncAssistantEventHandler

from tests.clients.driver import RESULT, TWO_CITIES, Driver, a_file, message_of, raises, weather_in

driver = Driver("marvin", "openai")
marvin.settings.openai.base_url = f"{driver.url}/v1"
marvin.settings.openai.assistants.model = "tiny"


class Quiet(AsyncAssistantEventHandler):
    text = ""

    async def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        Quiet.text += delta.value or ""


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return weather_in(city)


def an_assistant(**given: Any) -> Any:
    return Assistant(name="Echo", instructions="Repeat.", **given)


async def said_to(assistant: Any, text: str, thread: Any = None, **given: Any) -> Any:
    return await assistant.say_async(text, thread=thread or Thread(), event_handler_class=Quiet, **given)


def text_of(run: Any) -> str:
    answers = [message for message in run.messages if message.role == "assistant"]
    return str(answers[-1].content[0].text.value)


@driver.scenario
async def chat() -> None:
    thread = Thread()
    async with an_assistant() as assistant:
        for said in ("Hello", "And now?"):
            run = await said_to(assistant, said, thread)
            assert (run.run.status, text_of(run)) == ("completed", said)
        texts = [message.content[0].text.value for message in await thread.get_messages_async()]
    assert texts == ["Hello", "Hello", "And now?", "And now?"]
    await thread.delete_async()


@driver.scenario
async def stream() -> None:
    Quiet.text = ""
    run = await said_to(an_assistant(), "Say these words one by one")
    assert Quiet.text == text_of(run) == "Say these words one by one"


@driver.scenario
async def tools_streamed() -> None:
    run = await said_to(an_assistant(tools=[get_weather]), TWO_CITIES)
    assert (run.run.status, text_of(run)) == ("completed", RESULT)
    assert [step.type for step in run.steps] == ["tool_calls", "tool_calls", "message_creation"]


@driver.scenario
async def paging() -> None:
    thread = await Thread().create_async(messages=["number 0"])
    for number in range(1, 47):
        await thread.add_async(f"number {number}")
    newest = await thread.get_messages_async(limit=7)
    older = await thread.get_messages_async(limit=20, before_message=newest[0].id)
    texts = [message.content[0].text.value for message in older + newest]
    assert texts == [f"number {number}" for number in range(20, 47)]
    assert await thread.get_messages_async(before_message=(await thread.get_messages_async(limit=47))[0].id) == []


@driver.scenario
async def cancel() -> None:
    thread = await Thread().create_async(messages=["What is the weather in Paris and Rome"])

    def get_weather(city: str) -> str:
        """Tell the weather of a city."""
        raise marvin.beta.assistants.EndRun(data=city)

    async with an_assistant(tools=[get_weather]) as assistant:
        run = Run(thread=thread, assistant=assistant, event_handler_class=Quiet)
        await run.run_async()
        assert (run.run.status, run.data) in {("cancelled", "Paris"), ("cancelling", "Paris")}
        again = await said_to(assistant, "Something else", thread, tools=[])
        assert text_of(again) == "Something else"


@driver.scenario
async def errors() -> None:
    run = await said_to(an_assistant(), "break off")
    assert (run.run.status, run.run.last_error.code) == ("failed", "server_error")
    with raises(openai.NotFoundError) as caught:
        await Assistant.load_async("asst_none")
    assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
async def nulls() -> None:
    async with an_assistant(description=None, response_format=None, tool_resources={}, metadata={}) as assistant:
        again = await Assistant.load_async(assistant.id, tools=[])
        assert (again.description, again.metadata, again.response_format) == (None, {}, "auto")
    thread = await Thread().create_async(messages=None)  # sends it
    assert text_of(await said_to(an_assistant(), "Hello", thread)) == "Hello"


@driver.scenario
async def files() -> None:
    runbook = a_file("runbook.txt", "Restart it.")
    tools = [{"type": "code_interpreter"}, {"type": "file_search"}]
    thread = Thread()
    async with an_assistant() as assistant:
        given: Any = {"code_interpreter_files": [runbook], "file_search_files": [runbook]}
        run = await said_to(assistant, "Hello", thread, **given)
    assert text_of(run) == "Hello"
    (asked, _) = await thread.get_messages_async()
    assert [attachment.tools[0].type for attachment in asked.attachments] == [tool["type"] for tool in tools]


@driver.scenario
async def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        marvin.settings.openai.base_url = driver.url + path
        assert text_of(await said_to(an_assistant(), "Hello")) == "Hello"


@driver.scenario
async def keys() -> None:
    marvin.settings.openai.api_key = "sk-wrong-0123456789"
    with raises(openai.AuthenticationError):
        await said_to(an_assistant(), "Hello")
    marvin.settings.openai.api_key = driver.key


@driver.scenario
async def parallel() -> None:
    runs = await asyncio.gather(*(said_to(an_assistant(), f"thread {number}") for number in range(5)))
    assert [text_of(run) for run in runs] == [f"thread {number}" for number in range(5)]


driver.cannot("It streams every run.", "poll_helpers", "tools_polled")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It reads its streams to their ends.", "leaving")
driver.cannot("It has models for that, which are clients of their own.", "passthrough")
driver.run()
