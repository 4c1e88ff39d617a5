"""What the recorded model said, turn by turn: the replies of the scripted model server that lead to the same run.

A turn is one answer of the model: text, calls of functions, or a call of a tool that the service itself ran. Turns are
found in the run's steps where those were recorded, in its required actions and messages otherwise.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from compat_tests.exchange import Exchange
from compat_tests.replay.timeline import Leg, objects_in
from compat_tests.scripted_upstream import Call, Reply, Say, Stream, error
from compat_tests.scripted_upstream.flavours import too_long
from compat_tests.scripted_upstream.replies import words

UNKNOWN: Final = "What was said here was not recorded."
COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
NO_QUOTA: Final = {"message": "You exceeded your current quota.", "type": "insufficient_quota", "param": None}
FAILURES: Final[dict[str, Reply]] = {
    "rate_limit_exceeded": error(429, {"error": {**NO_QUOTA, "code": "insufficient_quota"}}),
    "invalid_prompt": error(400, too_long("generic", 200_000, 131_072)),
    "server_error": error(500, {"error": {"message": "out of memory", "type": "InternalServerError", "code": 500}}),
}
"""What a model server does, by what becomes of the run."""


class Turn(Struct, frozen=True, kw_only=True):
    pieces: tuple[str, ...] = ()
    """Text, as it was streamed."""
    calls: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Functions by name, with the pieces of their arguments."""
    hosted: str = ""
    """`code_interpreter` or `file_search`, where this turn is a call of that; the calls are of it then."""
    finish: str = "stop"
    usage: dict[str, Any] | None = None
    failure: Reply | None = None

    def reply(self) -> Reply:
        if self.failure is not None:
            return self.failure
        calls = (Call(place, name, arguments) for place, (name, arguments) in enumerate(self.calls))
        return Stream((*map(Say, self.pieces), *calls), finish=self.finish, usage=_told(self.usage))


def turns_of(leg: Leg, legs: Sequence[Leg], exchanges: Sequence[Exchange]) -> list[Turn]:
    """What the model said in a leg."""
    of_run = [each for each in legs if each.run == leg.run]
    script = _Script(leg.run, exchanges)
    all_turns = script.by_steps(len(of_run)) or [[] for _ in of_run]
    for each, turns in zip(of_run, all_turns, strict=True):
        if not turns:
            turns.extend(script.without_steps(each, is_last=each is of_run[-1]))
        if each.ended_as == "incomplete":
            turns[-1] = replace(turns[-1], finish=script.cut_off())
        elif each.ended_as == "failed":
            turns[-1] = replace(turns[-1], failure=script.failure())
    _share(script.usage, all_turns)
    return all_turns[of_run.index(leg)]


