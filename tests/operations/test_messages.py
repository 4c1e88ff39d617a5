"""Messages as they are answered: content of every kind, attachments, the lock, updates."""

from typing import Any

import msgspec
import pytest

from proxy.errors import InvalidRequest, NotFound
from proxy.ids import new_id
from proxy.operations.messages import create_message, delete_message, get_message, list_messages, modify_message
from proxy.operations.threads import create_thread
from proxy.schema.messages import CreateMessage, ModifyMessage
from proxy.schema.pages import ListMessagesParams
from proxy.schema.threads import CreateThread
from proxy.services import Services
from proxy.store import messages, threads
from tests.builders import AT, a_message
from tests.operations.conftest import AWAY, HOME
from tests.operations.test_assistants import as_sent

KEYS = [
    "id",
    "object",
    "created_at",
    "assistant_id",
    "thread_id",
    "run_id",
    "status",
    "incomplete_details",
    "incomplete_at",
    "completed_at",
    "role",
    "content",
    "attachments",
    "metadata",
]
IMAGE = "https://example.org/a.png"


@pytest.fixture
async def thread_id(services: Services) -> str:
    return (await create_thread(services, project=HOME, body=CreateThread())).id


async def created(services: Services, thread_id: str, **given: Any) -> Any:
    body = msgspec.convert({"role": "user", "content": "Hello"} | given, CreateMessage)
    return as_sent(await create_message(services, project=HOME, thread_id=thread_id, body=body))


@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_a_message_of_text(services: Services, thread_id: str, role: str):
    answered = await created(services, thread_id, role=role, attachments=None, metadata=None)
    assert list(answered) == KEYS
    stored = as_sent(await get_message(services, project=HOME, thread_id=thread_id, message_id=answered["id"]))
    assert stored == answered
    assert answered.pop("id").startswith("msg_")
    assert answered == {
        "object": "thread.message",
        "created_at": AT,
        "assistant_id": None,
        "thread_id": thread_id,
        "run_id": None,
        "status": "completed",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": None,
        "role": role,
        "content": [{"type": "text", "text": {"value": "Hello", "annotations": []}}],
        "attachments": [],
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("part", "answered"),
    [
        ({"type": "text", "text": "a"}, {"type": "text", "text": {"value": "a", "annotations": []}}),
        (
            {"type": "image_url", "image_url": {"url": IMAGE}},
            {"type": "image_url", "image_url": {"url": IMAGE, "detail": "auto"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
        ),
        (
            {"type": "image_file", "image_file": {"file_id": "file-1", "detail": None}},
            {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "auto"}},
        ),
    ],
)
async def test_parts_of_content(services: Services, thread_id: str, part: Any, answered: Any):
    message = await created(services, thread_id, content=[part, {"type": "text", "text": "b"}])
    assert message["content"] == [answered, {"type": "text", "text": {"value": "b", "annotations": []}}]


async def test_attachments_are_echoed_with_their_repetitions(services: Services, thread_id: str):
    attachments = [
        {"file_id": "file-1", "tools": [{"type": "file_search"}]},
        {"file_id": "file-1", "tools": [{"type": "code_interpreter"}, {"type": "file_search"}]},
        {"file_id": "file-2"},
    ]
    message = await created(services, thread_id, attachments=attachments)
    assert message["attachments"] == attachments


async def test_the_lock_holds_until_it_is_lifted(services: Services, thread_id: str):
    run_id = new_id("run")
    await services.store.write(lambda db: threads.lock_thread(db, thread_id, run_id))
    with pytest.raises(InvalidRequest) as refused:
        await created(services, thread_id)
    assert str(refused.value) == f"Can't add messages to {thread_id} while a run {run_id} is active."
    await services.store.write(lambda db: threads.unlock_thread(db, thread_id, run_id))
    await created(services, thread_id)


async def test_an_update_changes_metadata_only(services: Services, thread_id: str):
    message = await created(services, thread_id, metadata={"k": "v"})

    async def modified(**given: Any) -> Any:
        body = msgspec.convert(given, ModifyMessage)
        answered = await modify_message(
            services, project=HOME, thread_id=thread_id, message_id=message["id"], body=body
        )
        stored = await get_message(services, project=HOME, thread_id=thread_id, message_id=message["id"])
        assert as_sent(stored) == as_sent(answered)
        return as_sent(answered)

    assert await modified() == message
    assert await modified(metadata={"l": "w"}) == message | {"metadata": {"l": "w"}}
    assert await modified(metadata=None) == message | {"metadata": {}}


async def test_a_list_may_be_of_one_run(services: Services, thread_id: str):
    mine = await created(services, thread_id)
    theirs = a_message(thread_id=thread_id, run_id="run_1", role="assistant")
    await services.store.write(lambda db: messages.insert_messages(db, HOME, [theirs]))

    async def listed(**params: Any) -> list[str]:
        page = await list_messages(
            services, project=HOME, thread_id=thread_id, params=msgspec.convert(params, ListMessagesParams)
        )
        return [message["id"] for message in as_sent(page)["data"]]

    assert await listed() == [theirs.id, mine["id"]]
    assert await listed(run_id="run_1") == [theirs.id]
    assert await listed(run_id="run_2") == []


async def test_a_deleted_message_is_gone(services: Services, thread_id: str):
    message = await created(services, thread_id)
    answered = await delete_message(services, project=HOME, thread_id=thread_id, message_id=message["id"])
    assert as_sent(answered) == {"id": message["id"], "object": "thread.message.deleted", "deleted": True}
    with pytest.raises(NotFound):
        await get_message(services, project=HOME, thread_id=thread_id, message_id=message["id"])


async def test_another_project_and_another_thread_have_none_of_it(services: Services, thread_id: str):
    message = await created(services, thread_id)
    other = (await create_thread(services, project=HOME, body=CreateThread())).id
    for project, thread in ((AWAY, thread_id), (HOME, other)):
        given = {"services": services, "project": project, "thread_id": thread, "message_id": message["id"]}
        for operation in (get_message, delete_message):
            with pytest.raises(NotFound):
                await operation(**given)
        with pytest.raises(NotFound):
            await modify_message(**given, body=ModifyMessage(metadata={"a": "b"}))
    with pytest.raises(NotFound):
        await create_message(
            services, project=AWAY, thread_id=thread_id, body=CreateMessage(role="user", content="Mine")
        )
