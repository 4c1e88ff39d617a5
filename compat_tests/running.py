"""Run what was chosen, one after the other: cases, recordings, cassettes. Each result is told when it is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Literal

import aiohttp
import msgspec
from msgspec import Struct

from compat_tests.accepting import AcceptedRows
from compat_tests.case import NamedCase, Need
from compat_tests.client import Client, NoAnswer
from compat_tests.comparison.accepted import Accepted
from compat_tests.exchange import Recording, Request
from compat_tests.playing import Inspect, play
from compat_tests.result import Result
from compat_tests.target import Servers, Target, foreign

TargetOf = Callable[[Iterable[Need]], Awaitable[Target]]
"""The server to ask that is set up so."""
PLAIN_MODEL: Final = "tiny"
"""What cases call the model that can do what they need of one."""
NOTICE_SECONDS: Final = 30
NOTICE_PAUSE_SECONDS: Final = 0.25


NOT_OF_EVERY_SERVER: Final = {
    "optional:extension": "goes beyond the API",
    "optional:passthrough": "is about paths that are not the API's",
    "optional:infrastructure": "is about headers that no client needs",
    "optional:inferred": "is a guess: no answer of the service is known",
    "optional:range": "is a convenience that the service may not have had",
}
"""Tags of cases that only a server which says so is asked (`--tag`, `--case`), and why."""


class Plan(Struct, frozen=True, kw_only=True):
    cases: tuple[NamedCase, ...] = ()
    recordings: tuple[tuple[Literal["recording", "cassette"], Recording], ...] = ()
    is_chosen: bool = False
    """Whether its cases were asked for by name or tag."""

    @property
    def size(self) -> int:
        return len(self.cases) + len(self.recordings)


class CannotAsk(Exception):
    """Nobody is at the address, or it will not talk to us."""


async def results_of(
    plan: Plan,
    target_of: TargetOf,
    *,
    inspect: Inspect,
    accepted: Accepted,
    rows: AcceptedRows,
    began: Callable[[str], None],
) -> AsyncIterator[Result]:
    """`accepted` is what the suite itself knows of recordings, `rows` what a file of the user's accepts.

    Raises `CannotStart`, and `BadPattern` for a case that cannot be meant. `began` hears of each before it runs.
    """
    for each in plan.cases:
        slug = f"{each.resource}/{each.slug}"
        began(slug)
        target = await target_of(each.case.needs)
        if not (target.is_ours or plan.is_chosen) and (
            tag := next(filter(NOT_OF_EVERY_SERVER.get, each.case.tags), None)
        ):
            yield _left_out(each, f"{NOT_OF_EVERY_SERVER[tag]} (--tag {tag} asks it)")
            continue
        yield await play(each, target, inspect, partial(rows.judge, slug))
    if not plan.recordings:
        return
    from compat_tests.replay import replay  # what reads and replays is needed by none of the cases

    target = await target_of(())
    for kind, recording in plan.recordings:
        began(recording.name)
        result = await replay(recording, target, inspect, accepted)
        yield rows.applied(msgspec.structs.replace(result, kind=kind))


def _left_out(named: NamedCase, reason: str) -> Result:
    return Result(
        slug=f"{named.resource}/{named.slug}",
        kind="case",
        resource=named.resource,
        title=named.case.requirement,
        tags=tuple(named.case.tags),
        outcome="skipped",
        reason=reason,
    )


@asynccontextmanager
async def ours() -> AsyncIterator[TargetOf]:
    """This server, started once for every way in which cases need it set up."""
    async with Servers() as servers:
        yield servers.of


@asynccontextmanager
async def theirs(
    base_url: str,
    api_key: str | None,
    *,
    model_server_port: int | None,
    provides: Iterable[Need],
    timeout_seconds: float,
) -> AsyncIterator[TargetOf]:
    """A server that runs already. Raises `OSError` where the port for the scripted model server is taken."""
    opening = foreign(
        base_url, api_key, model_server_port=model_server_port, provides=provides, timeout_seconds=timeout_seconds
    )
    async with opening as target:

        async def of(needs: Iterable[Need]) -> Target:
            return target

        yield of


async def models_of(client: Client) -> list[str]:
    """The models that a server lists; none where it answers something else. Raises `CannotAsk`."""
    try:
        answer = await client.ask(Request(method="GET", path="/v1/models"))
    except NoAnswer as nobody:
        if not isinstance(nobody.__cause__, aiohttp.ClientConnectorError | TimeoutError):
            return []  # somebody is there, and answers this badly: that is for the report to say
        raise CannotAsk(f"nobody answers at {client.base_url}: {nobody}") from nobody
    if answer.status in {401, 403}:
        raise CannotAsk(f"{client.base_url} refuses the key: {answer.status} (--api-key, or OPENAI_API_KEY)")
    listed = answer.body.get("data") if isinstance(answer.body, dict) else None
    found = [each.get("id") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [name for name in found if isinstance(name, str)]


async def until_noticed(client: Client, model: str) -> None:
    """Wait until a server lists the model of the scripted model server, which has only just begun to listen.

    Goes on in the end all the same: not every server lists its models.
    """
    deadline = time.monotonic() + NOTICE_SECONDS
    while True:
        if model in await models_of(client) or time.monotonic() > deadline:
            return
        await asyncio.sleep(NOTICE_PAUSE_SECONDS)


def on_model(plan: Plan, model: str) -> Plan:
    """The plan with another name for the model that cases use."""
    cases = [
        msgspec.structs.replace(each, case=msgspec.structs.replace(each.case, model=model))
        if each.case.model == PLAIN_MODEL
        else each
        for each in plan.cases
    ]
    return msgspec.structs.replace(plan, cases=tuple(cases))
