"""A project sees only its own objects, whatever it asks."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from msgspec import Struct

from proxy.errors import NotFound
from proxy.schema.assistants import Assistant
from proxy.schema.messages import Message
from proxy.schema.pages import ListMessagesParams, ListParams, ListThreadsParams, Page
from proxy.schema.runs import Run
from proxy.schema.steps import RunStep
from proxy.schema.threads import Thread
from proxy.store import Connection, Store, assistants, messages, runs, steps, threads
from tests.builders import a_message, a_run, a_step, a_thread, an_assistant
from tests.store.conftest import AWAY, HOME, FixedClock


class House(Struct, frozen=True, kw_only=True):
    """One object of each kind, at home."""

    store: Store
    assistant: Assistant
    thread: Thread
    message: Message
    run: Run
    step: RunStep


@pytest.fixture
async def house(tmp_path: Path, clock: FixedClock) -> AsyncIterator[House]:
    thread = a_thread()
    run = a_run(thread_id=thread.id)
    house = House(
        store=await Store.open(tmp_path, clock),
        assistant=an_assistant(),
        thread=thread,
        message=a_message(thread_id=thread.id),
        run=run,
        step=a_step(thread_id=thread.id, run_id=run.id),
    )

    async def furnish(db: Connection) -> None:
        await assistants.insert_assistant(db, HOME, house.assistant)
        await threads.insert_thread(db, HOME, thread)
        await messages.insert_messages(db, HOME, [house.message])
        await runs.insert_run(db, HOME, run, progress=b"{}", owner=None, lease_until=None)
        assert await steps.save_step(db, HOME, house.step)

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
}

# These bring a new object into the project that asks; those with a parent are refused below.
INSERTS = {"insert_assistant", "insert_thread", "insert_messages", "insert_run"}


def answered(answer: object) -> bool:
    return bool(answer.data) if isinstance(answer, Page) else answer not in (None, False)


def test_every_question_of_a_project_is_asked_here() -> None:
    asked = {
        name
        for module in (assistants, threads, messages, runs, steps)
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
