"""Assistants: questions and answers."""

import msgspec
from msgspec import Raw

from proxy.schema.assistants import Assistant
from proxy.schema.pages import ListParams, Page
from proxy.store.database import Connection
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

_decode = msgspec.json.Decoder(Assistant).decode

_ONE = "SELECT doc FROM assistants WHERE id = :id AND project = :project"


async def insert_assistant(db: Connection, project: str, assistant: Assistant) -> None:
    await db.run(
        "INSERT INTO assistants (id, project, created_at, doc) VALUES (:id, :project, :created_at, :doc)",
        {"id": assistant.id, "project": project, "created_at": assistant.created_at, "doc": to_doc(assistant)},
    )


async def find_assistant(db: Connection, project: str, id: str) -> Assistant | None:
    row = await db.one(_ONE, {"id": id, "project": project})
    return None if row is None else _decode(row["doc"])


async def assistant_json(db: Connection, project: str, id: str) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "project": project})


async def list_assistants(db: Connection, project: str, params: ListParams) -> Page:
    return await page(
        db, params, table="assistants", noun="assistant", scope="project = :project", binds={"project": project}
    )


async def save_assistant(db: Connection, project: str, assistant: Assistant) -> bool:
    """Replace a stored assistant; False if there is none."""
    changed = await db.run(
        "UPDATE assistants SET doc = :doc WHERE id = :id AND project = :project",
        {"id": assistant.id, "project": project, "doc": to_doc(assistant)},
    )
    return changed > 0


async def assistants_naming(db: Connection, project: str, text: str) -> list[str]:
    """The ids of those in whose JSON the text stands, wherever. Looks at all of them: for a reader, not the writer."""
    rows = await db.all(
        "SELECT id FROM assistants WHERE project = :project AND instr(doc, :text) > 0",  # PostgreSQL's: strpos
        {"project": project, "text": text},
    )
    return [row["id"] for row in rows]


async def delete_assistant(db: Connection, project: str, id: str) -> bool:
    """Its runs stay: they carry copies of what they need."""
    return (
        await db.run("DELETE FROM assistants WHERE id = :id AND project = :project", {"id": id, "project": project}) > 0
    )
