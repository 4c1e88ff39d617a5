"""The scripted model server in the hands of a replay: it answers when the recording has got that far, not before."""

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from compat_tests.replay.model_script import Turn, total
from compat_tests.scripted_upstream import Reply, ScriptedUpstream, Stream, error, text
from compat_tests.scripted_upstream.replies import said

HOSTED: Final = {"code_interpreter": {"code_interpreter", "python"}, "file_search": {"file_search"}}
"""Tools that ran where the model did, and what a model may be offered in their place."""
NOT_OFFERED: Final = "The tool that was used here is not offered."
FULL: Final = {"error": {"message": "no room", "type": "server_overloaded", "param": None, "code": 429}}
ASKED_SECONDS: Final = 3
"""How long a run may take to get to its model server."""


class Held:
    """What the model says in one leg of a run, and when."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self.turns = deque(turns)
        self.asked = asyncio.Event()
        """The model server has been asked."""
        self.speaks = asyncio.Event()
        """It may answer."""
        self.has_room = asyncio.Event()
        """It takes requests; until then the run waits in its queue."""
        self.taken = asyncio.Event()
        """It has taken one: the run has begun, and is not put back any more."""

    async def was_asked(self) -> None:
        """Whatever becomes of it, its place in the order of requests is settled then."""
        await _patiently(self.asked)

    async def was_taken(self) -> None:
        await _patiently(self.taken)


class Model:
    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._waiting: deque[Held] = deque()
        self.unexpected = 0
        """Requests of which the recording knows nothing."""
        upstream.script([self._answer])

    def expect(self, turns: Iterable[Turn], *, is_full: bool = False) -> Held:
        """The next leg. It waits until it may speak."""
        held = Held(turns)
        if not is_full:
            held.has_room.set()
        self._waiting.append(held)
        return held

    def let_go(self, *, is_hung_up: bool) -> None:
        """The end. Whoever hung up on a model that waits is not to be written to."""
        for held in [] if is_hung_up else self._waiting:
            held.has_room.set()
            held.speaks.set()
        self._upstream.script([])

    def _answer(self, body: dict[str, Any]) -> Reply:
        self._upstream.script([self._answer])  # each request takes one reply off the script
        while self._waiting and not self._waiting[0].turns:
            self._waiting.popleft()
        if not self._waiting:
            self.unexpected += 1
            return text("The recording has no more of this.")
        held = self._waiting[0]
        held.asked.set()
        if not held.has_room.is_set():
            return error(429, FULL, retry_after="0")
        held.taken.set()
        reply = _next(held, body).reply()
        return reply.waiting(held.speaks, after=0) if isinstance(reply, Stream) else reply


async def _patiently(event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(ASKED_SECONDS):
            await event.wait()
    except TimeoutError:
        pass


def _next(held: Held, body: dict[str, Any]) -> Turn:
    """A model that is not offered a tool of the service says what it said in the end, having taken as many tokens."""
    turn = held.turns.popleft()
    offered = _offered(body)
    if all(not each.hosted or each.hosted in offered for each in (turn, *held.turns)):
        return _called(turn, offered[turn.hosted], body) if turn.hosted else turn
    skipped = [turn]
    while held.turns:
        skipped.append(held.turns.popleft())
    last = next((each for each in reversed(skipped) if not each.hosted), Turn(pieces=(NOT_OFFERED,)))
    return replace(last, usage=total(each.usage for each in skipped))


def _offered(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The functions that stand for tools of the service."""
    functions = [tool.get("function") or {} for tool in body.get("tools") or []]
    return {tool: each for tool, names in HOSTED.items() for each in functions if each.get("name") in names}


def _called(turn: Turn, function: dict[str, Any], body: dict[str, Any]) -> Turn:
    """The calls, in the words of whoever offers the function. What was searched for was never shown."""
    calls = []
    for _, pieces in turn.calls:
        arguments = _arguments("".join(pieces) or _question(body), function.get("parameters") or {})
        calls.append((str(function["name"]), (json.dumps(arguments, ensure_ascii=False),)))
    return replace(turn, calls=tuple(calls), finish="tool_calls")


def _arguments(given: str, parameters: dict[str, Any]) -> dict[str, Any]:
    properties = parameters.get("properties") or {}
    name = next(iter([*parameters.get("required", []), *properties]), "input")
    is_list = properties.get(name, {}).get("type") == "array"
    return {name: [given] if is_list else given}


def _question(body: dict[str, Any]) -> str:
    asked = [said(message) for message in body.get("messages") or [] if message.get("role") == "user"]
    return asked[-1] if asked else "?"
