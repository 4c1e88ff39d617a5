"""Run steps: questions and answers."""

import msgspec
from msgspec import Raw

from proxy.schema.pages import ListParams, Page
from proxy.schema.steps import RunStep, StepReasoning
from proxy.store.database import Connection
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

_decode = msgspec.json.Decoder(RunStep).decode

_SCOPE = "run_id = :run_id AND thread_id = :thread_id AND project = :project"


async def save_step(db: Connection, project: str, step: RunStep, *, reasoning: str | None = None) -> bool:
    """Insert a step, or replace it in its place; False if its run is gone. Without `reasoning`, what it has stays."""
    changed = await db.run(
        """
        INSERT INTO steps (id, project, thread_id, run_id, created_at, doc, reasoning)
        SELECT :id, project, thread_id, id, :created_at, :doc, :reasoning
          FROM runs
         WHERE id = :run_id AND thread_id = :thread_id AND project = :project
            ON CONFLICT (id) DO UPDATE
           SET doc = excluded.doc, reasoning = coalesce(excluded.reasoning, steps.reasoning)
        """,
        {
            "id": step.id,
            "project": project,
            "thread_id": step.thread_id,
            "run_id": step.run_id,
            "created_at": step.created_at,
            "doc": to_doc(step),
            "reasoning": reasoning,
        },
    )
    return changed > 0


async def delete_step(db: Connection, id: str) -> bool:
    return await db.run("DELETE FROM steps WHERE id = :id", {"id": id}) > 0


async def steps_of_run(db: Connection, run_id: str) -> list[RunStep]:
    """Oldest first."""
    rows = await db.all(
        "SELECT doc FROM steps WHERE run_id = :run_id ORDER BY created_at ASC, seq ASC", {"run_id": run_id}
    )
    return [_decode(row["doc"]) for row in rows]


async def step_json(db: Connection, project: str, thread_id: str, run_id: str, step_id: str) -> Raw | None:
    return await stored_json(
        db,
        f"SELECT doc FROM steps WHERE id = :id AND {_SCOPE}",
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


async def list_steps(db: Connection, project: str, thread_id: str, run_id: str, params: ListParams) -> Page:
    return await page(
        db,
        params,
        table="steps",
        noun="run step",
        scope=_SCOPE,
        binds={"run_id": run_id, "thread_id": thread_id, "project": project},
    )
