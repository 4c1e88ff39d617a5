"""What each run of a recording did, and between which exchanges: its legs, from a start to a rest.

A leg begins when a run is created or gets its tool outputs, and ends when it waits for outputs or is over. That it has
ended shows in the first answer that could not have been given before.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from compat_tests.exchange import Answer, Exchange
from compat_tests.replay.paths import creates_run, ids_in, submits, template_of

OVER: Final = {"completed", "failed", "cancelled", "expired", "incomplete"}
AT_REST: Final = OVER | {"requires_action"}
STATUS_IN_ERROR: Final = re.compile(r"\bstatus ['\"](\w+)['\"]")
BEFORE: Final = -1
"""The start of what had begun when the recording did."""


class Leg(Struct, kw_only=True):
    run: str
    thread: str
    starts: int
    """The exchange that starts it, or `BEFORE`."""
    number: int
    """Of its run: 0, and one more after each submission."""
    ends: int | None = None
    """The exchange whose answer shows that it has ended; None where none does."""
    ended_as: str = ""
    queued_until: int | None = None
    """The last exchange that finds it still waiting for a worker."""
    is_streamed: bool = False
    is_resumed_unseen: bool = False
    """Its outputs were submitted, and that was not recorded."""


def objects_in(answer: Answer) -> Iterator[dict[str, Any]]:
    """Every object that an answer shows as itself: the body, a page's items, the data of events."""
    shown = [answer.body] if answer.events is None else [event.data for event in answer.events]
    for each in shown:
        if isinstance(each, dict):
            if isinstance(each.get("data"), list):
                yield from (item for item in each["data"] if isinstance(item, dict))
            else:
                yield each


def legs_of(exchanges: Sequence[Exchange]) -> list[Leg]:
    """In the order in which they start."""
    return _Timeline().read(exchanges)


class _Timeline:
    def __init__(self) -> None:
        self._legs: list[Leg] = []

    def read(self, exchanges: Sequence[Exchange]) -> list[Leg]:
        for place, exchange in enumerate(exchanges):
            self._read(place, exchange)
        return self._legs

    def _read(self, place: int, exchange: Exchange) -> None:
        request, answer = exchange.request, exchange.answer
        if answer.status >= 400:
            self._refused(place, exchange)
            return
        if submits(request):
            run = ids_in(request.path)
            self._end(self._of(run["run_id"], run["thread_id"]), place, "requires_action")
            self._begin(run["run_id"], run["thread_id"], place, answer)
        elif creates_run(request):
            for run in _runs(answer)[:1]:
                self._free(run["thread_id"], place)
                self._begin(run["id"], run["thread_id"], place, answer)
        elif request.method == "POST" and template_of(request.path) == "/v1/threads/{thread_id}/messages":
            self._free(ids_in(request.path)["thread_id"], place)
        for each in objects_in(answer):
            self._see(place, each, is_read=request.method == "GET")

    def _see(self, place: int, shown: dict[str, Any], *, is_read: bool) -> None:
        match shown:
            case {"object": "thread.run", "id": str(run), "thread_id": str(thread), "status": str(status)}:
                self._see_run(place, self._of(run, thread), status, is_read)
            case {"object": "thread.run.step", "run_id": str(run), "thread_id": str(thread), "status": str(status)}:
                if status == "completed" and shown.get("type") == "message_creation":
                    self._end(self._of(run, thread), place, "completed", if_running=True)
                elif status == "in_progress" and _waits_for_outputs(shown):
                    self._end(self._of(run, thread), place, "requires_action")
            case {"object": "thread.message", "run_id": str(run), "thread_id": str(thread)}:
                self._end(self._of(run, thread), place, "completed", if_running=True)

    def _see_run(self, place: int, leg: Leg, status: str, is_read: bool) -> None:
        if status in AT_REST:
            if leg.ended_as == "requires_action" and status in OVER - {"cancelled", "expired", "failed"}:
                leg = self._begin(leg.run, leg.thread, place, None)
                leg.is_resumed_unseen = True
            self._end(leg, place, status)
        elif status == "cancelling":
            self._end(leg, place, "cancelled")
        elif status == "queued" and is_read and place > leg.starts:
            leg.queued_until = place

    def _refused(self, place: int, exchange: Exchange) -> None:
        """The literal errors of the real service tell a run's status."""
        run = ids_in(exchange.request.path)
        if "run_id" in run and (status := status_told(exchange.answer)) in AT_REST:
            self._end(self._of(run["run_id"], run["thread_id"]), place, status)

    def _of(self, run: str, thread: str) -> Leg:
        """The latest leg of a run."""
        for leg in reversed(self._legs):
            if leg.run == run:
                return leg
        return self._begin(run, thread, BEFORE, None)

    def _begin(self, run: str, thread: str, place: int, answer: Answer | None) -> Leg:
        number = sum(leg.run == run for leg in self._legs)
        is_streamed = answer is not None and answer.is_stream
        leg = Leg(run=run, thread=thread, starts=place, number=number, is_streamed=is_streamed)
        self._legs.append(leg)
        return leg

    def _end(self, leg: Leg, place: int, status: str, *, if_running: bool = False) -> None:
        if leg.ends is None:
            leg.ends, leg.ended_as = place, status
        elif not if_running and leg.ends == place:
            leg.ended_as = status  # the last that one answer says of it

    def _free(self, thread: str, place: int) -> None:
        """A thread that takes something new has no run at work."""
        for leg in self._legs:
            if leg.thread == thread and leg.ends is None:
                self._end(leg, place, "completed")


def status_told(answer: Answer) -> str | None:
    """The status of a run that an error names."""
    found = STATUS_IN_ERROR.search(str(error_in(answer).get("message", "")))
    return found[1] if found else None


def error_in(answer: Answer) -> dict[str, Any]:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return error if isinstance(error, dict) else {}


def _runs(answer: Answer) -> list[dict[str, Any]]:
    return [each for each in objects_in(answer) if each.get("object") == "thread.run"]


def _waits_for_outputs(step: dict[str, Any]) -> bool:
    calls = (step.get("step_details") or {}).get("tool_calls") or []
    return any(call.get("type") == "function" and call["function"].get("output") is None for call in calls)
