"""after, before, order and limit as one piece of SQL over (created_at, seq).

A page is found by key, never by offset: the cursor's row is looked up, and the rows beyond it are read from the index
in the direction asked for, one more than wanted, to know whether there are more. `before` alone walks the other way
and turns its page around, so that the page right before the cursor comes out, still in the requested order; `has_more`
then speaks of that direction. Descending is the exact mirror of ascending, because `seq` breaks every tie.
"""

from collections.abc import Mapping

from msgspec import Raw

from proxy.errors import not_found
from proxy.schema.pages import ListParams, Page
from proxy.store.database import Connection, Params, Value
from proxy.store.documents import with_columns


async def page(
    db: Connection,
    params: ListParams,
    *,
    table: str,
    noun: str,
    scope: str,
    binds: Params,
    condition: str = "",
    beside: Mapping[str, str] | None = None,
    doc: str = "doc",
) -> Page:
    """Page through the rows of `table` in `scope`, of which `condition` may leave out some.

    `beside` is what stands in each object after its own keys: key -> column. `doc` is the SQL of the object itself.
    A cursor must name a row in scope: an unknown, a foreign or a deleted one raises `NotFound` for `noun`.
    """
    backward = params.before is not None and params.after is None
    ascending = (params.order == "asc") is not backward
    onward, back, direction = (">", "<", "ASC") if ascending else ("<", ">", "DESC")

    wanted = [scope, condition]
    bound: dict[str, Value] = {**binds, "fetched": params.limit + 1}
    start, end = (params.before, None) if backward else (params.after, params.before)
    for name, cursor, comparison in (("start", start, onward), ("end", end, back)):
        if cursor is not None:
            created_at, seq = await _position(db, cursor, table=table, noun=noun, scope=scope, binds=binds)
            wanted.append(f"(created_at, seq) {comparison} (:{name}_at, :{name}_seq)")
            bound |= {f"{name}_at": created_at, f"{name}_seq": seq}

    rows = await db.all(
        f"""
        SELECT {", ".join(["id", f"{doc} AS doc", *(beside or {}).values()])}
          FROM {table}
         WHERE {" AND ".join(filter(None, wanted))}
         ORDER BY created_at {direction}, seq {direction}
         LIMIT :fetched
        """,
        bound,
    )
    has_more = len(rows) > params.limit
    rows = rows[: params.limit]
    if backward:
        rows.reverse()
    return Page(
        data=[with_columns(row, beside) if beside else Raw(row["doc"]) for row in rows],
        first_id=rows[0]["id"] if rows else None,
        last_id=rows[-1]["id"] if rows else None,
        has_more=has_more,
    )


async def _position(
    db: Connection, cursor: str, *, table: str, noun: str, scope: str, binds: Params
) -> tuple[int, int]:
    row = await db.one(
        f"SELECT created_at, seq FROM {table} WHERE id = :cursor AND {scope}", {**binds, "cursor": cursor}
    )
    if row is None:
        raise not_found(noun, cursor)
    return row["created_at"], row["seq"]
