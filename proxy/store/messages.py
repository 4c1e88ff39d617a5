"""Messages: questions and answers, and the newest of a thread, as prompts read them."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from proxy.errors import not_found
from proxy.schema.messages import Message
from proxy.schema.pages import ListMessagesParams, Page
from proxy.store.database import Connection, Params, Value
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

_decode = msgspec.json.Decoder(Message).decode

_ONE = "SELECT doc FROM messages WHERE id = :id AND thread_id = :thread_id AND project = :project"

# Selecting from the thread, and not VALUES, keeps a message out of threads that are gone or another project's.
_INSERT = """
    INSERT INTO messages (id, project, thread_id, run_id, created_at, role, status, doc)
    SELECT :id, project, id, :run_id, :created_at, :role, :status, :doc
      FROM threads
     WHERE id = :thread_id AND project = :project
"""

# A message that moves on (in_progress -> completed) has other content, so nobody knows its tokens any more.
_SAVE = f"""
    {_INSERT}
    ON CONFLICT (id) DO UPDATE
       SET tokens = CASE WHEN messages.status = excluded.status THEN messages.tokens END,
           run_id = excluded.run_id,
           status = excluded.status,
           doc = excluded.doc
"""


class StoredMessage(Struct, frozen=True, kw_only=True):
    seq: int
    tokens: int | None
    """In a prompt; None until somebody counted."""
    message: Message


async def insert_messages(db: Connection, project: str, messages: Sequence[Message]) -> None:
    """In this order. Raises `NotFound` where there is no such thread."""
    for message in messages:
        if not await db.run(_INSERT, _columns(project, message)):
            raise not_found("thread", message.thread_id)


async def save_message(db: Connection, project: str, message: Message) -> bool:
    """Insert a message, or replace it in its place; False if its thread is gone."""
    return await db.run(_SAVE, _columns(project, message)) > 0


async def find_message(db: Connection, project: str, thread_id: str, id: str) -> Message | None:
    row = await db.one(_ONE, {"id": id, "thread_id": thread_id, "project": project})
    return None if row is None else _decode(row["doc"])


async def message_json(db: Connection, project: str, thread_id: str, id: str) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "thread_id": thread_id, "project": project})


async def list_messages(db: Connection, project: str, thread_id: str, params: ListMessagesParams) -> Page:
    """Of the thread, or of one of its runs; a cursor may be any message of the thread."""
    binds: dict[str, Value] = {"project": project, "thread_id": thread_id}
    if params.run_id is not None:
        binds["run_id"] = params.run_id
    return await page(
        db,
        params,
        table="messages",
        noun="message",
        scope="thread_id = :thread_id AND project = :project",
        binds=binds,
        condition="" if params.run_id is None else "run_id = :run_id",
    )


async def delete_message(db: Connection, project: str, thread_id: str, id: str) -> bool:
    changed = await db.run(
        "DELETE FROM messages WHERE id = :id AND thread_id = :thread_id AND project = :project",
        {"id": id, "thread_id": thread_id, "project": project},
    )
    return changed > 0


async def has_user_message(db: Connection, thread_id: str) -> bool:
    row = await db.one(
        "SELECT 1 AS found FROM messages WHERE thread_id = :thread_id AND role = 'user' LIMIT 1",
        {"thread_id": thread_id},
    )
    return row is not None


async def newest_messages(
    db: Connection,
    thread_id: str,
    *,
    from_seq: int,
    below_seq: int | None,
    limit: int,
    not_of_run: str | None,
) -> list[StoredMessage]:
    """Up to `limit` messages with from_seq <= seq < below_seq, newest first, without those that one run wrote."""
    conditions = ["thread_id = :thread_id", "seq >= :from_seq"]
    binds: dict[str, Value] = {"thread_id": thread_id, "from_seq": from_seq, "limit": limit}
    if below_seq is not None:
        conditions.append("seq < :below_seq")
        binds["below_seq"] = below_seq
    if not_of_run is not None:
        conditions.append("(run_id IS NULL OR run_id <> :not_of_run)")
        binds["not_of_run"] = not_of_run
    rows = await db.all(
        f"SELECT seq, tokens, doc FROM messages WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT :limit", binds
    )
    return [StoredMessage(seq=row["seq"], tokens=row["tokens"], message=_decode(row["doc"])) for row in rows]


async def save_token_counts(db: Connection, counts: Mapping[str, int]) -> None:
    """By message id. A message that is gone is passed over."""
    for id, tokens in counts.items():
        await db.run("UPDATE messages SET tokens = :tokens WHERE id = :id", {"id": id, "tokens": tokens})


def _columns(project: str, message: Message) -> Params:
    return {
        "id": message.id,
        "project": project,
        "thread_id": message.thread_id,
        "run_id": message.run_id,
        "created_at": message.created_at,
        "role": message.role,
        "status": message.status,
        "doc": to_doc(message),
    }
