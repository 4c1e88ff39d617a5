"""LlamaIndex's `OpenAIAssistantAgent`, which re-reads a run at once after it has submitted outputs."""

import asyncio
import os
from typing import Any

import openai
from llama_index.agent.openai import OpenAIAssistantAgent
from llama_index.core.tools import FunctionTool

from tests.clients.driver import RESULT, TWO_CITIES, Driver, a_file, message_of, raises, weather_in

driver = Driver("llama-index-agent-openai", "openai")
asked: list[str] = []


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    asked.append(city)
    return weather_in(city)


def an_agent(*, tools: bool = False, **given: Any) -> Any:
    own = [FunctionTool.from_defaults(get_weather)] if tools else []
    return OpenAIAssistantAgent.from_new(
        name="Echo", instructions="Repeat.", tools=own, model="tiny", run_retrieve_sleep_time=0.02, **given
    )


@driver.scenario
def chat() -> None:
    agent = an_agent()
    for said in ("Hello", "And now?"):
        assert str(agent.chat(said)) == said
    assert [message.content for message in agent.chat_history] == ["Hello", "Hello", "And now?", "And now?"]
    first = agent.thread_id
    agent.reset()
    assert (agent.thread_id != first, agent.chat_history) == (True, [])
    again = OpenAIAssistantAgent.from_existing(agent.assistant.id, thread_id=agent.thread_id)
    assert str(again.chat("Still there?")) == "Still there?"


@driver.scenario
def tools_polled() -> None:
    asked.clear()
    answer = an_agent(tools=True).chat(TWO_CITIES)
    assert str(answer) == RESULT
    # Each call is made once: a run that still waited after its outputs had been submitted would be asked again.
    assert asked == ["Paris", "Rome", "Oslo"]
    assert [source.content for source in answer.sources] == [weather_in(city) for city in asked]


@driver.scenario
def paging() -> None:
    agent = an_agent()
    for number in range(46):
        agent.add_message(f"number {number}")
    assert str(agent.chat("The last")) == "The last"
    texts = [message.content for message in agent.chat_history]
    assert texts == [*(f"number {number}" for number in range(46)), "The last", "The last"]


@driver.scenario
def errors() -> None:
    with raises(ValueError) as caught:
        an_agent().chat("break off")
    assert "Run failed with status failed." in str(caught[0])
    assert "code='server_error'" in str(caught[0])
    with raises(openai.NotFoundError) as caught:
        OpenAIAssistantAgent.from_existing("asst_none")
    assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
def nulls() -> None:
    agent = an_agent(top_p=None, temperature=None, instructions_prefix=None)  # it sends all of them
    assert (agent.assistant.top_p, agent.assistant.temperature) == (1.0, 1.0)
    assert str(agent.chat("Hello")) == "Hello"


@driver.scenario
def files() -> None:
    agent = an_agent(openai_tools=[{"type": "file_search"}, {"type": "code_interpreter"}])
    (file_id,) = agent.upload_files([a_file("runbook.txt", "Restart it.")])
    message = agent.add_message("Hello", file_ids=[file_id])
    assert message.attachments[0].file_id == file_id
    run, _ = agent.run_assistant()
    assert (run.status, agent.latest_message.content) == ("completed", "Hello")


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        os.environ["OPENAI_BASE_URL"] = driver.url + path
        assert str(an_agent().chat("Hello")) == "Hello"


@driver.scenario
def keys() -> None:
    with raises(openai.AuthenticationError):
        an_agent(api_key="sk-wrong-0123456789")


@driver.scenario
async def parallel() -> None:
    agents = [an_agent() for _ in range(5)]
    answers = await asyncio.gather(*(agent.achat(f"thread {number}") for number, agent in enumerate(agents)))
    assert [str(answer) for answer in answers] == [f"thread {number}" for number in range(5)]


driver.cannot("It waits in a loop of its own, which the other scenarios show.", "poll_helpers")
driver.cannot(
    "It does not stream: its `stream_chat` raises NotImplementedError.", "stream", "tools_streamed", "leaving"
)
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It has no way to cancel.", "cancel")
driver.cannot("It has models for that, which are clients of their own.", "passthrough")
driver.run()
