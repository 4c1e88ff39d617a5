"""A project sees only its own objects, whatever it asks."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from msgspec import Struct

from proxy.errors import NotFound
from proxy.schema.assistants import Assistant
from proxy.schema.files import FileObject, ListFilesParams, Upload, UploadPart
from proxy.schema.messages import Message
from proxy.schema.pages import ListMessagesParams, ListParams, ListThreadsParams, Page
from proxy.schema.runs import Run
from proxy.schema.steps import RunStep
from proxy.schema.threads import Thread
from proxy.schema.vector_stores import FileBatch, ListVectorStoreFilesParams, VectorStore, VectorStoreFile
from proxy.store import (
    Connection,
    Store,
    assistants,
    chunks,
    file_batches,
    files,
    messages,
    runs,
    steps,
    threads,
    uploads,
    vector_store_files,
    vector_stores,
)
from tests.builders import (
    AT,
    a_batch,
    a_file,
    a_message,
    a_part,
    a_run,
    a_step,
    a_store,
    a_thread,
    an_assistant,
    an_entry,
    an_upload,
    changed,
)
from tests.store.conftest import AWAY, HOME, FixedClock


class House(Struct, frozen=True, kw_only=True):
    """One object of each kind, at home."""

    store: Store
    assistant: Assistant
    thread: Thread
    message: Message
    run: Run
    step: RunStep
    file: FileObject
    upload: Upload
    part: UploadPart
    vectors: VectorStore
    batch: FileBatch
    entry: VectorStoreFile


@pytest.fixture
async def house(tmp_path: Path, clock: FixedClock) -> AsyncIterator[House]:
    thread = a_thread()
    run = a_run(thread_id=thread.id)
    upload = an_upload()
    vectors = a_store()
    house = House(
        store=await Store.open(tmp_path, clock),
        assistant=an_assistant(),
        thread=thread,
        message=a_message(thread_id=thread.id),
        run=run,
        step=a_step(thread_id=thread.id, run_id=run.id),
        file=a_file(),
        upload=upload,
        part=a_part(upload.id),
        vectors=vectors,
        batch=a_batch(vectors.id),
        entry=an_entry(vectors.id),
    )

    async def furnish(db: Connection) -> None:
        await assistants.insert_assistant(db, HOME, house.assistant)
        await threads.insert_thread(db, HOME, thread)
        await messages.insert_messages(db, HOME, [house.message])
        await runs.insert_run(db, HOME, run, progress=b"{}", owner=None, lease_until=None)
        assert await steps.save_step(db, HOME, house.step)
        await files.insert_file(db, HOME, house.file, sha256="a" * 64)
        await uploads.insert_upload(db, HOME, upload, file_seconds=None)
        assert await uploads.insert_part(db, HOME, house.part, bytes=5, now=AT)
        await vector_stores.insert_store(db, HOME, vectors)
        await file_batches.insert_batch(db, HOME, house.batch)
        await vector_store_files.attach_files(db, HOME, vectors.id, [house.entry], batch_id=house.batch.id)

    await house.store.write(furnish)
    yield house
    await house.store.aclose()


async def stored_entry(db: Connection, house: House) -> vector_store_files.StoredEntry:
    entry = await vector_store_files.find_entry(db, HOME, house.vectors.id, house.entry.id)
    assert entry is not None
    return entry


async def waits(db: Connection, house: House) -> bool:
    return (await stored_entry(db, house)).file.status == "in_progress"


async def cancelled(db: Connection, project: str, house: House, batch_id: str | None) -> bool:
    await vector_store_files.cancel_entries(db, project, house.vectors.id, batch_id)
    return not await waits(db, house)


async def described(db: Connection, project: str, house: House) -> list[vector_store_files.DescribedFile]:
    await vector_store_files.end_entry(db, (await stored_entry(db, house)).seq, status="completed")
    return await vector_store_files.attributes_of(db, project, house.vectors.id)


async def dropped(db: Connection, project: str, house: House) -> bool:
    set_id = await chunks.begin_set(db, (await stored_entry(db, house)).seq)
    assert set_id is not None
    await chunks.drop_sets_of_store(db, project, house.vectors.id)
    return not await chunks.write_chunks(db, set_id, [], place=0)


Question = Callable[[Connection, str, House], Awaitable[object]]

# Every question of one object or one list, asked by a project; the answer to a stranger is None, False or empty.
QUESTIONS: dict[str, Question] = {
    "find_assistant": lambda db, project, at: assistants.find_assistant(db, project, at.assistant.id),
    "assistant_json": lambda db, project, at: assistants.assistant_json(db, project, at.assistant.id),
    "list_assistants": lambda db, project, at: assistants.list_assistants(db, project, ListParams()),
    "save_assistant": lambda db, project, at: assistants.save_assistant(db, project, at.assistant),
    "delete_assistant": lambda db, project, at: assistants.delete_assistant(db, project, at.assistant.id),
    "assistants_naming": lambda db, project, at: assistants.assistants_naming(db, project, at.assistant.id),
    "threads_naming": lambda db, project, at: threads.threads_naming(db, project, at.thread.id),
    "find_thread": lambda db, project, at: threads.find_thread(db, project, at.thread.id),
    "thread_json": lambda db, project, at: threads.thread_json(db, project, at.thread.id),
    "thread_state": lambda db, project, at: threads.thread_state(db, project, at.thread.id),
    "list_threads": lambda db, project, at: threads.list_threads(db, project, ListThreadsParams()),
    "save_thread": lambda db, project, at: threads.save_thread(db, project, at.thread),
    "delete_thread": lambda db, project, at: threads.delete_thread(db, project, at.thread.id),
    "save_message": lambda db, project, at: messages.save_message(db, project, at.message),
    "find_message": lambda db, project, at: messages.find_message(db, project, at.thread.id, at.message.id),
    "message_json": lambda db, project, at: messages.message_json(db, project, at.thread.id, at.message.id),
    "list_messages": lambda db, project, at: messages.list_messages(db, project, at.thread.id, ListMessagesParams()),
    "delete_message": lambda db, project, at: messages.delete_message(db, project, at.thread.id, at.message.id),
    "find_run": lambda db, project, at: runs.find_run(db, project, at.thread.id, at.run.id),
    "run_json": lambda db, project, at: runs.run_json(db, project, at.thread.id, at.run.id),
    "list_runs": lambda db, project, at: runs.list_runs(db, project, at.thread.id, ListParams()),
    "save_run_metadata": lambda db, project, at: runs.save_run_metadata(db, project, at.run),
    "save_step": lambda db, project, at: steps.save_step(db, project, at.step),
    "step_json": lambda db, project, at: steps.step_json(db, project, at.thread.id, at.run.id, at.step.id),
    "step_reasoning": lambda db, project, at: steps.step_reasoning(db, project, at.thread.id, at.run.id, at.step.id),
    "list_steps": lambda db, project, at: steps.list_steps(db, project, at.thread.id, at.run.id, ListParams()),
    "find_file": lambda db, project, at: files.find_file(db, project, at.file.id, now=AT),
    "find_files": lambda db, project, at: files.find_files(db, project, [at.file.id], now=AT),
    "file_json": lambda db, project, at: files.file_json(db, project, at.file.id, now=AT),
    "list_files": lambda db, project, at: files.list_files(db, project, ListFilesParams(), now=AT),
    "delete_file": lambda db, project, at: files.delete_file(db, project, at.file.id),
    "find_upload": lambda db, project, at: uploads.find_upload(db, project, at.upload.id),
    "insert_part": lambda db, project, at: uploads.insert_part(db, project, a_part(at.upload.id), bytes=5, now=AT),
    "parts_of": lambda db, project, at: uploads.parts_of(db, project, at.upload.id),
    "close_upload": lambda db, project, at: uploads.close_upload(db, project, changed(at.upload, status="cancelled")),
    "find_store": lambda db, project, at: vector_stores.find_store(db, project, at.vectors.id),
    "store_json": lambda db, project, at: vector_stores.store_json(db, project, at.vectors.id),
    "list_stores": lambda db, project, at: vector_stores.list_stores(db, project, ListParams()),
    "save_store": lambda db, project, at: vector_stores.save_store(db, project, at.vectors),
    "delete_store": lambda db, project, at: vector_stores.delete_store(db, project, at.vectors.id),
    "find_batch": lambda db, project, at: file_batches.find_batch(db, project, at.vectors.id, at.batch.id),
    "batch_json": lambda db, project, at: file_batches.batch_json(db, project, at.vectors.id, at.batch.id),
    "save_batch": lambda db, project, at: file_batches.save_batch(db, project, at.batch),
    "entries_of": lambda db, project, at: vector_store_files.entries_of(db, project, at.vectors.id, [at.entry.id]),
    "find_entry": lambda db, project, at: vector_store_files.find_entry(db, project, at.vectors.id, at.entry.id),
    "entry_json": lambda db, project, at: vector_store_files.entry_json(db, project, at.vectors.id, at.entry.id),
    "list_entries": lambda db, project, at: vector_store_files.list_entries(
        db, project, at.vectors.id, ListVectorStoreFilesParams()
    ),
    "detach_file": lambda db, project, at: vector_store_files.detach_file(db, project, at.vectors.id, at.entry.id),
    "detach_everywhere": lambda db, project, at: vector_store_files.detach_everywhere(db, project, at.entry.id),
    "attributes_of": described,
    "cancel_batch": lambda db, project, at: vector_store_files.cancel_batch(db, project, at.vectors.id, at.batch.id),
    "cancel_entries": lambda db, project, at: cancelled(db, project, at, None),
    "store_key": lambda db, project, at: chunks.store_key(db, project, at.vectors.id),
    "drop_sets_of_store": dropped,
}

# These bring a new object into the project that asks; those with a parent are refused below.
INSERTS = {"insert_assistant", "insert_thread", "insert_messages", "insert_run", "insert_file", "insert_upload"} | {
    "insert_store",
    "insert_batch",
    "attach_files",
}


def answered(answer: object) -> bool:
    return bool(answer.data) if isinstance(answer, Page) else answer not in (None, False, {}, [])


MODULES = (
    assistants,
    threads,
    messages,
    runs,
    steps,
    files,
    uploads,
    vector_stores,
    vector_store_files,
    file_batches,
    chunks,
)


def test_every_question_of_a_project_is_asked_here() -> None:
    asked = {
        name
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if not name.startswith("_")
        and function.__module__ == module.__name__
        and "project" in inspect.signature(function).parameters
    }
    assert asked == QUESTIONS.keys() | INSERTS


@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_stranger_gets_nothing_and_changes_nothing(house: House, name: str) -> None:
    question = QUESTIONS[name]
    assert not answered(await house.store.write(lambda db: question(db, AWAY, house)))
    assert answered(await house.store.write(lambda db: question(db, HOME, house)))


async def test_a_stranger_brings_nothing_in(house: House) -> None:
    with pytest.raises(NotFound, match=house.thread.id):
        await house.store.write(lambda db: messages.insert_messages(db, AWAY, [a_message(thread_id=house.thread.id)]))
    with pytest.raises(NotFound, match=house.thread.id):
        await house.store.write(
            lambda db: runs.insert_run(
                db, AWAY, a_run(thread_id=house.thread.id), progress=b"{}", owner=None, lease_until=None
            )
        )
    in_store = house.vectors.id
    with pytest.raises(NotFound, match=in_store):
        await house.store.write(lambda db: file_batches.insert_batch(db, AWAY, a_batch(in_store)))
    with pytest.raises(NotFound, match=in_store):
        await house.store.write(lambda db: vector_store_files.attach_files(db, AWAY, in_store, [an_entry(in_store)]))
