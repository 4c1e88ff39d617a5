"""How an object becomes a row's `doc`, and how stored JSON is handed out as it is."""

import msgspec
from msgspec import Raw, Struct

from proxy.store.database import Connection, Params, Row

_encode = msgspec.json.Encoder().encode


def to_doc(answered: Struct) -> str:
    """The JSON that the object is answered with. As text, because SQLite looks into it for metadata."""
    return _encode(answered).decode()


def to_raw(row: Row | None) -> Raw | None:
    return None if row is None else Raw(row["doc"])


async def stored_json(db: Connection, sql: str, params: Params) -> Raw | None:
    """The stored JSON of the one row that `sql` finds; never decoded."""
    return to_raw(await db.one(sql, params))