class _Script:
    """What a recording tells about one run."""

    def __init__(self, run: str, exchanges: Sequence[Exchange]) -> None:
        self._id = run
        self._run: dict[str, Any] = {}
        self._steps: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, dict[str, Any]] = {}
        self._actions: dict[int, list[dict[str, Any]]] = {}
        self._said: dict[str, list[str]] = {}
        """By message, the pieces in which it was streamed."""
        self._called: dict[str, dict[int, list[str]]] = {}
        """By step and index, the same of arguments."""
        self.usage: dict[str, Any] | None = None
        for place, exchange in enumerate(exchanges):
            self._read(place, exchange)

    def _read(self, place: int, exchange: Exchange) -> None:
        shown = list(objects_in(exchange.answer))
        # Pages begin with the newest if nobody wants them otherwise, events with the oldest.
        in_order = exchange.answer.is_stream or ("order", "asc") in exchange.request.query
        for each in shown if in_order else reversed(shown):
            match each:
                case {"object": "thread.run", "id": self._id}:
                    self._run = each
                    self.usage = each.get("usage") or self.usage
                    if action := each.get("required_action"):
                        self._actions[place] = action["submit_tool_outputs"]["tool_calls"]
                case {"object": "thread.run.step", "id": str(id), "run_id": self._id}:
                    # What finished first is not always what was read last: a page may be older than a stream.
                    if self._steps.get(id, {}).get("status") != "completed" or each.get("status") == "completed":
                        self._steps[id] = each
                case {"object": "thread.message", "id": str(id), "run_id": self._id}:
                    self._messages[id] = each
                case {"object": "thread.message.delta", "id": str(id), "delta": {"content": list(parts)}}:
                    said = self._said.setdefault(id, [])
                    said += [part["text"]["value"] for part in parts if part.get("text", {}).get("value")]
                case {"object": "thread.run.step.delta", "id": str(id), "delta": {"step_details": details}}:
                    for call in (details or {}).get("tool_calls") or []:
                        if given := (call.get("function") or {}).get("arguments"):
                            self._called.setdefault(id, {}).setdefault(call["index"], []).append(given)

    def by_steps(self, legs: int) -> list[list[Turn]] | None:
        """By leg; a step with calls of functions is the end of one. None where not all was recorded."""
        found: list[list[Turn]] = [[]]
        for step in sorted(self._steps.values(), key=lambda step: step.get("created_at") or 0):
            turn = self._turn(step)
            before = found[-1][-1] if found[-1] else None
            if turn.calls and not turn.hosted and before is not None and before.pieces:
                turn = replace(turn, pieces=before.pieces, usage=total([before.usage, turn.usage]))  # one answer: both
                found[-1].pop()
            found[-1].append(turn)
            if turn.calls and not turn.hosted:
                found.append([])
        if len(found) > legs and not found[-1]:
            found.pop()
        return found if self._steps and len(found) == legs else None

    def _turn(self, step: dict[str, Any]) -> Turn:
        usage = step.get("usage")
        details = step.get("step_details") or {}
        if step.get("type") == "message_creation":
            return Turn(pieces=self._text_of(details["message_creation"]["message_id"]), usage=usage)
        calls = details.get("tool_calls") or []
        hosted = next((call["type"] for call in calls if call["type"] != "function"), "")
        if hosted:
            return Turn(hosted=hosted, calls=tuple((hosted, (_asked(call),)) for call in calls), usage=usage)
        pieces = self._called.get(step["id"], {})
        told = [
            (call["function"]["name"], tuple(pieces.get(place) or _cut(call["function"]["arguments"])))
            for place, call in enumerate(calls)
        ]
        return Turn(calls=tuple(told), finish="tool_calls", usage=usage)

    def without_steps(self, leg: Leg, *, is_last: bool) -> list[Turn]:
        if leg.ended_as == "requires_action":
            actions = [calls for place, calls in self._actions.items() if leg.starts <= place and calls]
            calls = actions[0] if actions else []
            told = [(call["function"]["name"], tuple(_cut(call["function"]["arguments"]))) for call in calls]
            return [Turn(calls=tuple(told), finish="tool_calls")]
        messages = sorted(self._messages.values(), key=lambda message: message.get("created_at") or 0)
        return [Turn(pieces=self._text_of(each["id"])) for each in messages if is_last] or [Turn(pieces=(UNKNOWN,))]

    def _text_of(self, id: str) -> tuple[str, ...]:
        message = self._messages.get(id)
        parts = [] if message is None else message.get("content") or []
        text = "".join(part["text"]["value"] for part in parts if part.get("type") == "text")
        said = self._said.get(id, [])
        return tuple(said) if said and (not text or "".join(said) == text) else tuple(words(text or UNKNOWN))

    def cut_off(self) -> str:
        details = self._run.get("incomplete_details") or {}
        return "content_filter" if details.get("reason") == "content_filter" else "length"

    def failure(self) -> Reply:
        last = self._run.get("last_error") or {}
        return FAILURES.get(last.get("code", ""), FAILURES["server_error"])


def _share(usage: dict[str, Any] | None, legs: list[list[Turn]]) -> None:
    """Give the turns of which nobody wrote down what they took the rest of what the run took."""
    unknown = [(turns, place) for turns in legs for place, turn in enumerate(turns) if turn.usage is None]
    if usage is None or not unknown:
        return
    known = [turn.usage for turns in legs for turn in turns if turn.usage is not None]
    left = {key: usage[key] - sum(each[key] for each in known) for key in COUNTS}
    for number, (turns, place) in enumerate(unknown, start=1):
        is_last = number == len(unknown)
        part = {key: left[key] if is_last else left[key] // (len(unknown) - number + 1) for key in COUNTS}
        left = {key: left[key] - part[key] for key in COUNTS}
        turns[place] = replace(turns[place], usage=part)


def total(usages: Iterable[dict[str, Any] | None]) -> dict[str, Any] | None:
    """None where one of them is not known."""
    given = list(usages)
    known = [each for each in given if each is not None]
    return {key: sum(each[key] for each in known) for key in COUNTS} if len(known) == len(given) else None


def _told(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    """As a model server tells it."""
    if usage is None:
        return None
    told: dict[str, Any] = {key: usage[key] for key in COUNTS}
    if cached := (usage.get("prompt_token_details") or {}).get("cached_tokens"):
        told["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning := (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"):
        told["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return told


def _asked(call: dict[str, Any]) -> str:
    """What the model gave a tool of the service; of a search only the results were ever shown."""
    return str((call.get("code_interpreter") or {}).get("input", ""))


def _cut(arguments: str) -> list[str]:
    return re.findall(r".{1,6}", arguments, re.DOTALL)
