"""Play a case on a server: its steps one after the other, until one differs."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any, Final

from msgspec import UNSET

from compat_tests.case import Asks, Expects, NamedCase, Step
from compat_tests.cleaning import Cleaner
from compat_tests.client import Client, NoAnswer
from compat_tests.exchange import Answer, Body, Event, Part, Request
from compat_tests.pattern import BadPattern, differences, filled, shown
from compat_tests.result import Asked, Difference, Result, outcome_of
from compat_tests.script import Gates, reply
from compat_tests.scripted_upstream import Rule
from compat_tests.target import Target

PATIENCE_SECONDS: Final = 10
PAUSE_SECONDS: Final = 0.01

Inspect = Callable[[Request, Answer], Iterable[Difference]]
"""Looks at every answer as well, whatever the case expects of it."""


Judge = Callable[[Difference], Difference]
"""Gives a difference its reason, where it is accepted; the case goes on then."""


def nothing_more(request: Request, answer: Answer) -> Iterable[Difference]:
    return ()


def accepts_nothing(difference: Difference) -> Difference:
    return difference


async def play(
    named: NamedCase, target: Target, inspect: Inspect = nothing_more, judge: Judge = accepts_nothing
) -> Result:
    """Never raises for what a server does. Raises `BadPattern` for a case that cannot be meant."""
    began = time.perf_counter()
    case = named.case

    def result(outcome: Any, reason: str = "", **found: Any) -> Result:
        seconds = time.perf_counter() - began
        return Result(
            slug=f"{named.resource}/{named.slug}",
            kind="case",
            resource=named.resource,
            title=case.requirement,
            tags=tuple(case.tags),
            outcome=outcome,
            reason=reason,
            seconds=seconds,
            **found,
        )

    if case.upstream is not UNSET and target.upstream is None:
        return result("skipped", "needs a model server that says what the case wants, and this server has its own")
    if lacking := sorted(set(case.needs) - target.provides):
        return result("skipped", f"needs a server that is set up for it: {', '.join(lacking)}")
    play = _Play(named, target, inspect, judge)
    await play.run()
    asked, rest = tuple(play.asked), tuple(map(judge, play.rest))
    every = (*(each for one in asked for each in one.differences), *rest)
    return result(outcome_of(every), play.reason, asked=asked, differences=rest)


class _Listening:
    """A request that is not waited for, and the events of its stream so far."""

    def __init__(self, client: Client, request: Request) -> None:
        self.request = request
        self.seen: list[Event] = []
        self._client = client
        self._came = asyncio.Condition()
        self._is_over = False
        self.task = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> Answer:
        try:
            return await self._client.ask(self.request, self._see)
        finally:
            async with self._came:
                self._is_over = True
                self._came.notify_all()

    async def _see(self, event: Event) -> None:
        async with self._came:
            self.seen.append(event)
            self._came.notify_all()

    async def has_seen(self, what: int | str) -> bool:
        """So many events, or one of that name; waits for it as long as it can still come."""

        def enough() -> bool:
            return len(self.seen) >= what if isinstance(what, int) else any(each.event == what for each in self.seen)

        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._came:
                await self._came.wait_for(lambda: enough() or self._is_over)
        except TimeoutError:
            pass
        return enough()


class _Play:
    def __init__(self, named: NamedCase, target: Target, inspect: Inspect, judge: Judge) -> None:
        self._case = named.case
        self._target = target
        self._inspect = inspect
        self._judge = judge
        self._values: dict[str, Any] = {"model": named.case.model}
        self._gates = Gates()
        self._cleaner = Cleaner()
        self._background: dict[str, _Listening] = {}
        self._told = 0
        self.asked: list[Asked] = []
        self.rest: list[Difference] = []
        self.reason = ""

    async def run(self) -> None:
        upstream = self._target.upstream
        if upstream is not None:
            upstream.script([] if self._case.upstream is UNSET else map(self._says, self._case.upstream))
            self._told = len(upstream.requests)
        try:
            steps = [*self._case.setup, *self._case.steps]
            for number, step in enumerate(steps, start=1):
                if not await self._went_well(number, step):
                    if number < len(steps):
                        self.reason = f"stopped at step {number} of {len(steps)}"
                    break
            else:
                self._all_said()
        finally:
            if "full-disk" in self._case.needs:
                self._target.fill_disk(False)
            self._gates.open_all()
            for listening in self._background.values():
                listening.task.cancel()
            await asyncio.gather(*(each.task for each in self._background.values()), return_exceptions=True)
            if upstream is not None:
                upstream.script([])
            await self._cleaner.clean(self._target.client)

    def _says(self, entry: dict[str, Any]) -> Rule:
        """Filled in only when it is asked for: what was captured until then can be said."""
        return lambda _: reply(filled(entry, self._values), self._gates)

    def _all_said(self) -> None:
        upstream = self._target.upstream
        if self._case.upstream is not UNSET and upstream is not None and upstream.unanswered:
            told = len(self._case.upstream) - upstream.unanswered
            self.rest.append(
                Difference(path="model", expected=f"{len(self._case.upstream)} requests", got=f"{told} requests")
            )

    async def _went_well(self, number: int, step: Step) -> bool:
        try:
            return await self._step(number, step)
        except BadPattern:
            # What was accepted may have been what this step needs.
            if not any(asked.differences for asked in self.asked):
                raise
            return False

    async def _step(self, number: int, step: Step) -> bool:
        """Whether the case can go on."""
        if step.seen is not UNSET and not await self._have_seen(number, step.seen):
            return False
        if step.open is not UNSET:
            self._gates.open(step.open)
            return True
        if step.disk is not UNSET:
            self._target.fill_disk(step.disk == "full")
            return True
        if step.told is not UNSET:
            return await self._was_told(number, step.told)
        if isinstance(step.finish, str):
            listening = self._background.pop(step.finish)
            return await self._compared(number, listening.request, step.expect, listening.task)
        assert isinstance(step.ask, Asks)
        request = self._request(step.ask)
        if isinstance(step.in_background, str):
            self._background[step.in_background] = _Listening(self._target.client, request)
            return True
        if step.until is not UNSET:
            return await self._compared(number, request, step.expect, self._until(request, step.until))
        return await self._compared(number, request, step.expect, self._target.client.ask(request))

    async def _until(self, request: Request, pattern: Any) -> Answer:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._target.client.ask(request)
            fits = next(differences(pattern, answer.body, dict(self._values)), None) is None
            if fits or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(PAUSE_SECONDS)

    async def _compared(self, number: int, request: Request, expect: Expects, asking: Any) -> bool:
        try:
            answer: Answer | None = await asking
        except NoAnswer as failure:
            answer = None
            found = [Difference(path="status", expected=str(expect.status), got=f"no answer: {failure}")]
        else:
            assert answer is not None
            self._cleaner.note(request, answer)
            wrong = list(self._differences(expect, answer))
            said = {each.path for each in wrong}  # once is enough
            wrong += [each for each in self._inspect(request, answer) if each.path not in said]
            found = [self._judge(each) for each in wrong]
        self.asked.append(
            Asked(
                title=f"{number}. {request.method} {request.path}",
                request=request,
                expected=_described(expect),
                answer=answer,
                differences=tuple(found),
            )
        )
        return all(each.reason is not None for each in found)

    def _differences(self, expect: Expects, answer: Answer) -> Iterable[Difference]:
        if answer.status != expect.status:
            got = f"{answer.status} {shown(answer.body)}"
            yield Difference(path="status", expected=str(expect.status), got=got)
            return
        for name, pattern in expect.headers.items():
            if name in answer.headers:
                yield from differences(pattern, answer.headers[name], self._values, f"headers.{name}")
            elif "$absent" not in (pattern if isinstance(pattern, dict) else {}):
                yield Difference(path=f"headers.{name}", expected=shown(pattern), got="absent")
        if expect.base64 is not UNSET and _bytes_of(answer.body) != base64.b64decode(expect.base64):
            yield Difference(path="body", expected=f"the bytes {expect.base64}", got=shown(answer.body))
        if expect.text is not UNSET and _bytes_of(answer.body) != expect.text.encode():
            yield Difference(path="body", expected=shown(expect.text), got=shown(answer.body))
        if expect.body is not UNSET:
            yield from differences(expect.body, answer.body, self._values)
        if expect.events is not UNSET:
            if answer.events is None:
                yield Difference(path="events", expected="a stream", got=shown(answer.body))
            else:
                yield from self._in_events(expect.events, answer.events)

    def _in_events(self, expected: list[dict[str, Any]], events: tuple[Event, ...]) -> Iterable[Difference]:
        rest = list(enumerate(events))
        for each, following in zip_longest(expected, expected[1:]):
            fitting: list[Event] = []
            while rest and rest[0][1].event == each["event"]:
                if fitting and (not each.get("repeated") or self._begins(following, rest[0][1])):
                    break
                place, event = rest.pop(0)
                fitting.append(event)
                if "data" in each:
                    yield from differences(each["data"], event.data, self._values, f"events[{place}].data")
            first = len(events) - len(rest) - len(fitting)
            if not fitting:
                got = rest[0][1].event if rest else "the end"
                yield Difference(path=f"events[{first}]", expected=each["event"], got=got)
                return
            for where, text in filled(each.get("joins", {}), self._values).items():
                joined = "".join(filter(None, (_text_at(event.data, where) for event in fitting)))
                if joined != text:
                    path = f"events[{first}..{first + len(fitting) - 1}].data.{where} (joined)"
                    yield Difference(path=path, expected=shown(text), got=shown(joined))
        if rest:
            yield Difference(path=f"events[{rest[0][0]}]", expected="the end", got=rest[0][1].event)

    def _begins(self, expected: dict[str, Any] | None, event: Event) -> bool:
        """Whether an event that might be another one of its kind is the next that is expected."""
        if expected is None or expected["event"] != event.event or "data" not in expected:
            return False
        return next(differences(expected["data"], event.data, dict(self._values)), None) is None

    async def _have_seen(self, number: int, wanted: dict[str, int | str]) -> bool:
        for name, what in wanted.items():
            listening = self._background[name]
            if not await listening.has_seen(what):
                expected = f"{what} events of {name}" if isinstance(what, int) else f"{what} from {name}"
                got = ", ".join(event.event for event in listening.seen) or "no event"
                self.rest.append(Difference(path=f"step {number}", expected=expected, got=got))
                return False
        return True

    async def _was_told(self, number: int, pattern: Any) -> bool:
        upstream = self._target.upstream
        assert upstream is not None
        self._told += 1
        try:
            await upstream.received(self._told, patience_seconds=PATIENCE_SECONDS)
        except TimeoutError:
            self.rest.append(Difference(path="model", expected="one more request", got="none"))
            return False
        body = upstream.requests[self._told - 1]
        found = list(differences(pattern, body, self._values, f"step {number}, request to the model"))
        self.rest += found
        return not found

    def _request(self, ask: Asks) -> Request:
        body = filled(ask.body, self._values) if ask.body is not UNSET else None
        if ask.text is not UNSET:
            body = ask.text
        if ask.form is not UNSET:
            body = tuple(_part(filled(each, self._values)) for each in ask.form)
        query: list[tuple[str, str]] = []
        for name, given in filled(ask.query, self._values).items():
            query += [(name, str(each)) for each in (given if isinstance(given, list) else [given])]
        path = filled(ask.path, self._values)
        headers = filled(ask.headers, self._values)
        return Request(method=ask.method, path=path, query=tuple(query), headers=headers, body=body)


def _text_at(data: Any, where: str) -> str | None:
    for key in where.split("."):
        try:
            data = data[int(key) if isinstance(data, list) else key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return data if isinstance(data, str) else None


def _part(given: dict[str, Any]) -> Part:
    match given:
        case {"base64": str(text)}:
            data = base64.b64decode(text)
        case {"repeat": [str(text), int(times)]}:
            data = text.encode() * times
        case {"text": str(text)}:
            data = text.encode()
        case _:
            raise BadPattern(f"no part of a form: {shown(given)}")
    return Part(name=given["name"], data=data, filename=given.get("filename"), content_type=given.get("content_type"))


def _bytes_of(body: Body) -> bytes | None:
    """Whatever type it is said to have; None for JSON."""
    return body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else None


def _described(expect: Expects) -> str:
    lines = [f"status {expect.status}"]
    wanted = [each for each in (expect.body, expect.text, expect.base64) if each is not UNSET]
    lines += [json.dumps(each, ensure_ascii=False, indent=2) for each in wanted]
    if expect.events is not UNSET:
        lines.append(", ".join(each["event"] for each in expect.events))
    return "\n".join(lines)
