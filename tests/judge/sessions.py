"""A session with the judge: recordings, each fed to the client and asked of a live server through the client."""

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from compat_tests.comparison.accepted import Accepted, Row
from compat_tests.comparison.context import Context
from compat_tests.comparison.hosted import hosted_tools
from compat_tests.exchange import Exchange, Recording, Request
from compat_tests.replay import answers_only, replay
from compat_tests.replay.paths import is_asked_here, template_of
from compat_tests.replay.replay import FAULT
from compat_tests.result import Asked, Difference, Result
from compat_tests.target import Target, started
from tests.judge.agreement import Ids, disagreements
from tests.judge.judging import JudgedClient, Player, Seen, Tap, player, tapped

LONGER: Final = "a longer page was asked for, because the recorded list lagged"
BY_CHANCE: Final = [
    Row(
        name="indexing",
        kind="lapse",
        path=["body*.status", "body*.file_counts.*"],
        where="*/vector_stores*",
        theirs=['"in_progress"', '"completed"', "0", "1", "2", "3", "4", "5"],
        reason="Indexing takes as long as it takes, there and here.",
    ),
    Row(
        name="begun",
        kind="lapse",
        path="body.started_at",
        where="POST */cancel",
        reason="Whether a run had begun when it was cancelled, nobody can tell from outside.",
    ),
]
"""What is not the same twice."""
KNOWN: Final = [
    Row(
        name="masked-key",
        kind="lapse",
        path="raised.message",
        theirs="*Incorrect API key provided: <*",
        reason="The recorder has put a word in the place of the key.",
    ),
    Row(
        name="incomplete-event",
        kind="changed",
        path="events",
        theirs="*thread.run.completed*",
        ours="*thread.run.incomplete*",
        until="2024-05-29",
        reason="The event `thread.run.incomplete` came in May 2024.",
    ),
]
"""Beside the suite's own rows: where the client's view of such a thing has no path in the answer."""


class Judged(Struct, kw_only=True):
    """What the client said of one scenario."""

    result: Result
    """What the suite says of it."""
    calls: Counter[str] = msgspec.field(default_factory=Counter)
    """Compared, by the name of the client's call."""
    handler: Counter[str] = msgspec.field(default_factory=Counter)
    """Calls of an event handler that were compared, by name."""
    known: Counter[str] = msgspec.field(default_factory=Counter)
    """Rows of `BY_CHANCE` and `KNOWN` that differences fitted."""
    left_out: Counter[str] = msgspec.field(default_factory=Counter)
    differences: list[tuple[str, Difference]] = []
    """With the title of the request."""
    sent_otherwise: list[tuple[Request, Request]] = []
    """What the client was to send, and what it sent."""


class Session:
    """One recording, on one live server."""

    def __init__(self, recording: Recording, fed: Player) -> None:
        self._recording = recording
        self._fed = fed
        self._ids = Ids()
        self._accepted = Accepted()
        known, _ = answers_only.reconstructed(recording)
        here = [each for each in known.exchanges if is_asked_here(each.request.path)]
        self._exchanges = [each for each in here if each.answer.status < FAULT]  # as replays number them
        self._tools = hosted_tools(each.answer for each in here)

    async def compare(self, asked: Asked, live: Seen, judged: Judged) -> None:
        """Feed the recorded answer to the client, as the answer to the same call, and note what it sees otherwise."""
        exchange = self._exchanges[int(asked.title.partition(".")[0]) - 1]
        if "why" in live:
            judged.left_out[live["why"]] += 1
        elif dict(asked.request.query).get("limit") != dict(exchange.request.query).get("limit"):
            judged.left_out[LONGER] += 1
        else:
            seen = await self._fed.play(asked.request, exchange.answer)
            judged.calls[live["call"]] += 1
            judged.handler.update(call[0] for call in live.get("handler", []))
            found = list(disagreements(seen, live, self._ids))
            judged.differences += [(asked.title, each) for each in self._judged(found, exchange, judged)]

    def _judged(self, found: list[Difference], exchange: Exchange, judged: Judged) -> list[Difference]:
        """Those that are not facts about the real service; with reasons where they are accepted."""
        when = Context(
            recording=self._recording.name,
            recorded_on=self._recording.recorded_on,
            method=exchange.request.method,
            path=template_of(exchange.request.path),
            hosted_tools=self._tools,
        )
        fitting = [next((row.name for row in (*BY_CHANCE, *KNOWN) if row.fits(each, when)), None) for each in found]
        judged.known.update(name for name in fitting if name is not None)
        left = [each for each, name in zip(found, fitting, strict=True) if name is None]
        return [judged for each in left if (judged := self._explained(each, when)) is not None]

    def _explained(self, difference: Difference, when: Context) -> Difference | None:
        """By the suite's own rows; None if it is a fact about the service. What is absent here may be null there."""
        forms = [difference]
        for side in ("expected", "got"):
            forms += [structs.replace(each, **{side: "null"}) for each in forms if getattr(each, side) == "absent"]
        for form in forms:
            judged = self._accepted.judge([form], when)
            if not judged:
                return None
            if judged[0].reason is not None:
                return judged[0]
        return difference


class Court:
    """One generation of the client, a live server for it, and its twin that is fed with what was recorded."""

    def __init__(self, target: Target, tap: Tap, client: JudgedClient, fed: Player) -> None:
        self.tap = tap
        self.fed = fed
        self._client = client
        self._target = dataclasses.replace(target, client=client)

    async def judge(self, recording: Recording) -> Judged:
        self._client.forget()
        result = await replay(recording, self._target)
        judged = Judged(result=result, sent_otherwise=self._client.sent_otherwise)
        session = Session(recording, self.fed)
        for asked in result.asked:
            if asked.answer is not None:
                await session.compare(asked, self._client.seen_of(asked.answer), judged)
        return judged


@asynccontextmanager
async def court(python: Path | str) -> AsyncIterator[Court]:
    """With the client of that interpreter's environment."""
    async with (
        started() as target,
        tapped(target.client.base_url) as (tap, url),
        player(python, f"{url}/v1", str(target.client.api_key)) as live,
        player(python) as fed,
        JudgedClient(target.client, live, tap) as client,
    ):
        yield Court(target, tap, client, fed)


def distinct(recordings: Iterable[Recording]) -> list[Recording]:
    """Without those that ask the same as another and are answered alike: many were made twice, in two colours."""
    found: dict[Any, Recording] = {}
    for recording in recordings:
        said = [
            (
                each.request.method,
                template_of(each.request.path),
                tuple(name for name, _ in each.request.query),
                tuple(each.request.body) if isinstance(each.request.body, dict) else (),
                each.answer.status,
                each.answer.is_stream,
            )
            for each in recording.exchanges
        ]
        found.setdefault(tuple(said), recording)
    return list(found.values())
