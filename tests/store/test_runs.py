"""Runs in the store: compare-and-set, what ends with a run, and claims."""

import math
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from proxy.errors import NotFound
from proxy.runs.lifecycle import is_terminal
from proxy.schema.pages import ListParams
from proxy.schema.runs import Run, RunStatus
from proxy.schema.threads import Thread
from proxy.store import Connection, Store
from proxy.store.database import ConstraintBroken
from proxy.store.runs import (
    TERMINAL,
    StoredRun,
    claim_run,
    count_interruption,
    drop_claims,
    find_run,
    insert_run,
    lapsed_runs,
    list_runs,
    load_run,
    overdue_runs,
    release_run,
    renew_leases,
    run_json,
    save_run,
    save_run_metadata,
)
from proxy.store.threads import delete_thread, lock_thread, thread_state
from tests.builders import AT, a_run, changed
from tests.store.conftest import AWAY, HOME

QUEUED, IN_PROGRESS = RunStatus.QUEUED, RunStatus.IN_PROGRESS


async def insert(
    store: Store, thread: Thread, *, owner: str | None = None, lease_until: float | None = None, **given: Any
) -> Run:
    """A run that holds its thread's lock, if that was free."""
    run = a_run(thread_id=thread.id, **given)

    async def work(db: Connection) -> None:
        await insert_run(db, HOME, run, progress=b"{}", owner=owner, lease_until=lease_until)
        await lock_thread(db, thread.id, run.id)

    await store.write(work)
    return run


async def stored(store: Store, run: Run) -> StoredRun:
    found = await store.read(lambda db: load_run(db, run.id))
    assert found is not None
    return found


async def active_run(store: Store, thread: Thread) -> str | None:
    state = await store.read(lambda db: thread_state(db, HOME, thread.id))
    assert state is not None
    return state.active_run


def test_the_store_and_the_lifecycle_agree_on_what_is_terminal() -> None:
    assert {status for status in RunStatus if is_terminal(status)} == TERMINAL


async def test_what_was_inserted_is_found_and_answered(store: Store, thread: Thread) -> None:
    run = await insert(store, thread, owner="me", lease_until=5.0)
    expected = StoredRun(run=run, project=HOME, progress=b"{}", owner="me", interruptions=0)
    assert await store.read(lambda db: find_run(db, HOME, thread.id, run.id)) == expected
    assert await store.read(lambda db: load_run(db, run.id)) == expected
    assert await store.read(lambda db: run_json(db, HOME, thread.id, run.id)) == Raw(msgspec.json.encode(run))
    page = await store.read(lambda db: list_runs(db, HOME, thread.id, ListParams()))
    assert page.data == [Raw(msgspec.json.encode(run))]


