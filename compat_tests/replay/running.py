"""The runs of a recording on a live server: each begins, is held and ends as and when it did."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from compat_tests.comparison.ids import Ids
from compat_tests.exchange import Answer, Exchange, Request
from compat_tests.replay.answers_only import outputs_for
from compat_tests.replay.holding import Held, Model
from compat_tests.replay.model_script import turns_of
from compat_tests.replay.paths import asks, ids_in
from compat_tests.replay.polling import PATIENCE_SECONDS, PATIENCE_WITH_MODELS_SECONDS, until_status
from compat_tests.replay.preexisting import references
from compat_tests.replay.timeline import AT_REST, BEFORE, Leg, legs_of, objects_in, status_told
from compat_tests.result import Difference
from compat_tests.target import Target

CANCEL: Final = "/v1/threads/{thread_id}/runs/{run_id}/cancel"


class Runs:
    def __init__(
        self,
        exchanges: Sequence[Exchange],
        target: Target,
        ids: Ids,
        ask: Callable[[Request], Awaitable[Answer]],
    ) -> None:
        self._exchanges = exchanges
        self._target = target
        self._ids = ids
        self._ask = ask
        self._held: dict[int, Held] = {}
        """By the leg's place in `legs`."""
        self._ended: set[int] = set()
        self.legs = legs_of(exchanges)
        self._turns = [turns_of(leg, self.legs, exchanges) for leg in self.legs]
        self._model = None if target.upstream is None else Model(target.upstream)
        self.patience_seconds = PATIENCE_WITH_MODELS_SECONDS if target.upstream is None else PATIENCE_SECONDS

    @property
    def are_scripted(self) -> bool:
        return self._model is not None

    def let_go(self) -> None:
        if self._model is not None:
            self._model.let_go(is_hung_up=self._target.is_ours)

    def surprises(self) -> list[Difference]:
        """Requests to the model that the recording does not explain, and answers of it that nobody asked for."""
        if self._model is None:
            return []
        said = sum(map(len, self._turns))
        found = []
        if extra := self._model.unexpected:
            found.append(Difference(path="model", expected=f"{said} requests", got=f"{said + extra} requests"))
        for number, held in self._held.items():
            leg = self.legs[number]
            left = [turn for turn in held.turns if not turn.hosted]
            if left and leg.ends is not None and leg.ended_as != "cancelled":
                found.append(Difference(path="model", expected=f"{said} requests", got=f"{said - len(left)} requests"))
        return found

    def starting(self, place: int) -> Held | None:
        """The leg that this exchange starts, about to be asked for."""
        for number, leg in enumerate(self.legs):
            if leg.starts == place and not leg.is_resumed_unseen:
                return self._expect(number, leg)
        return None

    async def before(self, place: int) -> None:
        """Bring every run to where it was when that exchange was answered. Raises `NoAnswer`."""
        exchange = self._exchanges[place]
        for number, leg in enumerate(self.legs):
            held = self._held.get(number)
            if held is not None and leg.queued_until is not None and leg.queued_until < place:
                await self._make_room(leg, held)
            if leg.is_resumed_unseen and leg.starts <= place and held is None:
                await self._resume(number, leg)
            elif leg.ends is not None and leg.starts < leg.ends <= place:
                await self._end(number, leg, exchange)
            if leg.starts == place and any(turn.hosted == "file_search" for turn in self._turns[number]):
                await self._until_indexed()
        told = status_told(exchange.answer) if exchange.answer.status >= 400 else None
        if told is not None and told not in AT_REST and "run_id" in ids_in(exchange.request.path):
            run = ids_in(exchange.request.path)["run_id"]
            for leg in self.legs:
                if leg.run == run:
                    await self._until(leg, {told, *AT_REST})

    async def play_before(self, leg: Leg, request: Request, *, is_over: bool) -> Answer:
        """See `PlayLeg`."""
        number = self.legs.index(leg)
        held = self._expect(number, leg)
        answer = await self._ask(request)
        if answer.status == 200 and isinstance(answer.body, dict):
            self._ids.meet(leg.run, str(answer.body.get("id")))
            if held is not None:
                await held.was_asked()
            if is_over or leg.ends == self._first_shown(leg.run):
                await self._end(number, leg, None)
        return answer

    def _expect(self, number: int, leg: Leg) -> Held | None:
        if self._model is None:
            return None
        # Other servers may let a run fail whose model server has no room.
        is_full = leg.queued_until is not None and self._target.is_ours
        held = self._model.expect(self._turns[number], is_full=is_full)
        if leg.is_streamed:
            held.speaks.set()
        self._held[number] = held
        return held

    async def _make_room(self, leg: Leg, held: Held) -> None:
        if not held.has_room.is_set():
            held.has_room.set()
            await held.was_taken()
            await self._until(leg, {"in_progress", *AT_REST})

    async def _end(self, number: int, leg: Leg, exchange: Exchange | None) -> None:
        """Let it end as it did, and wait for that. Once."""
        if number in self._ended:
            return
        self._ended.add(number)
        held = self._held.get(number)
        if leg.ended_as == "cancelled":
            if exchange is None or not asks(exchange.request, "POST", CANCEL):
                await self._ask(Request(method="POST", path=self._path(leg) + "/cancel"))
                await self._until(leg, AT_REST)
            return
        if held is not None:
            held.has_room.set()
            held.speaks.set()
        await self._until(leg, AT_REST)

    async def _resume(self, number: int, leg: Leg) -> None:
        """Outputs were submitted that nobody recorded."""
        held = self._expect(number, leg)
        outputs = self._ids.translate(outputs_for(leg.run, self._exchanges))
        path = self._path(leg) + "/submit_tool_outputs"
        await self._ask(Request(method="POST", path=path, body={"tool_outputs": outputs}))
        if held is not None:
            await held.was_asked()
        await self._end(number, leg, None)

    async def _until(self, leg: Leg, statuses: set[str]) -> None:
        if self._ids.knows(leg.run):
            request = Request(method="GET", path=self._path(leg))
            await until_status(self._target.client, request, statuses, self.patience_seconds)

    async def _until_indexed(self) -> None:
        """What a search found had been read before."""
        stores = {id for exchange in self._exchanges for kind, id in _named(exchange) if kind == "vs"}
        for id in stores:
            if (live := self._ids.live(id)) is not None:
                request = Request(method="GET", path=f"/v1/vector_stores/{live}")
                await until_status(self._target.client, request, {"completed", "expired"})

    def _path(self, leg: Leg) -> str:
        return str(self._ids.translate(f"/v1/threads/{leg.thread}/runs/{leg.run}"))

    def _first_shown(self, run: str) -> int:
        for place, exchange in enumerate(self._exchanges):
            if ("run", run) in _named(exchange):
                return place
        return BEFORE


def _named(exchange: Exchange) -> Iterator[tuple[str, str]]:
    for each in objects_in(exchange.answer):
        yield from references(each)
