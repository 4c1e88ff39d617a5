"""Lists that lag: what was made a moment before, a list of the real service may not have shown yet.

A live list need not lag. It is asked for as much more, and compared without what the recorded one did not show.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec.structs import replace

from compat_tests.exchange import Answer, Exchange, Request
from compat_tests.replay.paths import ids_in
from compat_tests.replay.preexisting import OF_ACCOUNTS, makes
from compat_tests.replay.timeline import objects_in

LARGEST_PAGE: Final = 100


def late(exchanges: Sequence[Exchange], place: int) -> list[str]:
    """What the recording had made, and a page of older things does not show."""
    exchange = exchanges[place]
    if exchange.request.path not in OF_ACCOUNTS or exchange.request.method != "GET" or exchange.answer.status != 200:
        return []
    names = dict(exchange.request.query)
    shown = list(objects_in(exchange.answer))
    if not shown or names.get("order") == "asc" or {"after", "before", "purpose"} & names.keys():
        return []
    gone = {id for each in exchanges[:place] if _deletes(each) for id in ids_in(each.request.path).values()}
    there = {each["id"] for each in shown}
    found: list[str] = []
    shows_older = False  # otherwise it may as well be on the next page
    for made in (each.answer.body for each in exchanges[:place] if makes(each) and _lists(exchange, each)):
        shows_older = shows_older or made["id"] in there or any(_born(each) < _born(made) for each in shown)
        if shows_older and made["id"] not in there | gone:
            found.append(made["id"])
    return found


def with_room(request: Request, number: int, shown: int) -> Request:
    """The request, for so many items more than the page shows."""
    query = tuple((name, value) for name, value in request.query if name != "limit")
    return replace(request, query=(*query, ("limit", str(min(shown + number, LARGEST_PAGE)))))


def without(answer: Answer, ids: Collection[str | None]) -> Answer:
    """The page, had it not shown these."""
    if not isinstance(answer.body, dict) or not isinstance(answer.body.get("data"), list):
        return answer
    data = [each for each in answer.body["data"] if not (isinstance(each, dict) and each.get("id") in ids)]
    ends = {"first_id": data[0].get("id"), "last_id": data[-1].get("id")} if data else {}
    return replace(answer, body=answer.body | {"data": data} | {key: ends.get(key) for key in ("first_id", "last_id")})


def _lists(exchange: Exchange, made: Exchange) -> bool:
    return exchange.request.path == made.request.path


def _deletes(exchange: Exchange) -> bool:
    return exchange.request.method == "DELETE" and exchange.answer.status == 200


def _born(shown: dict[str, Any]) -> int:
    return int(shown.get("created_at") or 0)