async def test_one_is_found_only_in_its_thread(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    assert await store.read(lambda db: find_run(db, HOME, "thread_other", run.id)) is None
    assert await store.read(lambda db: run_json(db, HOME, "thread_other", run.id)) is None
    assert await store.read(lambda db: load_run(db, "run_never")) is None


async def test_a_run_moves_on_from_where_it_was_seen(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    begun = changed(run, status=IN_PROGRESS, started_at=AT)
    assert await store.write(lambda db: save_run(db, begun, was=QUEUED, progress=b'{"turns":1}'))
    assert await stored(store, run) == StoredRun(
        run=begun, project=HOME, progress=b'{"turns":1}', owner=None, interruptions=0
    )


async def test_a_run_that_moved_on_meanwhile_is_not_written_over(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    cancelling = changed(run, status=RunStatus.CANCELLING)
    assert await store.write(lambda db: save_run(db, cancelling, was=QUEUED))
    late = changed(run, status=IN_PROGRESS)
    assert not await store.write(lambda db: save_run(db, late, was=QUEUED, progress=b"late"))
    kept = await stored(store, run)
    assert (kept.run, kept.progress) == (cancelling, b"{}")


async def test_a_lost_race_to_the_end_frees_no_thread(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    late = changed(run, status=RunStatus.COMPLETED)
    assert not await store.write(lambda db: save_run(db, late, was=IN_PROGRESS))
    assert await active_run(store, thread) == run.id


@pytest.mark.parametrize("status", sorted(TERMINAL, key=lambda status: status.value))
async def test_the_end_frees_the_thread_and_drops_the_claim(store: Store, thread: Thread, status: RunStatus) -> None:
    run = await insert(store, thread, owner="me", lease_until=5.0, status=IN_PROGRESS)
    assert await active_run(store, thread) == run.id
    ended = changed(run, status=status, expires_at=None)
    assert await store.write(lambda db: save_run(db, ended, was=IN_PROGRESS))
    assert await active_run(store, thread) is None
    assert (await stored(store, run)).owner is None
    assert not await store.write(lambda db: claim_run(db, run.id, owner="me", lease_until=9.0, now=6.0))


@pytest.mark.parametrize("status", sorted(set(RunStatus) - TERMINAL, key=lambda status: status.value))
async def test_before_the_end_thread_and_claim_are_kept(store: Store, thread: Thread, status: RunStatus) -> None:
    run = await insert(store, thread, owner="me", lease_until=5.0, status=IN_PROGRESS)
    assert await store.write(lambda db: save_run(db, changed(run, status=status), was=IN_PROGRESS))
    assert await active_run(store, thread) == run.id
    assert (await stored(store, run)).owner == "me"


async def test_the_end_of_a_run_leaves_the_lock_of_another(store: Store, thread: Thread) -> None:
    holder = await insert(store, thread)
    other = await insert(store, thread)
    assert await store.write(lambda db: save_run(db, changed(other, status=RunStatus.FAILED), was=QUEUED))
    assert await active_run(store, thread) == holder.id


async def test_metadata_is_saved_unless_the_run_moved_on(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    tagged = changed(run, metadata={"tag": "x"})
    assert await store.write(lambda db: save_run_metadata(db, HOME, tagged))
    assert (await stored(store, run)).run == tagged
    assert await store.write(lambda db: save_run(db, changed(tagged, status=IN_PROGRESS), was=QUEUED))
    assert not await store.write(lambda db: save_run_metadata(db, HOME, changed(run, metadata={})))
    assert not await store.write(lambda db: save_run_metadata(db, AWAY, changed(tagged, status=IN_PROGRESS)))


async def test_a_run_of_a_deleted_thread_is_gone(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    assert await store.write(lambda db: delete_thread(db, HOME, thread.id))
    assert not await store.write(lambda db: save_run(db, changed(run, status=IN_PROGRESS), was=QUEUED))
    assert await store.write(lambda db: count_interruption(db, run.id)) == 0
    with pytest.raises(NotFound, match=f"No thread found with id '{thread.id}'"):
        await insert(store, thread)


async def test_a_claim_is_had_by_one_until_it_lapses(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)

    async def claim(owner: str, *, now: float) -> bool:
        return await store.write(lambda db: claim_run(db, run.id, owner=owner, lease_until=now + 30, now=now))

    assert await claim("me", now=100)  # nobody's
    assert await claim("me", now=110)  # mine
    assert not await claim("you", now=140)  # to the very end of the lease
    assert await claim("you", now=140.1)
    assert not await claim("me", now=141)
    assert (await stored(store, run)).owner == "you"


async def test_only_the_owner_releases(store: Store, thread: Thread) -> None:
    run = await insert(store, thread, owner="me", lease_until=5.0)
    assert not await store.write(lambda db: release_run(db, run.id, "you"))
    assert (await stored(store, run)).owner == "me"
    assert await store.write(lambda db: release_run(db, run.id, "me"))
    assert (await stored(store, run)).owner is None


async def test_an_owner_keeps_the_runs_that_it_names(store: Store, thread: Thread) -> None:
    worked_on = [(await insert(store, thread, owner="me", lease_until=5.0)).id for _ in range(3)]
    forgotten = await insert(store, thread, owner="me", lease_until=5.0)
    yours = await insert(store, thread, owner="you", lease_until=5.0)
    assert await store.write(lambda db: renew_leases(db, "me", [*worked_on, yours.id], 50.0)) == len(worked_on)
    assert await store.write(lambda db: renew_leases(db, "nobody", worked_on, 50.0)) == 0
    assert await store.read(lambda db: lapsed_runs(db, 49.0, 10)) == [forgotten.id, yours.id]


async def test_all_claims_can_be_forgotten(store: Store, thread: Thread) -> None:
    claimed = [await insert(store, thread, owner=owner, lease_until=5.0) for owner in ("me", "you")]
    unclaimed = await insert(store, thread)
    assert await store.write(drop_claims) == len(claimed)
    assert [(await stored(store, run)).owner for run in (*claimed, unclaimed)] == [None] * 3


async def test_lapsed_are_those_that_somebody_should_work_on_and_nobody_does(store: Store, thread: Thread) -> None:
    expected = []
    for status in RunStatus:
        unowned = await insert(store, thread, status=status)
        if status in (QUEUED, IN_PROGRESS, RunStatus.CANCELLING):
            expected.append(unowned.id)
        if status not in TERMINAL:
            lapsed = await insert(store, thread, status=status, owner="dead", lease_until=99.0)
            await insert(store, thread, status=status, owner="alive", lease_until=100.0)
            if status is not RunStatus.REQUIRES_ACTION:
                expected.append(lapsed.id)
    assert await store.read(lambda db: lapsed_runs(db, 100.0, 100)) == expected
    assert await store.read(lambda db: lapsed_runs(db, 100.0, 2)) == expected[:2]
    alive = 3
    assert len(await store.read(lambda db: lapsed_runs(db, math.inf, 100))) == len(expected) + alive


async def test_overdue_are_those_under_way_past_their_time(store: Store, thread: Thread) -> None:
    late = await insert(store, thread, status=RunStatus.REQUIRES_ACTION, expires_at=AT)
    later = await insert(store, thread, status=IN_PROGRESS, expires_at=AT - 1)
    await insert(store, thread, status=IN_PROGRESS, expires_at=AT + 1)
    await insert(store, thread, status=IN_PROGRESS, expires_at=None)
    await insert(store, thread, status=RunStatus.COMPLETED, expires_at=AT - 9)
    assert await store.read(lambda db: overdue_runs(db, AT, 10)) == [later.id, late.id]
    assert await store.read(lambda db: overdue_runs(db, AT, 1)) == [later.id]


async def test_interruptions_are_counted(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    assert await store.write(lambda db: count_interruption(db, run.id)) == 1
    assert await store.write(lambda db: count_interruption(db, run.id)) == 2
    assert (await stored(store, run)).interruptions == 2


@pytest.mark.parametrize(
    ("status", "owner", "lease_until"),
    [(QUEUED, "me", None), (QUEUED, None, 5.0), (RunStatus.COMPLETED, "me", 5.0)],
    ids=["owner without lease", "lease without owner", "claimed after its end"],
)
async def test_the_schema_refuses_impossible_claims(
    store: Store, thread: Thread, status: RunStatus, owner: str | None, lease_until: float | None
) -> None:
    with pytest.raises(ConstraintBroken, match="CHECK"):
        await insert(store, thread, status=status, owner=owner, lease_until=lease_until)


async def test_the_schema_knows_the_statuses(store: Store, thread: Thread) -> None:
    run = await insert(store, thread)
    with pytest.raises(ConstraintBroken, match="CHECK"):
        await store.write(lambda db: db.run("UPDATE runs SET status = 'asleep' WHERE id = :id", {"id": run.id}))
