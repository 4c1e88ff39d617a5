"""Threads: questions and answers, the lock of the run that may write to one, and where prompts begin."""

import msgspec
from msgspec import Raw, Struct

from proxy.schema.pages import ListThreadsParams, Page
from proxy.schema.threads import Thread
from proxy.store.database import Connection, Value
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

_decode = msgspec.json.Decoder(Thread).decode

_ONE = "SELECT doc FROM threads WHERE id = :id AND project = :project"


class ThreadState(Struct, frozen=True, kw_only=True):
    """What the server knows of a thread beside what it answers."""

    active_run: str | None
    window_start: int
    """The seq of the first message that prompts begin with; 0 for all."""


async def insert_thread(db: Connection, project: str, thread: Thread) -> None:
    await db.run(
        "INSERT INTO threads (id, project, created_at, doc) VALUES (:id, :project, :created_at, :doc)",
        {"id": thread.id, "project": project, "created_at": thread.created_at, "doc": to_doc(thread)},
    )


async def find_thread(db: Connection, project: str, id: str) -> Thread | None:
    row = await db.one(_ONE, {"id": id, "project": project})
    return None if row is None else _decode(row["doc"])


async def thread_json(db: Connection, project: str, id: str) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "project": project})


async def list_threads(db: Connection, project: str, params: ListThreadsParams) -> Page:
    """Of the threads whose metadata has every pair of `params.metadata`; a cursor may be any of the project's.

    Each shows its active run beside what it is answered with elsewhere.
    """
    binds: dict[str, Value] = {"project": project}
    conditions: list[str] = []
    for n, (key, value) in enumerate(params.metadata.items()):
        # json_each, because a key may hold dots and quotes, which a JSON path would have to escape.
        # SQLite's own: PostgreSQL says json_each_text(doc -> 'metadata').
        conditions.append(
            f"EXISTS (SELECT 1 FROM json_each(doc, '$.metadata') WHERE key = :key_{n} AND value = :value_{n})"
        )
        binds |= {f"key_{n}": key, f"value_{n}": value}
    return await page(
        db,
        params,
        table="threads",
        noun="thread",
        scope="project = :project",
        binds=binds,
        condition=" AND ".join(conditions),
        beside={"active_run_id": "active_run"},
    )


async def save_thread(db: Connection, project: str, thread: Thread) -> bool:
    """Replace a stored thread; False if there is none. Its lock and its window stay."""
    changed = await db.run(
        "UPDATE threads SET doc = :doc WHERE id = :id AND project = :project",
        {"id": thread.id, "project": project, "doc": to_doc(thread)},
    )
    return changed > 0


async def threads_naming(db: Connection, project: str, text: str) -> list[str]:
    """The ids of those in whose JSON the text stands, wherever. Looks at all of them: for a reader, not the writer."""
    rows = await db.all(
        "SELECT id FROM threads WHERE project = :project AND instr(doc, :text) > 0",  # PostgreSQL's: strpos
        {"project": project, "text": text},
    )
    return [row["id"] for row in rows]


async def delete_thread(db: Connection, project: str, id: str) -> bool:
    """With its messages, runs and their steps."""
    return await db.run("DELETE FROM threads WHERE id = :id AND project = :project", {"id": id, "project": project}) > 0


async def thread_state(db: Connection, project: str, id: str) -> ThreadState | None:
    row = await db.one(
        "SELECT active_run, window_start FROM threads WHERE id = :id AND project = :project",
        {"id": id, "project": project},
    )
    return None if row is None else ThreadState(active_run=row["active_run"], window_start=row["window_start"])


async def lock_thread(db: Connection, thread_id: str, run_id: str) -> bool:
    """Make it the thread's active run; False if there is one, or no such thread."""
    changed = await db.run(
        "UPDATE threads SET active_run = :run_id WHERE id = :id AND active_run IS NULL",
        {"id": thread_id, "run_id": run_id},
    )
    return changed > 0


async def unlock_thread(db: Connection, thread_id: str, run_id: str) -> bool:
    """False if another run holds the lock, or none."""
    changed = await db.run(
        "UPDATE threads SET active_run = NULL WHERE id = :id AND active_run = :run_id",
        {"id": thread_id, "run_id": run_id},
    )
    return changed > 0


async def move_window(db: Connection, thread_id: str, start: int) -> None:
    """Let prompts begin with the message of this seq."""
    await db.run("UPDATE threads SET window_start = :start WHERE id = :id", {"id": thread_id, "start": start})
