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
from proxy.store import Connection, Store, assistants, files, messages, runs, steps, threads, uploads
from tests.builders import AT, a_file, a_message, a_part, a_run, a_step, a_thread, an_assistant, an_upload, changed
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


@pytest.fixture
async def house(tmp_path: Path, clock: FixedClock) -> AsyncIterator[House]:
    thread = a_thread()
    run = a_run(thread_id=thread.id)
    upload = an_upload()
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

    await house.store.write(furnish)
    yield house
    await house.store.aclose()


Question = Callable[[Connection, str, House], Awaitable[object]]

# Every question of one object or one list, asked by a project; the answer to a stranger is None, False or empty.
QUESTIONS: dict[str, Question] = {
    "find_assistant": lambda db, project, at: assistants.find_assistant(db, project, at.assistant.id),
    "assistant_json": lambda db, project, at: assistants.assistant_json(db, project, at.assistant.id),
    "list_assistants": lambda db, project, at: assistants.list_assistants(db, project, ListParams()),
    "save_assistant": lambda db, project, at: assistants.save_assistant(db, project, at.assistant),
    "delete_assistant": lambda db, project, at: assistants.delete_assistant(db, project, at.assistant.id),
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
}

# These bring a new object into the project that asks; those with a parent are refused below.
INSERTS = {"insert_assistant", "insert_thread", "insert_messages", "insert_run", "insert_file", "insert_upload"}


def answered(answer: object) -> bool:
    return bool(answer.data) if isinstance(answer, Page) else answer not in (None, False, {}, [])


def test_every_question_of_a_project_is_asked_here() -> None:
    asked = {
        name
        for module in (assistants, threads, messages, runs, steps, files, uploads)
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if function.__module__ == module.__name__ and "project" in inspect.signature(function).parameters
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
