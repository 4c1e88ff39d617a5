"""How an object becomes a row's `doc`, and how stored JSON is handed out as it is."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from proxy.store.database import Connection, Params, Row

_encode = msgspec.json.Encoder().encode


def to_doc(answered: Struct) -> str:
    """The JSON that the object is answered with. As text, because SQLite looks into it for metadata."""
    return _encode(answered).decode()


def to_raw(row: Row | None) -> Raw | None:
    return None if row is None else Raw(row["doc"])


def with_columns(row: Row, columns: Mapping[str, str]) -> Raw:
    """The stored object with more keys at its end, each with the value of a column; never decoded."""
    more = b",".join(b"%b:%b" % (_encode(key), _encode(row[column])) for key, column in columns.items())
    return Raw(b"%b,%b}" % (row["doc"].encode().removesuffix(b"}"), more))


async def stored_json(db: Connection, sql: str, params: Params) -> Raw | None:
    """The stored JSON of the one row that `sql` finds; never decoded."""
    return to_raw(await db.one(sql, params))
