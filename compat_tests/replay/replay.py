"""The walk through a recording: each exchange asked of a live server, in order, and the answers compared."""

import re
import time
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from compat_tests.cleaning import Cleaner
from compat_tests.client import NoAnswer
from compat_tests.comparison.accepted import Accepted
from compat_tests.comparison.compare import compare
from compat_tests.comparison.context import Context
from compat_tests.comparison.hosted import hosted_tools, searched_files
from compat_tests.comparison.ids import Ids
from compat_tests.comparison.relations import Relations
from compat_tests.comparison.shape import described
from compat_tests.exchange import UNRECORDED, Answer, Exchange, Recording, Request
from compat_tests.playing import Inspect, nothing_more
from compat_tests.replay import answers_only
from compat_tests.replay.lagging import late, with_room, without
from compat_tests.replay.paths import is_asked_here, resource_of, template_of
from compat_tests.replay.polling import PATIENCE_SECONDS, Ask, folded, statuses_in, until_as_recorded, until_status
from compat_tests.replay.preexisting import OF_ACCOUNTS, preexisting
from compat_tests.replay.running import Runs
from compat_tests.replay.seeding import CannotSeed, Seeding
from compat_tests.replay.timeline import error_in, objects_in
from compat_tests.replay.uploads import is_known
from compat_tests.result import Asked, Difference, Outcome, Result, outcome_of
from compat_tests.target import Target

V1: Final = "v1 of the API, which the real service itself refused since the end of 2024"
FAULT: Final = 500
MISSHAPEN: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
"""What comes of a recording with other objects in it than this API has: masked ones, or those of another service."""
WRONG_KEY: Final = re.compile(r"^Incorrect API key provided: (\S+?)\. ")
CANCEL_BATCH: Final = "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel"
INDEXED: Final = {"vector_store", "vector_store.file", "vector_store.file_batch"}


async def replay(
    recording: Recording, target: Target, inspect: Inspect = nothing_more, accepted: Accepted | None = None
) -> Result:
    """Never raises for what a server does. `accepted` is one for the whole session."""
    began = time.perf_counter()
    walk = _Walk(recording, target, inspect, accepted or Accepted())
    outcome, reason = await walk.go()
    return Result(
        slug=recording.name,
        kind="recording",
        resource=resource_of(recording.exchanges),
        title=recording.source,
        outcome=outcome,
        reason=reason,
        asked=tuple(walk.asked),
        differences=tuple(walk.rest),
        seconds=time.perf_counter() - began,
    )


