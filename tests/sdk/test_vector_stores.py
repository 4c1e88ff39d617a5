"""Vector stores through the official client: its helpers that upload and poll, searches, and stores made on the way."""

from typing import Any

import openai
import pytest

from tests.sdk.clients import Api

RIVERS = b"# Rivers\n\nThe Danube flows through Vienna and ends in the Black Sea."
STONES = b"# Stones\n\nGranite is hard, and chalk is soft."
SOON_MS = 50


async def uploaded(api: Api, name: str, content: bytes) -> str:
    return str((await api(api.client.files.create(file=(name, content), purpose="assistants"))).id)


async def a_store(api: Api, *files: tuple[str, bytes], **given: Any) -> Any:
    store = await api(api.client.vector_stores.create(**given))
    batch = await api(
        api.client.vector_stores.file_batches.upload_and_poll(store.id, files=list(files), poll_interval_ms=SOON_MS)
    )
    assert (batch.status, batch.file_counts.completed) == ("completed", len(files))
    return await api(api.client.vector_stores.retrieve(store.id))


async def test_upload_and_poll_then_search(api: Api) -> None:
    stores = api.client.vector_stores
    store = await a_store(api, ("rivers.md", RIVERS), ("stones.md", STONES), name="Nature")
    assert (store.name, store.status, store.file_counts.completed) == ("Nature", "completed", 2)
    assert store.usage_bytes == len(RIVERS) + len(STONES)

    found = await api.every(stores.search(store.id, query="Where does the Danube end?"))
    assert (found[0].filename, found[0].content[0].text) == ("rivers.md", RIVERS.decode())
    assert 0.5 < found[0].score < 1
    # What is only a little like it comes after it.
    assert [hit.filename for hit in found[1:] if hit.score > found[0].score / 2] == []
    found = await api.every(stores.search(store.id, query=["danube", "granite"], max_num_results=1))
    assert len(found) == 1
    found = await api.every(
        stores.search(store.id, query="danube", ranking_options={"score_threshold": 0.95}, rewrite_query=True)
    )
    assert found == []

    renamed = await api(stores.update(store.id, name="Earth", metadata={"k": "v"}))
    assert (renamed.name, renamed.metadata) == ("Earth", {"k": "v"})
    assert store.id in [each.id for each in await api.every(stores.list(limit=100))]
    assert (await api(stores.delete(store.id))).deleted
    with pytest.raises(openai.NotFoundError):
        await api(stores.retrieve(store.id))


async def test_a_file_with_attributes(api: Api) -> None:
    stores = api.client.vector_stores
    store = await a_store(api, ("stones.md", STONES))
    file_id = await uploaded(api, "rivers.md", RIVERS)
    file = await api(
        stores.files.create_and_poll(
            file_id,
            vector_store_id=store.id,
            attributes={"year": 2024, "draft": False},
            chunking_strategy={
                "type": "static",
                "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10},
            },
            poll_interval_ms=SOON_MS,
        )
    )
    assert (file.id, file.status, file.attributes) == (file_id, "completed", {"year": 2024, "draft": False})
    assert file.chunking_strategy.static.max_chunk_size_tokens == 100
    content = await api.every(stores.files.content(file_id, vector_store_id=store.id))
    assert "".join(part.text for part in content) == RIVERS.decode()

    def asked(year: int) -> Any:
        newer = {"type": "gte", "key": "year", "value": year}
        final = {"type": "eq", "key": "draft", "value": False}
        return {"type": "and", "filters": [newer, final]}

    query = "rivers and stones"
    assert [hit.file_id for hit in await api.every(stores.search(store.id, query=query, filters=asked(2024)))] == [
        file_id
    ]
    assert await api.every(stores.search(store.id, query=query, filters=asked(2025))) == []
    updated = await api(
        stores.files.update(file_id, vector_store_id=store.id, attributes={"year": 2025, "draft": False})
    )
    assert updated.attributes == {"year": 2025, "draft": False}
    assert len(await api.every(stores.search(store.id, query=query, filters=asked(2025)))) == 1

    assert len(await api.every(stores.files.list(store.id, filter="completed", limit=1))) == 2
    assert (await api(stores.files.delete(file_id, vector_store_id=store.id))).id == file_id
    with pytest.raises(openai.NotFoundError, match=f"No file found with id '{file_id}' in vector store"):
        await api(stores.files.retrieve(file_id, vector_store_id=store.id))
    await api(api.client.files.retrieve(file_id))  # the file itself stays


async def test_a_batch_with_a_broken_file(api: Api) -> None:
    stores = api.client.vector_stores
    store = await api(stores.create())
    good, bad = await uploaded(api, "good.txt", RIVERS), await uploaded(api, "bad.pdf", b"This is no PDF.")
    batch = await api(stores.file_batches.create_and_poll(store.id, file_ids=[good, bad], poll_interval_ms=SOON_MS))
    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 1, 1)
    (failed,) = await api.every(stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed"))
    assert (failed.id, failed.last_error.code) == (bad, "invalid_file")
    assert (await api(stores.file_batches.cancel(batch.id, vector_store_id=store.id))).status == "completed"


async def test_what_is_refused(api: Api) -> None:
    stores = api.client.vector_stores
    store = await api(stores.create())
    program = await uploaded(api, "setup.exe", b"MZ")
    with pytest.raises(openai.BadRequestError, match=r"Files with extensions \[\.exe\] are not supported") as refused:
        await api(stores.files.create(vector_store_id=store.id, file_id=program))
    assert (refused.value.code, refused.value.param) == ("unsupported_file", "file_ids")
    with pytest.raises(openai.NotFoundError, match="were not found"):
        await api(stores.create(file_ids=["file-doesnotexist"]))
    with pytest.raises(openai.BadRequestError, match="Expected an ID that begins with 'vs'"):
        await api(stores.retrieve("store_1"))
    with pytest.raises(openai.BadRequestError, match=r"Missing required parameter: 'filters\.value'"):
        await api(stores.search(store.id, query="x", filters={"type": "eq", "key": "a"}))


async def test_stores_that_are_made_on_the_way(api: Api) -> None:
    stores = api.client.vector_stores
    file_id = await uploaded(api, "rivers.md", RIVERS)
    resources = {"file_search": {"vector_stores": [{"file_ids": [file_id], "metadata": {"k": "v"}}]}}
    assistant = await api.assistant(tools=[{"type": "file_search"}], tool_resources=resources)
    (of_assistant,) = assistant.tool_resources.file_search.vector_store_ids
    store = await api(stores.retrieve(of_assistant))
    assert (store.metadata, store.file_counts.total, store.expires_after) == ({"k": "v"}, 1, None)

    attachments: Any = [{"file_id": file_id, "tools": [{"type": "file_search"}]}]
    thread = await api(api.threads.create(messages=[{"role": "user", "content": "Where?", "attachments": attachments}]))
    (of_thread,) = thread.tool_resources.file_search.vector_store_ids
    store = await api(stores.retrieve(of_thread))
    assert (store.file_counts.total, store.expires_after.days) == (1, 7)
    assert store.expires_at == store.last_active_at + 7 * 86_400

    with pytest.raises(openai.NotFoundError, match="No vector store found with id 'vs_none'"):
        await api.assistant(tool_resources={"file_search": {"vector_store_ids": ["vs_none"]}})
