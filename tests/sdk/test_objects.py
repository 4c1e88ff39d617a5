"""Assistants, threads and messages through the official client: make, look, change, delete, page through."""

from typing import Any

import openai
import pytest

from tests.processes import Server
from tests.sdk.clients import WEATHER, Api, client, text_of

MANY = 250


async def test_an_assistant(api: Api) -> None:
    assistants = api.beta.assistants
    made = await api(
        assistants.create(
            model="gpt-4o-mini",
            name="Weather",
            description="Knows the weather",
            instructions="Ask the tool.",
            tools=[WEATHER],
            metadata={"kind": "first"},
            temperature=0.3,
            top_p=0.9,
            response_format={"type": "json_object"},
        )
    )
    assert made.id.startswith("asst_")
    assert (made.object, made.model, made.tools[0].function.name) == ("assistant", "gpt-4o-mini", "get_weather")
    assert (await api(assistants.retrieve(made.id))).to_dict() == made.to_dict()

    changed = await api(assistants.update(made.id, name="Sun", metadata={"kind": "second"}, tools=[]))
    assert (changed.name, changed.metadata, changed.tools) == ("Sun", {"kind": "second"}, [])
    assert (changed.instructions, changed.temperature) == ("Ask the tool.", 0.3)
    cleared = await api(assistants.update(made.id, description=None, instructions=None))
    assert (cleared.description, cleared.instructions, cleared.name) == (None, None, "Sun")

    assert made.id in [assistant.id for assistant in await api.every(assistants.list(limit=100))]
    deleted = await api(assistants.delete(made.id))
    assert deleted.to_dict() == {"id": made.id, "object": "assistant.deleted", "deleted": True}
    with pytest.raises(openai.NotFoundError):
        await api(assistants.retrieve(made.id))


async def test_a_thread(api: Api) -> None:
    made = await api(
        api.threads.create(
            messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
            metadata={"user": "u1"},
        )
    )
    assert (made.object, made.metadata) == ("thread", {"user": "u1"})
    assert (await api(api.threads.retrieve(made.id))).to_dict() == made.to_dict()
    listed = await api.every(api.threads.messages.list(made.id, order="asc"))
    assert [(message.role, text_of(message)) for message in listed] == [("user", "Hi"), ("assistant", "Hello")]
    assert (await api(api.threads.update(made.id, metadata={"user": "u2"}))).metadata == {"user": "u2"}
    deleted = await api(api.threads.delete(made.id))
    assert deleted.to_dict() == {"id": made.id, "object": "thread.deleted", "deleted": True}
    with pytest.raises(openai.NotFoundError):
        await api(api.threads.messages.list(made.id))


async def test_a_message(api: Api) -> None:
    thread = await api.thread()
    parts: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ]
    made = await api(api.threads.messages.create(thread.id, role="user", content=parts, metadata={"n": "1"}))
    assert [part.type for part in made.content] == ["text", "image_url"]
    assert (made.content[0].text.value, made.content[1].image_url.detail) == ("What is this?", "low")
    got = await api(api.threads.messages.retrieve(made.id, thread_id=thread.id))
    assert got.to_dict() == made.to_dict()
    changed = await api(api.threads.messages.update(made.id, thread_id=thread.id, metadata={"n": "2"}))
    assert changed.to_dict() == made.to_dict() | {"metadata": {"n": "2"}}
    deleted = await api(api.threads.messages.delete(made.id, thread_id=thread.id))
    assert deleted.to_dict() == {"id": made.id, "object": "thread.message.deleted", "deleted": True}
    assert await api.every(api.threads.messages.list(thread.id)) == []


@pytest.fixture(scope="module")
def long_thread(server: Server) -> tuple[str, list[str]]:
    """A thread and the ids of its messages, oldest first."""
    made = client("sync", f"{server.url}/v1")
    said: Any = [{"role": "user", "content": f"message {n}"} for n in range(MANY)]
    thread = made.threads.create(messages=said[:100])
    ids = [message.id for message in made.threads.messages.list(thread.id, order="asc", limit=100)]
    ids += [made.threads.messages.create(thread.id, **each).id for each in said[100:]]
    made.client.close()
    return thread.id, ids


@pytest.mark.parametrize("limit", [100, 20])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_paging_through(api: Api, long_thread: tuple[str, list[str]], order: str, limit: int) -> None:
    thread_id, ids = long_thread
    listed = await api.every(api.threads.messages.list(thread_id, order=order, limit=limit))
    assert [message.id for message in listed] == (ids if order == "asc" else ids[::-1])


async def test_pages(api: Api, long_thread: tuple[str, list[str]]) -> None:
    thread_id, ids = long_thread

    async def page(**given: Any) -> Any:
        return await api(api.threads.messages.list(thread_id, **given))

    def shown(page: Any) -> tuple[list[str], bool]:
        assert (page.first_id, page.last_id) == (page.data[0].id, page.data[-1].id)
        return [message.id for message in page.data], page.has_more

    assert shown(await page()) == (ids[:-21:-1], True)
    assert shown(await page(order="asc", limit=3, after=ids[9])) == (ids[10:13], True)
    assert shown(await page(order="asc", limit=100, after=ids[200])) == (ids[201:], False)
    assert shown(await page(order="asc", limit=100, after=ids[149])) == (ids[150:], False)
    assert shown(await page(order="asc", limit=100, before=ids[2])) == (ids[:2], False)
    assert shown(await page(order="desc", limit=2, after=ids[100])) == (ids[99:97:-1], True)
    assert shown(await page(order="desc", limit=100, before=ids[-3])) == ([ids[-1], ids[-2]], False)
    empty = await page(order="asc", after=ids[-1])
    assert (empty.data, empty.has_more, empty.has_next_page()) == ([], False, False)
    following = await api((await page(order="asc", limit=100)).get_next_page())
    assert [message.id for message in following.data] == ids[100:200]


async def test_paging_through_runs_and_assistants(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("Hi")
    runs = [
        await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=5))
        for _ in range(5)
    ]
    listed = await api.every(api.runs.list(thread.id, limit=2))
    assert [run.id for run in listed] == [run.id for run in reversed(runs)]
    made = [(await api.assistant(name=f"n{n}")).id for n in range(5)]
    listed = await api.every(api.beta.assistants.list(limit=2, order="asc"))
    assert [each.id for each in listed][-5:] == made


async def test_the_models(api: Api) -> None:
    assert {model.id for model in await api.every(api.client.models.list())} == {"tiny", "slow"}
    assert (await api(api.client.models.retrieve("tiny"))).object == "model"


async def test_chat_completions_are_passed_through(api: Api) -> None:
    """For applications that are half way to another interface."""
    said: Any = [{"role": "user", "content": "Hello there"}]
    whole = await api(api.client.chat.completions.create(model="tiny", messages=said))
    assert whole.choices[0].message.content == "Hello there"
    stream = await api(api.client.chat.completions.create(model="gpt-4o", messages=said, stream=True))
    pieces = [chunk.choices[0].delta.content or "" async for chunk in api.events(stream) if chunk.choices]
    assert "".join(pieces) == "Hello there"