class _Walk:
    def __init__(self, recording: Recording, target: Target, inspect: Inspect, accepted: Accepted) -> None:
        self._recording = recording
        self._target = target
        self._client = target.client
        self._inspect = inspect
        self._accepted = accepted
        self._ids = Ids()
        self._relations = Relations()
        self._cleaner = Cleaner()
        self.asked: list[Asked] = []
        self.rest: list[Difference] = []

    async def go(self) -> tuple[Outcome, str]:
        if self._recording.api_version != "v2":
            return "skipped", V1
        try:
            notes, obstacle = self._prepare()
        except MISSHAPEN as problem:
            return "skipped", f"its answers are not those of this API ({type(problem).__name__}: {problem})"
        if obstacle:
            self._runs.let_go()
            return "skipped", obstacle
        try:
            stopped = await self._walk()
        except CannotSeed as problem:
            return ("failed" if problem.is_refused else "skipped"), f"what it found could not be made: {problem}"
        except NoAnswer as failure:
            stopped = f"no answer: {failure}"
        finally:
            await self._cleaner.clean(self._client)
            self._runs.let_go()
        self.rest += self._judged(self._runs.surprises(), self._when(self._exchanges[-1]))
        if stopped:
            return "failed", "; ".join([stopped, *notes])
        found = (*(each for one in self.asked for each in one.differences), *self.rest)
        return outcome_of(found), "; ".join(notes)

    def _prepare(self) -> tuple[list[str], str]:
        """What to say of the result; and why it cannot be replayed, or nothing."""
        as_read = self._recording.exchanges
        self._recording, unknown = answers_only.reconstructed(self._recording)
        here = [each for each in self._recording.exchanges if is_asked_here(each.request.path)]
        self._exchanges = tuple(each for each in here if each.answer.status < FAULT)
        self._hosted_tools = hosted_tools(each.answer for each in here)
        self._runs = Runs(self._exchanges, self._target, self._ids, self._ask)
        self._found = preexisting(self._exchanges, with_lists=self._target.is_ours)
        notes = []
        if elsewhere := len(self._recording.exchanges) - len(here):
            notes.append(f"left out: {elsewhere} requests to other paths")
        if faults := len(here) - len(self._exchanges):
            notes.append(f"left out: {faults} faults of the server that was recorded")
        if not self._exchanges:
            return notes, "nothing in it is about this API"
        if unknown:
            return notes, f"what was sent was not recorded, and cannot be told: {', '.join(unknown)}"
        if any(leg.ended_as == "expired" for leg in self._runs.legs):
            return notes, "a run in it expired, ten minutes after it was made"
        if not all(is_known(each, as_read) for each in searched_files(each.answer for each in self._exchanges)):
            return notes, "it searches files whose content nobody recorded"
        return notes, ""

    async def _walk(self) -> str:
        """Why it could not go on to the end, or nothing."""
        has_lists = any(each.request.path in OF_ACCOUNTS for each in self._exchanges)
        if self._target.is_ours and has_lists:
            await self._empty()
        seeding = Seeding(self._found, self._runs.legs, self._ids, self._ask, self._runs.play_before)
        await seeding.make_all()
        for ask in folded(self._exchanges):
            exchange = self._exchanges[ask.place]
            await seeding.make_before(ask.place)
            await self._runs.before(ask.place)
            if problem := await self._exchange(ask, exchange):
                return f"stopped at exchange {ask.place + 1} of {len(self._exchanges)}: {problem}"
        return ""

    async def _exchange(self, ask: Ask, exchange: Exchange) -> str:
        request = self._request(exchange)
        lagging = [self._ids.live(each) for each in late(self._exchanges, ask.place)]
        if lagging:
            request = with_room(request, len(lagging), len(exchange.answer.body["data"]))
        when = self._when(exchange, is_moving=self._is_moving(ask, exchange))
        leg = self._runs.starting(ask.place)
        try:
            if request.method == "GET":
                patience = self._runs.patience_seconds if ask.is_poll else PATIENCE_SECONDS
                answer = await until_as_recorded(
                    self._client, request, exchange.answer, but=lagging, patience_seconds=patience
                )
            else:
                await self._until_finished(request, exchange)
                answer = await self._client.ask(request)
        except NoAnswer as failure:
            difference = Difference(path="status", expected=str(exchange.answer.status), got=f"no answer: {failure}")
            self._note(ask, request, exchange, None, self._judged([difference], when))
            return f"no answer: {failure}"
        self._cleaner.note(request, answer)
        found = [*self._inspect(request, answer)]
        compared = without(await self._settled(request, exchange, answer), lagging)
        found += self._judged(compare(exchange.answer, compared, self._ids, when), when)
        found += self._judged(self._relations.look(answer, when), when)
        self._note(ask, request, exchange, answer, found)
        if leg is not None and answer.status == 200:
            await leg.was_asked()
        made = exchange.request.method == "POST" and exchange.answer.status == 200
        return f"answered with {answer.status}" if made and answer.status != 200 else ""

    def _is_moving(self, ask: Ask, exchange: Exchange) -> bool:
        """Whether the run goes on as it likes: nobody holds a model of its own, nor one that was hung up on."""
        is_cancelling = "cancelling" in statuses_in(exchange.answer) and exchange.request.method == "GET"
        return is_cancelling or (ask.is_poll and not self._runs.are_scripted)

    async def _until_finished(self, request: Request, exchange: Exchange) -> None:
        """A batch that was finished when it was to be cancelled is waited for."""
        shown = exchange.answer.body
        if template_of(request.path) == CANCEL_BATCH and isinstance(shown, dict) and shown.get("status") == "completed":
            batch = Request(method="GET", path=request.path.removesuffix("/cancel"))
            await until_status(self._client, batch, {"completed"})

    async def _settled(self, request: Request, exchange: Exchange, answer: Answer) -> Answer:
        """Captures of clients that wait show an object as it was when it was done, as the answer to its creation."""
        shown, ours = exchange.answer.body, answer.body
        if not (self._recording.answers_only and request.method == "POST" and isinstance(shown, dict)):
            return answer
        if not isinstance(ours, dict) or shown.get("object") not in INDEXED or shown.get("status") != "completed":
            return answer
        path = request.path if request.path.endswith(str(ours.get("id"))) else f"{request.path}/{ours.get('id')}"
        return await until_status(self._client, Request(method="GET", path=path), {"completed", "failed"})

    def _request(self, exchange: Exchange) -> Request:
        recorded = exchange.request
        headers = dict(recorded.headers)
        if exchange.answer.status == 401:
            # Which key was sent is never recorded, but the answer says what was wrong with it.
            message = str(error_in(exchange.answer).get("message", ""))
            wrong = WRONG_KEY.match(message)
            headers["authorization"] = f"Bearer {wrong[1] if wrong else 'not-a-key'}"
            if message.startswith("You didn't provide"):
                headers["authorization"] = None
        body = recorded.body if isinstance(recorded.body, tuple) else self._ids.translate(recorded.body)
        return Request(
            method=recorded.method,
            path=self._ids.translate(recorded.path),
            query=tuple((name, self._ids.translate(value)) for name, value in recorded.query),
            headers=headers,
            body=None if body is UNRECORDED else body,
        )

    def _when(self, exchange: Exchange, *, is_moving: bool = False) -> Context:
        request = exchange.request
        return Context(
            recording=self._recording.name,
            recorded_on=self._recording.recorded_on,
            method=request.method,
            path=template_of(request.path),
            request=request.body,
            note=exchange.note,
            foreign_items=not self._target.is_ours and request.path in OF_ACCOUNTS,
            hosted_tools=self._hosted_tools,
            scripted=self._target.upstream is not None,
            moving=is_moving,
            key_order=self._target.is_ours,
        )

    def _judged(self, found: Iterable[Difference], when: Context) -> list[Difference]:
        return self._accepted.judge(found, when)

    def _note(
        self, ask: Ask, request: Request, exchange: Exchange, answer: Answer | None, found: list[Difference]
    ) -> None:
        title = f"{ask.place + 1}. {request.method} {template_of(exchange.request.path)}"
        if ask.folded:
            title += f" (and {ask.folded} times before)"
        asked = Asked(title=title, request=request, expected=_described(exchange.answer), answer=answer)
        self.asked.append(replace(asked, differences=tuple(found)))

    async def _ask(self, request: Request) -> Answer:
        """Something that is not in the recording, and that it needs."""
        answer = await self._client.ask(request)
        self._cleaner.note(request, answer)
        return answer

    async def _empty(self) -> None:
        """What the scenarios before left over would show in lists."""
        for path in OF_ACCOUNTS:
            answer = await self._client.ask(Request(method="GET", path=path, query=(("limit", "100"),)))
            for each in objects_in(answer):
                await self._client.ask(Request(method="DELETE", path=f"{path}/{each.get('id')}"))


def _described(answer: Answer) -> str:
    if answer.events is not None:
        return f"{answer.status}, events: {', '.join(event.event for event in answer.events)}"
    return f"{answer.status} {described(answer.body)}"
