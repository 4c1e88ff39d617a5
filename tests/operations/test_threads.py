"""Threads as they are answered, with their first messages, and what becomes of all that when they are deleted."""

import asyncio
from typing import Any

import msgspec
import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, hang
from proxy.errors import APIError, InvalidRequest, NotFound
from proxy.operations.assistants import create_assistant
from proxy.operations.messages import list_messages
from proxy.operations.runs import create_run, get_run
from proxy.operations.threads import create_thread, delete_thread, get_thread, list_threads, modify_thread, new_thread
from proxy.schema.assistants import CreateAssistant
from proxy.schema.pages import ListMessagesParams, ListThreadsParams
from proxy.schema.runs import CreateRun, Run
from proxy.schema.threads import CreateThread, ModifyThread
from proxy.services import Services
from tests.builders import AT
from tests.operations.conftest import AWAY, HOME
from tests.operations.test_assistants import as_sent

KEYS = ["id", "object", "created_at", "metadata", "tool_resources"]


async def created(services: Services, body: dict[str, Any], project: str = HOME) -> Any:
    return as_sent(await create_thread(services, project=project, body=msgspec.convert(body, CreateThread)))


async def test_an_empty_thread(services: Services):
    for body in ({}, {"messages": None, "metadata": None, "tool_resources": None}, {"messages": []}):
        answered = await created(services, body)
        assert list(answered) == KEYS
        assert answered.pop("id").startswith("thread_")
        assert answered == {"object": "thread", "created_at": AT, "metadata": {}, "tool_resources": {}}


async def test_first_messages_keep_their_order(services: Services):
    messages = [{"role": "user" if n % 2 else "assistant", "content": str(n)} for n in range(5)]
    thread = await created(services, {"messages": messages, "metadata": {"k": "v"}})
    assert thread["metadata"] == {"k": "v"}
    for order, numbers in (("asc", "01234"), ("desc", "43210")):
        params = msgspec.convert({"order": order}, ListMessagesParams)
        page = as_sent(await list_messages(services, project=HOME, thread_id=thread["id"], params=params))
        assert [message["content"][0]["text"]["value"] for message in page["data"]] == list(numbers)
        assert {message["thread_id"] for message in page["data"]} == {thread["id"]}


def test_where_a_first_message_stands_is_told():
    body = msgspec.convert({"messages": [{"role": "user", "content": ""}]}, CreateThread)
    for param, told in (("", "messages[0].content"), ("thread", "thread.messages[0].content")):
        with pytest.raises(InvalidRequest) as refused:
            new_thread(body, at=AT, param=param)
        assert (refused.value.message, refused.value.param) == ("Message content must be non-empty.", told)


async def test_a_thread_that_is_refused_leaves_nothing(services: Services):
    with pytest.raises(APIError):
        await created(services, {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": ""}]})
    assert (await list_threads(services, project=HOME, params=ListThreadsParams())).data == []


@pytest.mark.parametrize(
    ("given", "metadata", "resources"),
    [
        ({}, {"k": "v"}, {"code_interpreter": {"file_ids": ["file-1"]}}),
        ({"metadata": {"l": "w"}}, {"l": "w"}, {"code_interpreter": {"file_ids": ["file-1"]}}),
        ({"metadata": None}, {}, {"code_interpreter": {"file_ids": ["file-1"]}}),
        ({"tool_resources": None}, {"k": "v"}, {}),
        (
            {"tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}},
            {"k": "v"},
            {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}},
        ),
    ],
)
async def test_an_update(services: Services, given: Any, metadata: Any, resources: Any):
    thread = await created(
        services, {"metadata": {"k": "v"}, "tool_resources": {"code_interpreter": {"file_ids": ["file-1"]}}}
    )
    body = msgspec.convert(given, ModifyThread)
    answered = as_sent(await modify_thread(services, project=HOME, thread_id=thread["id"], body=body))
    assert answered == thread | {"metadata": metadata, "tool_resources": resources}
    assert as_sent(await get_thread(services, project=HOME, thread_id=thread["id"])) == answered


async def test_a_list_by_metadata(services: Services):
    blue, both = [await created(services, {"metadata": each}) for each in ({"c": "blue"}, {"c": "blue", "d": "1"})]
    await created(services, {"metadata": {"c": "blue"}}, project=AWAY)

    async def found(**metadata: str) -> list[Any]:
        page = await list_threads(services, project=HOME, params=ListThreadsParams(metadata=metadata))
        return as_sent(page)["data"]  # type: ignore[no-any-return]

    idle = {"active_run_id": None}
    assert await found() == [both | idle, blue | idle]
    assert await found(c="blue") == [both | idle, blue | idle]
    assert await found(c="blue", d="1") == [both | idle]
    assert await found(c="red") == []


async def test_a_deleted_thread_is_gone(services: Services):
    thread = await created(services, {"messages": [{"role": "user", "content": "Hi"}]})
    answered = as_sent(await delete_thread(services, project=HOME, thread_id=thread["id"]))
    assert answered == {"id": thread["id"], "object": "thread.deleted", "deleted": True}
    with pytest.raises(NotFound):
        await get_thread(services, project=HOME, thread_id=thread["id"])
    with pytest.raises(NotFound):
        await list_messages(services, project=HOME, thread_id=thread["id"], params=ListMessagesParams())


async def test_another_project_has_none_of_it(services: Services):
    thread = await created(services, {})
    for operation in (get_thread, delete_thread):
        with pytest.raises(NotFound):
            await operation(services, project=AWAY, thread_id=thread["id"])
    with pytest.raises(NotFound):
        await modify_thread(services, project=AWAY, thread_id=thread["id"], body=ModifyThread(metadata={"a": "b"}))
    assert as_sent(await get_thread(services, project=HOME, thread_id=thread["id"])) == thread


async def test_deleting_a_thread_hangs_up_on_its_run(services: Services, upstream: ScriptedUpstream):
    upstream.reply(hang())
    assistant = await create_assistant(services, project=HOME, body=CreateAssistant(model="tiny"))
    thread = await created(services, {"messages": [{"role": "user", "content": "Hi"}]})
    run = await create_run(services, project=HOME, thread_id=thread["id"], body=CreateRun(assistant_id=assistant.id))
    assert isinstance(run, Run)
    await upstream.received()
    await delete_thread(services, project=HOME, thread_id=thread["id"])
    async with asyncio.timeout(10):
        await upstream.hung_up.wait()
    with pytest.raises(NotFound):
        await get_run(services, project=HOME, thread_id=thread["id"], run_id=run.id)
