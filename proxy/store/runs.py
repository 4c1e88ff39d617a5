"""Runs: questions and answers, status changes by compare-and-set, and the claims of the processes that work on them."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from proxy.errors import not_found
from proxy.schema.pages import ListParams, Page
from proxy.schema.runs import Run, RunStatus
from proxy.store.database import Connection, Row
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

_decode = msgspec.json.Decoder(Run).decode

# Word for word as in the partial indexes of the schema, or they would not serve.
_UNDER_WAY: Final = "status IN ('queued', 'in_progress', 'requires_action', 'cancelling')"
_WORKED_ON: Final = "status IN ('queued', 'in_progress', 'cancelling')"

TERMINAL: Final = frozenset(
    {RunStatus.CANCELLED, RunStatus.FAILED, RunStatus.COMPLETED, RunStatus.INCOMPLETE, RunStatus.EXPIRED}
)
"""Statuses that end a run, give its thread free and drop the claim on it."""

_JSON = "SELECT doc FROM runs WHERE id = :id AND thread_id = :thread_id AND project = :project"
_STORED = "SELECT doc, project, progress, owner, interruptions FROM runs WHERE id = :id"


class StoredRun(Struct, frozen=True, kw_only=True):
    run: Run
    project: str
    progress: bytes
    owner: str | None
    interruptions: int
    """How many processes lost the run."""


async def insert_run(
    db: Connection, project: str, run: Run, *, progress: bytes, owner: str | None, lease_until: float | None
) -> None:
    """`owner` and `lease_until` (Unix seconds) come together, or not at all. Raises `NotFound` without its thread."""
    inserted = await db.run(
        """
        INSERT INTO runs (id, project, thread_id, created_at, status, expires_at, owner, lease_until, progress, doc)
        SELECT :id, project, id, :created_at, :status, :expires_at, :owner, :lease_until, :progress, :doc
          FROM threads
         WHERE id = :thread_id AND project = :project
        """,
        {
            "id": run.id,
            "project": project,
            "thread_id": run.thread_id,
            "created_at": run.created_at,
            "status": run.status.value,
            "expires_at": run.expires_at,
            "owner": owner,
            "lease_until": lease_until,
            "progress": progress,
            "doc": to_doc(run),
        },
    )
    if not inserted:
        raise not_found("thread", run.thread_id)


async def find_run(db: Connection, project: str, thread_id: str, run_id: str) -> StoredRun | None:
    return _stored(
        await db.one(
            f"{_STORED} AND thread_id = :thread_id AND project = :project",
            {"id": run_id, "thread_id": thread_id, "project": project},
        )
    )


async def load_run(db: Connection, run_id: str) -> StoredRun | None:
    """Of any project: for the engine, which serves them all."""
    return _stored(await db.one(_STORED, {"id": run_id}))


async def run_json(db: Connection, project: str, thread_id: str, run_id: str) -> Raw | None:
    return await stored_json(db, _JSON, {"id": run_id, "thread_id": thread_id, "project": project})


async def list_runs(db: Connection, project: str, thread_id: str, params: ListParams) -> Page:
    return await page(
        db,
        params,
        table="runs",
        noun="run",
        scope="thread_id = :thread_id AND project = :project",
        binds={"project": project, "thread_id": thread_id},
    )


async def save_run(db: Connection, run: Run, *, was: RunStatus, progress: bytes | None = None) -> bool:
    """Save a run that was last seen in status `was`; False if it has moved on since, or is gone.

    A terminal one gives its thread free and drops the claim, in the same transaction. Without `progress` that stays.
    """
    ends = run.status in TERMINAL
    changed = await db.run(
        f"""
        UPDATE runs
           SET status = :status, expires_at = :expires_at, doc = :doc, progress = coalesce(:progress, progress)
               {", owner = NULL, lease_until = NULL" if ends else ""}
         WHERE id = :id AND status = :was
        """,
        {
            "id": run.id,
            "status": run.status.value,
            "was": was.value,
            "expires_at": run.expires_at,
            "progress": progress,
            "doc": to_doc(run),
        },
    )
    if changed and ends:
        await db.run(
            "UPDATE threads SET active_run = NULL WHERE id = :thread_id AND active_run = :id",
            {"thread_id": run.thread_id, "id": run.id},
        )
    return changed > 0


async def save_run_metadata(db: Connection, project: str, run: Run) -> bool:
    """Save a run whose metadata changed and nothing else; False if it is not as it was read, or gone."""
    changed = await db.run(
        "UPDATE runs SET doc = :doc WHERE id = :id AND project = :project AND status = :status",
        {"id": run.id, "project": project, "status": run.status.value, "doc": to_doc(run)},
    )
    return changed > 0


async def claim_run(db: Connection, run_id: str, *, owner: str, lease_until: float, now: float) -> bool:
    """Work on a run that is under way and nobody's, one's own, or lost by its owner; False if it is none of these."""
    changed = await db.run(
        f"""
        UPDATE runs
           SET owner = :owner, lease_until = :lease_until
         WHERE id = :id AND {_UNDER_WAY} AND (owner IS NULL OR owner = :owner OR lease_until < :now)
        """,
        {"id": run_id, "owner": owner, "lease_until": lease_until, "now": now},
    )
    return changed > 0


async def renew_leases(db: Connection, owner: str, run_ids: Iterable[str], lease_until: float) -> int:
    """Keep these runs, as far as they are the owner's; how many those are.

    By name, and not all that the owner has: a claim that nobody works on must lapse.
    """
    renewed = 0
    for run_id in run_ids:
        renewed += await db.run(
            "UPDATE runs SET lease_until = :lease_until WHERE id = :id AND owner = :owner",
            {"id": run_id, "owner": owner, "lease_until": lease_until},
        )
    return renewed


async def release_run(db: Connection, run_id: str, owner: str) -> bool:
    """Give up one's claim; False if it was not one's own."""
    changed = await db.run(
        "UPDATE runs SET owner = NULL, lease_until = NULL WHERE id = :id AND owner = :owner",
        {"id": run_id, "owner": owner},
    )
    return changed > 0


async def drop_claims(db: Connection) -> int:
    """Forget every claim, when no other process can have one; how many those were."""
    return await db.run("UPDATE runs SET owner = NULL, lease_until = NULL WHERE owner IS NOT NULL", {})


async def lapsed_runs(db: Connection, now: float, limit: int) -> list[str]:
    """Runs that somebody should work on and nobody does, oldest first."""
    rows = await db.all(
        f"""
        SELECT id FROM runs
         WHERE {_WORKED_ON} AND (lease_until IS NULL OR lease_until < :now)
         ORDER BY seq LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return [row["id"] for row in rows]


async def count_interruption(db: Connection, run_id: str) -> int:
    """One more process lost the run; how many those are. 0 if the run is gone."""
    row = await db.one(
        "UPDATE runs SET interruptions = interruptions + 1 WHERE id = :id RETURNING interruptions", {"id": run_id}
    )
    return 0 if row is None else int(row["interruptions"])


async def overdue_runs(db: Connection, now: int, limit: int) -> list[str]:
    """Runs that are under way although their time is up, the longest overdue first."""
    rows = await db.all(
        f"SELECT id FROM runs WHERE {_UNDER_WAY} AND expires_at <= :now ORDER BY expires_at LIMIT :limit",
        {"now": now, "limit": limit},
    )
    return [row["id"] for row in rows]


def _stored(row: Row | None) -> StoredRun | None:
    if row is None:
        return None
    return StoredRun(
        run=_decode(row["doc"]),
        project=row["project"],
        progress=row["progress"],
        owner=row["owner"],
        interruptions=row["interruptions"],
    )
