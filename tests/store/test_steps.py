"""Run steps in the store."""

import msgspec
import pytest
from msgspec import Raw

from proxy.errors import NotFound
from proxy.schema.pages import ListParams
from proxy.schema.runs import Run
from proxy.schema.threads import Thread
from proxy.store import Store
from proxy.store.runs import insert_run
from proxy.store.steps import delete_step, list_steps, save_step, step_json, step_reasoning, steps_of_run
from tests.builders import AT, a_run, a_step, changed
from tests.store.conftest import AWAY, HOME


@pytest.fixture
async def run(store: Store, thread: Thread) -> Run:
    run = a_run(thread_id=thread.id)
    await store.write(lambda db: insert_run(db, HOME, run, progress=b"{}", owner=None, lease_until=None))
    return run


async def test_saving_inserts_and_then_replaces_in_place(store: Store, run: Run) -> None:
    first, second = (a_step(run_id=run.id, thread_id=run.thread_id) for _ in range(2))
    assert await store.write(lambda db: save_step(db, HOME, first))
    assert await store.write(lambda db: save_step(db, HOME, second))
    done = changed(first, status="completed", completed_at=AT + 1, expires_at=None)
    assert await store.write(lambda db: save_step(db, HOME, done))
    assert await store.read(lambda db: steps_of_run(db, run.id)) == [done, second]
    page = await store.read(lambda db: list_steps(db, HOME, run.thread_id, run.id, ListParams()))
    assert page.data == [Raw(msgspec.json.encode(second)), Raw(msgspec.json.encode(done))]


async def test_one_is_answered_only_in_its_thread_and_run(store: Store, run: Run) -> None:
    step = a_step(run_id=run.id, thread_id=run.thread_id)
    await store.write(lambda db: save_step(db, HOME, step))

    async def answer(thread_id: str, run_id: str) -> Raw | None:
        return await store.read(lambda db: step_json(db, HOME, thread_id, run_id, step.id))

    assert await answer(run.thread_id, run.id) == Raw(msgspec.json.encode(step))
    assert await answer("thread_other", run.id) is None
    assert await answer(run.thread_id, "run_other") is None


async def test_a_finished_step_tells_no_more_when_it_would_have_expired(store: Store, run: Run) -> None:
    live = a_step(run_id=run.id, thread_id=run.thread_id)
    assert live.expires_at is not None
    for status, told in (("in_progress", live.expires_at), ("cancelled", live.expires_at), ("completed", None)):
        await store.write(lambda db, status=status: save_step(db, HOME, changed(live, status=status)))
        (stored,) = await store.read(lambda db: steps_of_run(db, run.id))
        assert (stored.status, stored.expires_at) == (status, told)


async def test_none_comes_into_a_run_that_is_not_there(store: Store, run: Run) -> None:
    assert not await store.write(lambda db: save_step(db, HOME, a_step(run_id="run_gone", thread_id=run.thread_id)))
    assert not await store.write(lambda db: save_step(db, AWAY, a_step(run_id=run.id, thread_id=run.thread_id)))
    assert await store.read(lambda db: steps_of_run(db, run.id)) == []


async def test_reasoning_stands_beside_the_step(store: Store, run: Run) -> None:
    step = a_step(run_id=run.id, thread_id=run.thread_id)

    async def text() -> str | None:
        answer = await store.read(lambda db: step_reasoning(db, HOME, run.thread_id, run.id, step.id))
        assert answer is not None
        return answer.text

    assert await store.read(lambda db: step_reasoning(db, HOME, run.thread_id, run.id, step.id)) is None
    await store.write(lambda db: save_step(db, HOME, step))
    assert await text() is None
    await store.write(lambda db: save_step(db, HOME, step, reasoning="Hm."))
    assert await text() == "Hm."
    done = changed(step, status="completed", completed_at=AT + 1, expires_at=None)
    await store.write(lambda db: save_step(db, HOME, done))
    assert await text() == "Hm."
    assert await store.read(lambda db: step_json(db, HOME, run.thread_id, run.id, step.id)) == Raw(
        msgspec.json.encode(done)
    )
    assert await store.read(lambda db: step_reasoning(db, HOME, "thread_other", run.id, step.id)) is None


async def test_deleting(store: Store, run: Run) -> None:
    step = a_step(run_id=run.id, thread_id=run.thread_id)
    await store.write(lambda db: save_step(db, HOME, step))
    assert await store.write(lambda db: delete_step(db, step.id))
    assert not await store.write(lambda db: delete_step(db, step.id))
    assert await store.read(lambda db: steps_of_run(db, run.id)) == []


async def test_an_unknown_cursor(store: Store, run: Run) -> None:
    with pytest.raises(NotFound, match=r"No run step found with id 'step_x'\."):
        await store.read(lambda db: list_steps(db, HOME, run.thread_id, run.id, ListParams(after="step_x")))
