"""Semantic Kernel's `OpenAIAssistantAgent`: functions are called `Plugin-function`, runs repeat their assistant."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any

import openai
from semantic_kernel.agents import AssistantAgentThread, OpenAIAssistantAgent
from semantic_kernel.agents.open_ai.run_polling_options import RunPollingOptions
from semantic_kernel.exceptions.agent_exceptions import AgentException
from semantic_kernel.functions import kernel_function

from tests.clients.driver import BRIEF, RESULT, TWO_CITIES, Driver, message_of, raises, weather_in

driver = Driver("semantic-kernel", "openai")
PLAIN: dict[str, Any] = {"max_retries": 0, "timeout": 20}
client = OpenAIAssistantAgent.create_client(ai_model_id="tiny", api_key=driver.key, **PLAIN)
OFTEN = RunPollingOptions(
    run_polling_interval=timedelta(milliseconds=20), default_polling_interval=timedelta(milliseconds=20)
)


class Weather:
    def __init__(self) -> None:
        self.asked: list[str] = []

    @kernel_function(name="get_weather", description="Tell the weather of a city.")
    def get_weather(self, city: Annotated[str, "which one"]) -> str:
        self.asked.append(city)
        return weather_in(city)


async def an_agent(*plugins: Any, by: Any = client, **given: Any) -> Any:
    definition = await by.beta.assistants.create(
        **{"model": "tiny", "name": "Echo", "instructions": "Repeat.", "temperature": 0.5, "top_p": 0.9, **given}
    )
    return OpenAIAssistantAgent(client=by, definition=definition, plugins=list(plugins), polling_options=OFTEN)


async def said_to(agent: Any, text: str, *, thread: Any = None) -> tuple[str, Any]:
    answer = await agent.get_response(messages=text, thread=thread)
    return str(answer.message.content), answer.thread


@driver.scenario
async def chat() -> None:
    agent, thread = await an_agent(metadata={"kind": "copied"}), None
    for said in ("Hello", "And now?"):
        text, thread = await said_to(agent, said, thread=thread)
        assert text == said
    messages = [str(message.content) async for message in thread.get_messages(sort_order="asc")]
    assert messages == ["Hello", "Hello", "And now?", "And now?"]
    run = (await client.beta.threads.runs.list(thread.id)).data[0]
    # It copies onto each run what it knows of the assistant.
    assert (run.temperature, run.top_p, run.model, run.metadata) == (0.5, 0.9, "tiny", {"kind": "copied"})
    await thread.delete()
    await client.beta.assistants.delete(agent.id)


@driver.scenario
async def stream() -> None:
    said = (await an_agent()).invoke_stream(messages="Say these words one by one")
    pieces = [str(piece.message.content) async for piece in said]
    assert "".join(pieces) == "Say these words one by one"
    assert len(pieces) > 1


@driver.scenario
async def tools_polled() -> None:
    weather = Weather()
    agent = await an_agent(weather)
    text, thread = await said_to(agent, TWO_CITIES)
    assert (text, weather.asked) == (RESULT, ["Paris", "Rome", "Oslo"])
    (run,) = (await client.beta.threads.runs.list(thread.id)).data
    assert [tool.function.name for tool in run.tools] == ["Weather-get_weather"]
    assert len((await client.beta.threads.runs.steps.list(run.id, thread_id=thread.id)).data) == 3


@driver.scenario
async def tools_streamed() -> None:
    weather = Weather()
    said = (await an_agent(weather)).invoke_stream(messages=TWO_CITIES)
    pieces = [str(piece.message.content) async for piece in said]
    assert ("".join(pieces), weather.asked) == (RESULT, ["Paris", "Rome", "Oslo"])


@driver.scenario
async def paging() -> None:
    agent, thread = await an_agent(), AssistantAgentThread(client=client)
    await thread.create()
    for number in range(46):
        await client.beta.threads.messages.create(thread.id, role="user", content=f"number {number}")
    text, _ = await said_to(agent, "The last", thread=thread)
    assert text == "The last"
    for order in ("asc", "desc"):
        found = [str(message.content) async for message in thread.get_messages(sort_order=order)]
        expected = [*(f"number {number}" for number in range(46)), "The last", "The last"]
        assert found == (expected if order == "asc" else expected[::-1])


@driver.scenario
async def leaving() -> None:
    agent, thread = await an_agent(model="slow"), AssistantAgentThread(client=client)
    reading = agent.invoke_stream(messages=BRIEF, thread=thread)
    await anext(reading)
    await reading.aclose()
    (run,) = (await client.beta.threads.runs.list(thread.id)).data
    assert (await client.beta.threads.runs.poll(run.id, thread_id=thread.id)).status == "completed"
    assert (await said_to(agent, "I am back", thread=thread))[0] == "I am back"


@driver.scenario
async def errors() -> None:
    with raises(AgentException) as caught:
        await said_to(await an_agent(), "break off")
    assert "Run failed with status: `failed`" in str(caught[0])
    agent = await an_agent()
    await client.beta.assistants.delete(agent.id)
    with raises(openai.NotFoundError) as caught:
        await said_to(agent, "Hello")
    assert message_of(caught[0]) == f"No assistant found with id '{agent.id}'."


@driver.scenario
async def nulls() -> None:
    agent = await an_agent(temperature=None, top_p=None, metadata=None, name=None, instructions=None, tools=[])
    thread = AssistantAgentThread(client=client, messages=None, metadata=None, tool_resources=None)
    text, _ = await said_to(agent, "Hello", thread=thread)
    assert text == "Hello"


@driver.scenario
async def files() -> None:
    file = await client.files.create(file=("runbook.txt", b"Restart it."), purpose="assistants")
    store = await client.vector_stores.create(name="Runbooks", file_ids=[file.id])
    searching, search = OpenAIAssistantAgent.configure_file_search_tool(store.id)
    running, data = OpenAIAssistantAgent.configure_code_interpreter_tool(file.id)
    agent = await an_agent(tools=[*searching, *running], tool_resources={**search, **data})
    resources = agent.definition.tool_resources
    assert (resources.file_search.vector_store_ids, resources.code_interpreter.file_ids) == ([store.id], [file.id])
    assert (await said_to(agent, "Hello"))[0] == "Hello"


@driver.scenario
async def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        other = openai.AsyncOpenAI(base_url=driver.url + path, **PLAIN)
        assert (await said_to(await an_agent(by=other), "Hello"))[0] == "Hello"
        await other.close()


@driver.scenario
async def passthrough() -> None:
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
    from semantic_kernel.contents import ChatHistory

    service, history = OpenAIChatCompletion(ai_model_id="tiny", async_client=client), ChatHistory()
    history.add_user_message("one two three")
    settings = OpenAIChatPromptExecutionSettings()
    assert str(await service.get_chat_message_content(history, settings)) == "one two three"
    pieces = [str(piece) async for piece in service.get_streaming_chat_message_content(history, settings)]
    assert "".join(pieces) == "one two three"


@driver.scenario
async def keys() -> None:
    other = OpenAIAssistantAgent.create_client(ai_model_id="tiny", api_key="sk-wrong-0123456789", **PLAIN)
    with raises(openai.AuthenticationError):
        await an_agent(by=other)
    await other.close()


@driver.scenario
async def parallel() -> None:
    agent = await an_agent()
    answers = await asyncio.gather(*(said_to(agent, f"thread {number}") for number in range(5)))
    assert [text for text, _ in answers] == [f"thread {number}" for number in range(5)]


driver.cannot("It waits in a loop of its own, which the other scenarios show.", "poll_helpers")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It has no way to cancel.", "cancel")
driver.run()
