"""AutoGen's `OpenAIAssistantAgent` (autogen-ext), on the asynchronous official client."""

import asyncio
from typing import Any

import openai
from autogen_agentchat.messages import MultiModalMessage, TextMessage
from autogen_core import CancellationToken, Image
from autogen_ext.agents.openai import OpenAIAssistantAgent
from PIL.Image import new as new_picture

from tests.clients.driver import (
    LONG,
    RESULT,
    TWO_CITIES,
    Driver,
    a_file,
    message_of,
    raises,
    until_async,
    weather_in,
)

driver = Driver("autogen-ext", "openai")
PLAIN: dict[str, Any] = {"max_retries": 0, "timeout": 20}
client = openai.AsyncOpenAI(**PLAIN)
threads = client.beta.threads


async def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return weather_in(city)


def an_agent(*, by: Any = client, **given: Any) -> Any:
    return OpenAIAssistantAgent(
        **{
            "name": "echo",
            "description": "Says it again.",
            "client": by,
            "model": "tiny",
            "instructions": "Repeat.",
            **given,
        }
    )


async def said_to(agent: Any, text: str) -> str:
    response = await agent.on_messages([TextMessage(source="user", content=text)], CancellationToken())
    return str(response.chat_message.content)


@driver.scenario
async def chat() -> None:
    agent = an_agent()
    for said in ("Hello", "And now?"):
        assert await said_to(agent, said) == said
    state = await agent.save_state()
    again = an_agent()
    await again.load_state(state)
    assert await said_to(again, "Still there?") == "Still there?"
    await again.on_reset(CancellationToken())
    listed = [message async for message in threads.messages.list(state["thread_id"])]
    assert len(listed) == 4  # what was there when it was made stays
    await agent.delete_assistant(CancellationToken())


@driver.scenario
async def tools_polled() -> None:
    asked = TextMessage(source="user", content=TWO_CITIES)
    response = await an_agent(tools=[get_weather]).on_messages([asked], CancellationToken())
    assert response.chat_message.content == RESULT
    calls = [call.arguments for event in response.inner_messages[::2] for call in event.content]
    assert calls == ['{"city": "Paris"}', '{"city": "Rome"}', '{"city": "Oslo"}']


@driver.scenario
async def paging() -> None:
    thread = await threads.create()
    for number in range(105):
        await threads.messages.create(thread.id, role="user", content=f"number {number}")
    agent = an_agent(thread_id=thread.id)
    assert await said_to(agent, "The last") == "The last"
    state = await agent.save_state()
    assert len(state["initial_message_ids"]) == 105  # pages of a hundred, by `after`


@driver.scenario
async def cancel() -> None:
    token = CancellationToken()
    thread = await threads.create()
    agent = an_agent(model="slow", thread_id=thread.id)
    under_way = asyncio.ensure_future(agent.on_messages([TextMessage(source="user", content=LONG)], token))

    async def begun() -> Any:
        return (await threads.runs.list(thread.id)).data

    (run,) = await until_async(begun)
    token.cancel()
    assert isinstance((await asyncio.gather(under_way, return_exceptions=True))[0], asyncio.CancelledError)
    # It leaves the run alone: cancelling that is up to the application.
    await threads.runs.cancel(run.id, thread_id=thread.id)
    assert (await threads.runs.poll(run.id, thread_id=thread.id)).status == "cancelled"
    assert await said_to(agent, "Something else") == "Something else"


@driver.scenario
async def errors() -> None:
    with raises(ValueError) as caught:
        await said_to(an_agent(), "break off")
    assert "Run failed: LastError(code='server_error'" in str(caught[0])
    with raises(openai.NotFoundError) as caught:
        await said_to(an_agent(assistant_id="asst_none"), "Hello")
    assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
async def nulls() -> None:
    agent = an_agent(metadata=None, temperature=None, top_p=None)  # it sends all of them
    assert await said_to(agent, "Hello") == "Hello"


@driver.scenario
async def files() -> None:
    runbook = a_file("runbook.txt", "Restart it.")
    agent = an_agent(tools=["file_search", "code_interpreter"])
    await agent.on_upload_for_file_search(runbook, CancellationToken())
    # It sends back what it was shown of the thread's resources, with the new file in it.
    await agent.on_upload_for_code_interpreter(runbook, CancellationToken())
    await agent.on_upload_for_code_interpreter(runbook, CancellationToken())
    state = await agent.save_state()
    thread = await threads.retrieve(state["thread_id"])
    assert thread.tool_resources.code_interpreter.file_ids == state["uploaded_file_ids"][1:]
    store = await client.vector_stores.retrieve(state["vector_store_id"])
    assert (store.status, store.file_counts.completed) == ("completed", 1)
    assert await said_to(agent, "Hello") == "Hello"
    picture = Image(new_picture("RGB", (2, 2)))
    said = MultiModalMessage(source="user", content=["Look", picture])
    await agent.handle_incoming_message(said, CancellationToken())
    await agent.delete_vector_store(CancellationToken())
    await agent.delete_uploaded_files(CancellationToken())


@driver.scenario
async def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        async with openai.AsyncOpenAI(base_url=driver.url + path, **PLAIN) as other:
            assert await said_to(an_agent(by=other), "Hello") == "Hello"


@driver.scenario
async def keys() -> None:
    async with openai.AsyncOpenAI(api_key="sk-wrong-0123456789", **PLAIN) as other:
        with raises(openai.AuthenticationError):
            await said_to(an_agent(by=other), "Hello")


@driver.scenario
async def parallel() -> None:
    agents = [an_agent() for _ in range(5)]
    answers = await asyncio.gather(*(said_to(agent, f"thread {number}") for number, agent in enumerate(agents)))
    assert answers == [f"thread {number}" for number in range(5)]


driver.cannot("It waits in a loop of its own, which the other scenarios show.", "poll_helpers")
driver.cannot("It does not stream runs.", "stream", "tools_streamed", "leaving")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It has models for that, which are clients of their own.", "passthrough")
driver.run()
