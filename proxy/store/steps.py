"""Run steps: questions and answers."""

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from proxy.schema.pages import ListParams, Page
from proxy.schema.steps import RunStep, StepReasoning, without_contents
from proxy.store.database import Connection
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

_decode = msgspec.json.Decoder(RunStep).decode

_FULL = "coalesce(full_doc, doc)"
_SCOPE = "run_id = :run_id AND thread_id = :thread_id AND project = :project"


async def save_step(db: Connection, project: str, step: RunStep, *, reasoning: str | None = None) -> bool:
    """Insert a step, or replace it in its place; False if its run is gone. Without `reasoning`, what it has stays.

    Whoever reads a finished step is not told when it would have expired, though its last event told it (recorded).
    """
    if step.status == "completed":
        step = replace(step, expires_at=None)
    bare = without_contents(step)
    changed = await db.run(
        """
        INSERT INTO steps (id, project, thread_id, run_id, created_at, doc, full_doc, reasoning)
        SELECT :id, project, thread_id, id, :created_at, :doc, :full_doc, :reasoning
          FROM runs
         WHERE id = :run_id AND thread_id = :thread_id AND project = :project
            ON CONFLICT (id) DO UPDATE
           SET doc = excluded.doc,
               full_doc = excluded.full_doc,
               reasoning = coalesce(excluded.reasoning, steps.reasoning)
        """,
        {
            "id": step.id,
            "project": project,
            "thread_id": step.thread_id,
            "run_id": step.run_id,
            "created_at": step.created_at,
            "doc": to_doc(bare),
            "full_doc": None if bare is step else to_doc(step),
            "reasoning": reasoning,
        },
    )
    return changed > 0


async def delete_step(db: Connection, id: str) -> bool:
    return await db.run("DELETE FROM steps WHERE id = :id", {"id": id}) > 0


async def steps_of_run(db: Connection, run_id: str) -> list[RunStep]:
    """Oldest first, with the contents of what was searched."""
    rows = await db.all(
        f"SELECT {_FULL} AS doc FROM steps WHERE run_id = :run_id ORDER BY created_at ASC, seq ASC", {"run_id": run_id}
    )
    return [_decode(row["doc"]) for row in rows]


async def step_json(
    db: Connection, project: str, thread_id: str, run_id: str, step_id: str, *, contents: bool = False
) -> Raw | None:
    """`contents`: with those of search results."""
    return await stored_json(
        db,
        f"SELECT {_FULL if contents else 'doc'} AS doc FROM steps WHERE id = :id AND {_SCOPE}",
        {"id": step_id, "run_id": run_id, "thread_id": thread_id, "project": project},
    )


async def step_reasoning(
    db: Connection, project: str, thread_id: str, run_id: str, step_id: str
) -> StepReasoning | None:
    """None if there is no such step."""
    row = await db.one(
        f"SELECT reasoning FROM steps WHERE id = :id AND {_SCOPE}",
        {"id": step_id, "run_id": run_id, "thread_id": thread_id, "project": project},
    )
    return None if row is None else StepReasoning(step_id=step_id, text=row["reasoning"])


async def list_steps(
    db: Connection, project: str, thread_id: str, run_id: str, params: ListParams, *, contents: bool = False
) -> Page:
    return await page(
        db,
        params,
        table="steps",
        noun="run step",
        scope=_SCOPE,
        binds={"run_id": run_id, "thread_id": thread_id, "project": project},
        doc=_FULL if contents else "doc",
    )
