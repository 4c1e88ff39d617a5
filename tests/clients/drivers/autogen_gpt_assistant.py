"""AutoGen's `GPTAssistantAgent` (pyautogen 0.2), in talks with a `UserProxyAgent`."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
from autogen import UserProxyAgent
from autogen.agentchat.contrib.gpt_assistant_agent import GPTAssistantAgent

from tests.clients.driver import RESULT, TWO_CITIES, WEATHER, Driver, message_of, raises, weather_in

driver = Driver("pyautogen", "openai")
logging.disable(logging.WARNING)  # it says at length what it does
asked: list[str] = []
names = iter(range(1000))


def get_weather(city: str) -> str:
    asked.append(city)
    return weather_in(city)


def an_agent(*, key: str = driver.key, base_url: str = f"{driver.url}/v1", **given: Any) -> Any:
    server = {"model": "tiny", "api_key": key, "base_url": base_url, "max_retries": 0}
    agent = GPTAssistantAgent(
        name=given.pop("name", f"echo{next(names)}"),
        instructions="Repeat.",
        llm_config={"config_list": [server]},
        assistant_config=given,
    )
    agent.llm_config["check_every_ms"] = 20  # what is given in its configuration it forgets
    agent.register_function({"get_weather": get_weather})
    return agent


def a_user() -> Any:
    return UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)


def said_to(agent: Any, text: str, *, by: Any = None, again: bool = False) -> str:
    user = by or a_user()
    result = user.initiate_chat(agent, message=text, max_turns=1, clear_history=not again, silent=True)
    return str(result.chat_history[-1]["content"]).strip()


@driver.scenario
def chat() -> None:
    agent, user = an_agent(), a_user()
    assert said_to(agent, "Hello", by=user) == "Hello"
    assert said_to(agent, "And now?", by=user, again=True) == "And now?"
    (thread,) = agent.oai_threads.values()
    assert len(list(agent.openai_client.beta.threads.messages.list(thread.id))) == 4
    agent.reset()
    agent.delete_assistant()


@driver.scenario
def tools_polled() -> None:
    asked.clear()
    assert said_to(an_agent(tools=[WEATHER]), TWO_CITIES) == RESULT
    assert asked == ["Paris", "Rome", "Oslo"]


@driver.scenario
def paging() -> None:
    agent, user = an_agent(), a_user()
    said_to(agent, "Hello", by=user)
    (thread,) = agent.oai_threads.values()
    for number in range(45):
        agent.openai_client.beta.threads.messages.create(thread.id, role="user", content=f"number {number}")
    # It reads from the first message on until it comes to those of its run.
    assert said_to(agent, "The last", by=user, again=True) == "The last"


@driver.scenario
def errors() -> None:
    with raises(ValueError) as caught:
        said_to(an_agent(), "break off")
    assert "Unexpected run status: failed" in str(caught[0])
    assert '"code": "server_error"' in str(caught[0])
    with raises(openai.NotFoundError) as caught:
        an_agent(assistant_id="asst_none")
    assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
def files() -> None:
    client = openai.OpenAI(max_retries=0, timeout=20)
    file = client.files.create(file=("runbook.txt", b"Restart it."), purpose="assistants")
    # It makes the vector store itself, and waits for it.
    agent = an_agent(tools=[{"type": "retrieval"}], file_ids=[file.id])
    (store_id,) = agent.openai_assistant.tool_resources.file_search.vector_store_ids
    assert client.beta.vector_stores.files.retrieve(file.id, vector_store_id=store_id).status == "completed"
    assert said_to(agent, "Hello") == "Hello"


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        assert said_to(an_agent(base_url=driver.url + path), "Hello") == "Hello"


@driver.scenario
def passthrough() -> None:
    from autogen import AssistantAgent

    server = {"model": "tiny", "api_key": driver.key, "base_url": f"{driver.url}/v1"}
    agent = AssistantAgent("chatter", llm_config={"config_list": [server], "cache_seed": None})
    assert said_to(agent, "one two three") == "one two three"


@driver.scenario
def keys() -> None:
    with raises(openai.AuthenticationError):
        an_agent(key="sk-wrong-0123456789")


@driver.scenario
def parallel() -> None:
    agents = [an_agent() for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: said_to(agents[number], f"thread {number}"), range(5)))
    assert answers == [f"thread {number}" for number in range(5)]


driver.cannot("It waits in a loop of its own, which the other scenarios show.", "poll_helpers")
driver.cannot("It does not stream runs.", "stream", "tools_streamed", "leaving")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It has no way to cancel.", "cancel")
driver.cannot("It sends no more than it was given.", "nulls")
driver.run()
