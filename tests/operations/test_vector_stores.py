"""Vector stores as they are answered: objects, expiry, files, batches, and those that are made on the way."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from proxy.errors import APIError, InvalidRequest, NotFound
from proxy.operations.assistants import create_assistant, modify_assistant
from proxy.operations.files import delete_file
from proxy.operations.messages import create_message, delete_message
from proxy.operations.runs import create_thread_and_run
from proxy.operations.threads import create_thread, get_thread, modify_thread
from proxy.operations.vector_store_batches import (
    cancel_vector_store_file_batch,
    create_vector_store_file_batch,
    get_vector_store_file_batch,
    list_files_in_vector_store_batch,
)
from proxy.operations.vector_store_files import (
    create_vector_store_file,
    delete_vector_store_file,
    get_vector_store_file,
    list_vector_store_files,
    retrieve_vector_store_file_content,
    update_vector_store_file_attributes,
)
from proxy.operations.vector_stores import (
    create_vector_store,
    delete_vector_store,
    get_vector_store,
    list_vector_stores,
    modify_vector_store,
    search_vector_store,
)
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.messages import CreateMessage
from proxy.schema.pages import ListParams
from proxy.schema.runs import CreateThreadAndRun
from proxy.schema.threads import CreateThread, ModifyThread
from proxy.schema.vector_stores import (
    CreateFileBatch,
    CreateVectorStore,
    CreateVectorStoreFile,
    ListVectorStoreFilesParams,
    ModifyVectorStore,
    SearchVectorStore,
    UpdateVectorStoreFile,
)
from proxy.services import Services
from proxy.store.vector_store_files import end_entry, find_entry
from tests.builders import AT
from tests.operations.conftest import AWAY, HOME
from tests.serving import StandingClock, furnished

DAY = 86_400
NONE = {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}


def counts(**given: int) -> dict[str, int]:
    return NONE | given | {"total": sum(given.values())}


def as_sent(answered: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answered))


async def created(services: Services, body: dict[str, Any] | None = None, project: str = HOME) -> Any:
    given = msgspec.convert(body or {}, CreateVectorStore)
    return as_sent(await create_vector_store(services, project=project, body=given))


async def got(services: Services, id: str) -> Any:
    return as_sent(await get_vector_store(services, project=HOME, vector_store_id=id))


async def modified(services: Services, id: str, body: dict[str, Any]) -> Any:
    given = msgspec.convert(body, ModifyVectorStore)
    return as_sent(await modify_vector_store(services, project=HOME, vector_store_id=id, body=given))


async def attached(services: Services, id: str, body: dict[str, Any]) -> Any:
    given = msgspec.convert(body, CreateVectorStoreFile)
    return as_sent(await create_vector_store_file(services, project=HOME, vector_store_id=id, body=given))


async def batched(services: Services, id: str, body: dict[str, Any]) -> Any:
    given = msgspec.convert(body, CreateFileBatch)
    return as_sent(await create_vector_store_file_batch(services, project=HOME, vector_store_id=id, body=given))


async def read(services: Services, store_id: str, file_id: str) -> None:
    """As if it had been read."""

    async def end(db: Any) -> None:
        entry = await find_entry(db, HOME, store_id, file_id)
        assert entry is not None
        await end_entry(db, entry.seq, status="completed", usage_bytes=5)

    await services.store.write(end)


def move(services: Services, seconds: int) -> None:
    assert isinstance(services.clock, StandingClock)
    services.clock.time += seconds


async def refusal_of(asking: Awaitable[object]) -> APIError:
    with pytest.raises(APIError) as refused:
        await asking
    return refused.value


async def test_an_empty_store(services: Services):
    store = await created(services)
    assert list(store) == [
        "id",
        "object",
        "created_at",
        "name",
        "description",
        "usage_bytes",
        "file_counts",
        "status",
        "expires_after",
        "expires_at",
        "last_active_at",
        "metadata",
    ]
    assert list(store["file_counts"]) == list(NONE)
    id = store.pop("id")
    assert id.startswith("vs_")
    assert len(id) == 35
    assert store == {
        "object": "vector_store",
        "created_at": AT,
        "name": None,
        "description": None,
        "usage_bytes": 0,
        "file_counts": NONE,
        "status": "completed",
        "expires_after": None,
        "expires_at": None,
        "last_active_at": AT,
        "metadata": {},
    }
    assert await got(services, id) == {"id": id} | store


async def test_a_store_with_everything(services: Services):
    given = {
        "name": "Docs",
        "description": "d",
        "metadata": {"k": "v"},
        "expires_after": {"anchor": "last_active_at", "days": 3},
        "file_ids": ["file-1", "file-2"],
        "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 100}},
    }
    store = await created(services, given)
    for field in ("name", "description", "metadata", "expires_after"):
        assert store[field] == given[field]
    assert (store["status"], store["file_counts"]) == ("in_progress", counts(in_progress=2))
    assert store["expires_at"] == AT + 3 * DAY
    file = as_sent(await get_vector_store_file(services, project=HOME, vector_store_id=store["id"], file_id="file-2"))
    assert file == {
        "id": "file-2",
        "object": "vector_store.file",
        "usage_bytes": 0,
        "created_at": AT,
        "vector_store_id": store["id"],
        "status": "in_progress",
        "last_error": None,
        "chunking_strategy": given["chunking_strategy"],
        "attributes": {},
    }
    assert list(file["chunking_strategy"]["static"]) == ["max_chunk_size_tokens", "chunk_overlap_tokens"]


async def test_an_update_keeps_what_is_absent_and_clears_what_is_null(services: Services):
    given = {"name": "n", "metadata": {"k": "v"}, "expires_after": {"anchor": "last_active_at", "days": 3}}
    store = await created(services, given)
    move(services, 10)
    active = {"last_active_at": AT + 10, "expires_at": AT + 10 + 3 * DAY}
    assert await modified(services, store["id"], {}) == store | active
    assert await modified(services, store["id"], {"name": "m", "metadata": {}}) == store | active | {
        "name": "m",
        "metadata": {},
    }
    cleared = await modified(services, store["id"], {"name": None, "metadata": None, "expires_after": None})
    assert cleared == store | active | {"name": None, "metadata": {}, "expires_after": None, "expires_at": None}
    assert await got(services, store["id"]) == cleared


async def test_an_expired_store_says_so_and_is_of_no_use(services: Services):
    body = {"expires_after": {"anchor": "last_active_at", "days": 1}, "file_ids": ["file-1"]}
    store = await created(services, body)
    move(services, DAY - 1)
    assert (await got(services, store["id"]))["status"] == "in_progress"
    move(services, 1)
    expired = await got(services, store["id"])
    assert expired == store | {"status": "expired", "file_counts": counts(cancelled=1)}
    listed = as_sent(await list_vector_stores(services, project=HOME, params=ListParams(limit=1)))
    assert listed["data"] == [expired]
    for asking in (
        attached(services, store["id"], {"file_id": "file-2"}),
        batched(services, store["id"], {"file_ids": ["file-2"]}),
        searched(services, store["id"], "rivers"),
    ):
        assert (await refusal_of(asking)).message == f"Vector store '{store['id']}' has expired."
    assert (await modified(services, store["id"], {"name": "late"}))["status"] == "expired"


async def searched(services: Services, id: str, query: str) -> Any:
    body = SearchVectorStore(query=query)
    return as_sent(await search_vector_store(services, project=HOME, vector_store_id=id, body=body))


async def test_a_search_is_a_use(services: Services):
    store = await created(services, {"expires_after": {"anchor": "last_active_at", "days": 1}})
    move(services, 30)
    page = await searched(services, store["id"], "rivers")
    assert list(page.items()) == [
        ("object", "vector_store.search_results.page"),
        ("search_query", ["rivers"]),
        ("data", []),
        ("has_more", False),
        ("next_page", None),
    ]
    assert (await got(services, store["id"]))["last_active_at"] == AT  # not at every search
    move(services, 3600)
    await searched(services, store["id"], "rivers")
    assert (await got(services, store["id"]))["expires_at"] == AT + 3630 + DAY


async def test_a_deleted_store_is_gone_and_its_files_are_not(services: Services):
    store = await created(services, {"file_ids": ["file-1"]})
    answered = as_sent(await delete_vector_store(services, project=HOME, vector_store_id=store["id"]))
    assert answered == {"id": store["id"], "object": "vector_store.deleted", "deleted": True}
    for asking in (
        got(services, store["id"]),
        modified(services, store["id"], {}),
        delete_vector_store(services, project=HOME, vector_store_id=store["id"]),
        attached(services, store["id"], {"file_id": "file-1"}),
        searched(services, store["id"], "x"),
        list_vector_store_files(
            services, project=HOME, vector_store_id=store["id"], params=ListVectorStoreFilesParams()
        ),
    ):
        refusal = await refusal_of(asking)
        assert (refusal.status, refusal.message) == (404, f"No vector store found with id '{store['id']}'.")
    await created(services, {"file_ids": ["file-1"]})


async def test_another_project_has_none_of_it(services: Services):
    store = await created(services, {"file_ids": ["file-1"]})
    given: dict[str, Any] = {"services": services, "project": AWAY, "vector_store_id": store["id"]}
    askings: list[Callable[[], Awaitable[object]]] = [
        lambda: get_vector_store(**given),
        lambda: modify_vector_store(**given, body=ModifyVectorStore()),
        lambda: delete_vector_store(**given),
        lambda: search_vector_store(**given, body=SearchVectorStore(query="x")),
        lambda: create_vector_store_file(**given, body=CreateVectorStoreFile(file_id="file-1")),
        lambda: list_vector_store_files(**given, params=ListVectorStoreFilesParams()),
        lambda: get_vector_store_file(**given, file_id="file-1"),
        lambda: delete_vector_store_file(**given, file_id="file-1"),
        lambda: retrieve_vector_store_file_content(**given, file_id="file-1"),
        lambda: update_vector_store_file_attributes(
            **given, file_id="file-1", body=UpdateVectorStoreFile(attributes={})
        ),
        lambda: create_vector_store_file_batch(**given, body=CreateFileBatch(file_ids=["file-1"])),
    ]
    for ask in askings:
        with pytest.raises(NotFound, match=store["id"]):
            await ask()
    with pytest.raises(NotFound, match="'file-1' were not found"):
        await created(services, {"file_ids": ["file-1"]}, project=AWAY)
    assert await got(services, store["id"]) == store


# Files


async def test_a_file_from_its_arrival_to_its_leave(services: Services):
    store = await created(services)
    file = await attached(services, store["id"], {"file_id": "file-1", "attributes": {"year": 2024, "final": True}})
    assert (file["status"], file["attributes"]) == ("in_progress", {"year": 2024, "final": True})
    assert file["chunking_strategy"] == {
        "type": "static",
        "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
    }
    given: dict[str, Any] = {"services": services, "project": HOME, "vector_store_id": store["id"]}
    body = UpdateVectorStoreFile(attributes={"year": 2025})
    updated = as_sent(await update_vector_store_file_attributes(**given, file_id="file-1", body=body))
    assert updated == file | {"attributes": {"year": 2025}}
    cleared = as_sent(
        await update_vector_store_file_attributes(
            **given, file_id="file-1", body=UpdateVectorStoreFile(attributes=None)
        )
    )
    assert cleared["attributes"] == {}
    content = as_sent(await retrieve_vector_store_file_content(**given, file_id="file-1"))
    assert content == {
        "object": "vector_store.file_content.page",
        "data": [],
        "has_more": False,
        "next_page": None,
    }
    gone = as_sent(await delete_vector_store_file(**given, file_id="file-1"))
    assert gone == {"id": "file-1", "object": "vector_store.file.deleted", "deleted": True}
    for ask in (get_vector_store_file, delete_vector_store_file, retrieve_vector_store_file_content):
        refusal = await refusal_of(ask(**given, file_id="file-1"))
        assert refusal.message == f"No file found with id 'file-1' in vector store '{store['id']}'."
    assert (await got(services, store["id"]))["file_counts"] == NONE


async def test_the_files_of_a_store_by_status(services: Services):
    store = await created(services, {"file_ids": ["file-1", "file-2"]})
    await read(services, store["id"], "file-1")

    async def listed(**given: Any) -> list[str]:
        params = ListVectorStoreFilesParams(**given)
        page = await list_vector_store_files(services, project=HOME, vector_store_id=store["id"], params=params)
        return [file["id"] for file in as_sent(page)["data"]]

    assert await listed() == ["file-2", "file-1"]
    assert await listed(order="asc", limit=1) == ["file-1"]
    assert await listed(order="asc", after="file-1") == ["file-2"]
    assert await listed(filter="completed") == ["file-1"]
    assert await listed(filter="in_progress", before="file-1") == ["file-2"]
    assert await listed(filter="failed") == []


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"file_id": "file-9"}, "file_ids", "File(s) with id(s) 'file-9' were not found."),
        ({"file_id": "file-exe"}, "file_ids", "Files with extensions [.exe] are not supported for retrieval."),
        (
            {
                "file_id": "file-1",
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 101},
                },
            },
            "chunking_strategy",
            "Invalid 'chunking_strategy.static.chunk_overlap_tokens'",
        ),
    ],
)
async def test_a_file_that_cannot_be_put_in(services: Services, body: Any, param: str, said: str):
    await furnished(services, HOME, files=["file-exe"], filename="setup.exe")
    store = await created(services)
    refusal = await refusal_of(attached(services, store["id"], body))
    assert refusal.param == param
    assert refusal.message.startswith(said)
    assert await got(services, store["id"]) == store


async def test_a_deleted_file_leaves_its_stores(services: Services):
    await furnished(services, HOME, files=["file-one"])
    one = await created(services, {"file_ids": ["file-one", "file-2"]})
    two = await created(services, {"file_ids": ["file-one"]})
    await delete_file(services, project=HOME, file_id="file-one")
    assert (await got(services, one["id"]))["file_counts"] == counts(in_progress=1)
    assert (await got(services, two["id"])) == two | {"file_counts": NONE, "status": "completed"}


# Batches


async def test_a_batch(services: Services):
    store = await created(services)
    batch = await batched(services, store["id"], {"file_ids": ["file-1", "file-2"], "attributes": {"a": 1}})
    assert list(batch) == ["id", "object", "created_at", "status", "vector_store_id", "file_counts"]
    assert batch == {
        "id": batch["id"],
        "object": "vector_store.file_batch",
        "created_at": AT,
        "status": "in_progress",
        "vector_store_id": store["id"],
        "file_counts": counts(in_progress=2),
    }
    assert batch["id"].startswith("vsfb_")
    given: dict[str, Any] = {"services": services, "project": HOME, "vector_store_id": store["id"]}
    params = ListVectorStoreFilesParams(order="asc")
    page = as_sent(await list_files_in_vector_store_batch(**given, batch_id=batch["id"], params=params))
    assert [(file["id"], file["attributes"]) for file in page["data"]] == [("file-1", {"a": 1}), ("file-2", {"a": 1})]
    for file_id in ("file-1", "file-2"):
        await read(services, store["id"], file_id)
    done = as_sent(await get_vector_store_file_batch(**given, batch_id=batch["id"]))
    assert done == batch | {"status": "completed", "file_counts": counts(completed=2)}
    # What is done cannot be cancelled, and it is no mistake to try.
    assert as_sent(await cancel_vector_store_file_batch(**given, batch_id=batch["id"])) == done


async def test_a_batch_that_is_cancelled(services: Services):
    store = await created(services)
    batch = await batched(services, store["id"], {"file_ids": ["file-1", "file-2"]})
    await read(services, store["id"], "file-1")
    given: dict[str, Any] = {"services": services, "project": HOME, "vector_store_id": store["id"]}
    cancelled = as_sent(await cancel_vector_store_file_batch(**given, batch_id=batch["id"]))
    assert cancelled == batch | {"status": "cancelled", "file_counts": counts(completed=1, cancelled=1)}
    assert (await got(services, store["id"]))["status"] == "completed"


async def test_a_batch_of_files_each_in_its_own_way(services: Services):
    store = await created(services)
    small = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    batch = await batched(
        services,
        store["id"],
        {"files": [{"file_id": "file-1", "attributes": {"a": "x"}}, {"file_id": "file-2", "chunking_strategy": small}]},
    )
    page = as_sent(
        await list_files_in_vector_store_batch(
            services,
            project=HOME,
            vector_store_id=store["id"],
            batch_id=batch["id"],
            params=ListVectorStoreFilesParams(order="asc"),
        )
    )
    assert [file["attributes"] for file in page["data"]] == [{"a": "x"}, {}]
    assert page["data"][1]["chunking_strategy"] == small


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "file_ids"),
        ({"file_ids": ["file-1"], "files": [{"file_id": "file-1"}]}, "files"),
        ({"file_ids": ["file-1", "file-8", "file-9"]}, "file_ids"),
    ],
)
async def test_a_batch_that_is_refused_is_not_there(services: Services, body: Any, param: str):
    store = await created(services)
    assert (await refusal_of(batched(services, store["id"], body))).param == param
    assert await got(services, store["id"]) == store


async def test_a_batch_that_is_not_there(services: Services):
    store = await created(services)
    for ask in (get_vector_store_file_batch, cancel_vector_store_file_batch):
        refusal = await refusal_of(ask(services, project=HOME, vector_store_id=store["id"], batch_id="vsfb_1"))
        assert refusal.message == "No vector store file batch found with id 'vsfb_1'."


# Made on the way

HELPER = {"file_search": {"vector_stores": [{"file_ids": ["file-1"], "metadata": {"k": "v"}}]}}


def store_in(resources: Any) -> str:
    (id,) = resources["file_search"]["vector_store_ids"]
    return str(id)


async def test_a_store_for_an_assistant(services: Services):
    body = msgspec.convert({"model": "tiny", "tool_resources": HELPER}, CreateAssistant)
    assistant = as_sent(await create_assistant(services, project=HOME, body=body))
    assert list(assistant["tool_resources"]["file_search"]) == ["vector_store_ids"]
    store = await got(services, store_in(assistant["tool_resources"]))
    assert (store["file_counts"], store["metadata"]) == (counts(in_progress=1), {"k": "v"})
    assert store["expires_after"] is None


async def test_a_store_for_a_thread_expires(services: Services):
    body = msgspec.convert({"tool_resources": HELPER}, CreateThread)
    thread = as_sent(await create_thread(services, project=HOME, body=body))
    store = await got(services, store_in(thread["tool_resources"]))
    assert store["expires_after"] == {"anchor": "last_active_at", "days": 7}
    assert store["expires_at"] == AT + 7 * DAY


@pytest.mark.parametrize(
    "resources",
    [
        {"file_search": {"vector_store_ids": ["vs_9"]}},
        {"file_search": {"vector_stores": [{"file_ids": ["file-9"]}]}},
    ],
)
async def test_what_is_not_there_cannot_be_named(services: Services, resources: Any):
    assistants = msgspec.convert({"model": "tiny", "tool_resources": resources}, CreateAssistant)
    refusal = await refusal_of(create_assistant(services, project=HOME, body=assistants))
    assert refusal.status == 404
    threads = msgspec.convert({"tool_resources": resources}, CreateThread)
    assert (await refusal_of(create_thread(services, project=HOME, body=threads))).message == refusal.message
    assert len(as_sent(await list_vector_stores(services, project=HOME, params=ListParams()))["data"]) == 2


async def test_a_modification_names_stores_that_there_are(services: Services):
    assistant = as_sent(
        await create_assistant(services, project=HOME, body=msgspec.convert({"model": "tiny"}, CreateAssistant))
    )
    thread = as_sent(await create_thread(services, project=HOME, body=CreateThread()))
    good = {"tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}}
    bad = {"tool_resources": {"file_search": {"vector_store_ids": ["vs_9"]}}}

    async def modify(body: Any) -> list[Any]:
        return [
            as_sent(
                await modify_assistant(
                    services,
                    project=HOME,
                    assistant_id=assistant["id"],
                    body=msgspec.convert(body, ModifyAssistant),
                )
            ),
            as_sent(
                await modify_thread(
                    services, project=HOME, thread_id=thread["id"], body=msgspec.convert(body, ModifyThread)
                )
            ),
        ]

    assert [each["tool_resources"] for each in await modify(good)] == [good["tool_resources"]] * 2
    with pytest.raises(NotFound, match="No vector store found with id 'vs_9'"):
        await modify(bad)
    with pytest.raises(InvalidRequest, match="Unknown parameter"):
        await modify({"tool_resources": HELPER})


# Attachments


def message(*file_ids: str, tool: str = "file_search") -> dict[str, Any]:
    attachments = [{"file_id": id, "tools": [{"type": tool}]} for id in file_ids]
    return {"role": "user", "content": "Look", "attachments": attachments}


async def thread_now(services: Services, id: str) -> Any:
    return as_sent(await get_thread(services, project=HOME, thread_id=id))


async def said(services: Services, thread_id: str, body: dict[str, Any]) -> Any:
    given = msgspec.convert(body, CreateMessage)
    return as_sent(await create_message(services, project=HOME, thread_id=thread_id, body=given))


async def test_the_first_attachment_makes_a_store_and_the_next_use_it(services: Services):
    thread = as_sent(await create_thread(services, project=HOME, body=CreateThread()))
    first = await said(services, thread["id"], message("file-1"))
    store_id = store_in((await thread_now(services, thread["id"]))["tool_resources"])
    store = await got(services, store_id)
    assert (store["file_counts"], store["expires_after"]["days"]) == (counts(in_progress=1), 7)
    await said(services, thread["id"], message("file-1", "file-2", "file-2"))
    assert store_in((await thread_now(services, thread["id"]))["tool_resources"]) == store_id
    assert (await got(services, store_id))["file_counts"] == counts(in_progress=2)
    await delete_message(services, project=HOME, thread_id=thread["id"], message_id=first["id"])
    assert (await got(services, store_id))["file_counts"] == counts(in_progress=2)


async def test_attachments_go_into_the_store_that_the_thread_has(services: Services):
    body = {"messages": [message("file-2")], "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}}
    thread = as_sent(await create_thread(services, project=HOME, body=msgspec.convert(body, CreateThread)))
    assert store_in(thread["tool_resources"]) == "vs_1"
    assert (await got(services, "vs_1"))["file_counts"] == counts(in_progress=1)


async def test_a_thread_is_answered_with_the_store_of_its_first_messages(services: Services):
    body = msgspec.convert({"messages": [message("file-1")]}, CreateThread)
    thread = as_sent(await create_thread(services, project=HOME, body=body))
    assert thread == await thread_now(services, thread["id"])
    assert (await got(services, store_in(thread["tool_resources"])))["status"] == "in_progress"


async def test_attachments_of_a_thread_that_is_made_with_its_run(services: Services):
    assistant = as_sent(
        await create_assistant(services, project=HOME, body=msgspec.convert({"model": "tiny"}, CreateAssistant))
    )
    body = {"assistant_id": assistant["id"], "thread": {"messages": [message("file-1")]}}
    run = as_sent(await create_thread_and_run(services, project=HOME, body=msgspec.convert(body, CreateThreadAndRun)))
    thread = await thread_now(services, run["thread_id"])
    assert (await got(services, store_in(thread["tool_resources"])))["file_counts"]["total"] == 1


async def test_other_attachments_make_no_store(services: Services):
    body = msgspec.convert({"messages": [message("file-1", tool="code_interpreter")]}, CreateThread)
    thread = as_sent(await create_thread(services, project=HOME, body=body))
    assert "file_search" not in thread["tool_resources"]


async def test_an_attachment_that_cannot_be_read_refuses_its_message(services: Services):
    await furnished(services, HOME, files=["file-png"], filename="a.png")
    thread = as_sent(await create_thread(services, project=HOME, body=CreateThread()))
    for file_id, status, code in (("file-9", 404, None), ("file-png", 400, "unsupported_file")):
        refusal = await refusal_of(said(services, thread["id"], message(file_id)))
        assert (refusal.status, refusal.code) == (status, code)
    assert await thread_now(services, thread["id"]) == thread


async def test_an_attachment_after_the_store_is_gone(services: Services):
    thread = as_sent(await create_thread(services, project=HOME, body=CreateThread()))
    await said(services, thread["id"], message("file-1"))
    old = store_in((await thread_now(services, thread["id"]))["tool_resources"])
    await delete_vector_store(services, project=HOME, vector_store_id=old)
    await said(services, thread["id"], message("file-1"))
    new = store_in((await thread_now(services, thread["id"]))["tool_resources"])
    assert new != old
    move(services, 7 * DAY)
    refusal = await refusal_of(said(services, thread["id"], message("file-2")))
    assert refusal.message == f"Vector store '{new}' has expired."
