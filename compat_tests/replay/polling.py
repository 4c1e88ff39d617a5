"""Polls: many recorded questions about the same object folded into few, asked until the recorded state is there."""

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from compat_tests.client import Client
from compat_tests.exchange import Answer, Exchange, Request
from compat_tests.replay.timeline import AT_REST

PATIENCE_SECONDS: Final = 10.0
PATIENCE_WITH_MODELS_SECONDS: Final = 60.0
"""With a server that has a model of its own."""
GROWTH_SECONDS: Final = 2.0
"""How long a step may take to come, that a server which does not run a tool will never show."""
PAUSE_SECONDS: Final = 0.01
SETTLED: Final = AT_REST | {"processed", "error"}
"""Statuses that change by nothing but another request."""


class Ask(Struct, frozen=True, kw_only=True):
    place: int
    """Of the exchange that it is compared with."""
    folded: int = 0
    """How many more recorded exchanges asked the same and got the same status."""
    is_poll: bool = False
    """Whether there are others about the same object right before or after it, that show another status."""


def folded(exchanges: Sequence[Exchange]) -> Iterator[Ask]:
    """Of the consecutive polls that show one status, only the last is asked: it shows the latest of everything."""
    place = 0
    while place < len(exchanges):
        end = place + 1
        while end < len(exchanges) and _is_same_poll(exchanges[place], exchanges[end]):
            end += 1
        statuses = [_status(each.answer) for each in exchanges[place:end]]
        is_poll = len(set(statuses)) > 1
        begin = place
        for each in range(place, end):
            if each + 1 == end or statuses[each - place] != statuses[each + 1 - place]:
                yield Ask(place=each, folded=each - begin, is_poll=is_poll)
                begin = each + 1
        place = end


def _is_same_poll(one: Exchange, other: Exchange) -> bool:
    return (
        one.request.method == other.request.method == "GET"
        and (one.request.path, one.request.query) == (other.request.path, other.request.query)
        and _status(one.answer) is not None
        and _status(other.answer) is not None
    )


def _status(answer: Answer) -> str | None:
    if answer.status != 200 or not isinstance(answer.body, dict):
        return None
    status = answer.body.get("status")
    return status if isinstance(status, str) else None


async def until_as_recorded(
    client: Client,
    request: Request,
    recorded: Answer,
    *,
    but: Collection[str | None] = (),
    patience_seconds: float = PATIENCE_SECONDS,
) -> Answer:
    """Ask until every object in the answer has the status that it had, or will not get there. Raises `NoAnswer`.

    `but` are ids of objects that were not in the recorded answer. Steps come one by one, as long as one is at work.
    """
    wanted = statuses_in(recorded)
    may_grow = request.path.endswith("/steps") and not SETTLED.issuperset(wanted)
    began = time.monotonic()
    while True:
        answer = await client.ask(request)
        found = statuses_in(answer, but)
        waited = time.monotonic() - began
        is_short = may_grow and len(found) < len(wanted) and waited < GROWTH_SECONDS
        has_come = _has_come(wanted, found) and not is_short
        if answer.status != recorded.status or has_come or waited > patience_seconds:
            return answer
        await asyncio.sleep(PAUSE_SECONDS)


def _has_come(wanted: list[str | None], found: list[str | None]) -> bool:
    """Messages showed no status."""
    return all(one is None or one == other or other in SETTLED for one, other in zip(wanted, found, strict=False))


async def until_status(
    client: Client, request: Request, wanted: set[str], patience_seconds: float = PATIENCE_SECONDS
) -> Answer:
    """Ask for one object until it has one of these statuses, or time is over. Raises `NoAnswer`."""
    deadline = time.monotonic() + patience_seconds
    while True:
        answer = await client.ask(request)
        if answer.status != 200 or _status(answer) in wanted or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(PAUSE_SECONDS)


def statuses_in(answer: Answer, but: Collection[str | None] = ()) -> list[str | None]:
    """Of each object that is shown."""
    body: Any = answer.body
    if not isinstance(body, dict):
        return []
    objects = body["data"] if isinstance(body.get("data"), list) else [body]
    shown = [each for each in objects if isinstance(each, dict) and each.get("id") not in but]
    return [each["status"] if isinstance(each.get("status"), str) else None for each in shown]
