"""What a case lets the model server say: its entries, as replies of the scripted server.

An entry has one of `say`, `calls`, `decline`, `error`, `nonsense`, `never_answers`, `refuse`:

    {"say": "Hello there." or ["Hel", "lo"], "think": "…", "finish": "stop", "usage": {…}}
    {"calls": [{"name": "f", "arguments": {…} or "{…"}], "say": "…", "finish": "tool_calls"}
    {"decline": "I will not." or ["I will", " not."]}, with what stands beside `say`: a refusal of the model's
    {"error": {"status": 400, "body": {…} or "text", "headers": {"retry-after": "1"}}}
    {"nonsense": "<html>"}    {"never_answers": true}    {"refuse": true}

and beside `say`, `calls` and `decline`: `"wait": {"gate": "name", "after": 1}` holds the stream after so many pieces
(a call is one) until a step opens that gate; `"cut_after": 2` breaks the connection there, `"hang_after": 2` falls
silent there.
"""

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from typing import Any, Final

from compat_tests.pattern import BadPattern
from compat_tests.scripted_upstream import Cut, Hang, Raw, Reply, Say, Stream, Think, error, nonsense, text, tool_calls
from compat_tests.scripted_upstream import never_answers as never
from compat_tests.scripted_upstream import refuse as refuses
from compat_tests.scripted_upstream.replies import words

KEYS: Final = {
    "say": {"think", "finish", "usage", "wait", "cut_after", "hang_after"},
    "calls": {"say", "think", "finish", "usage", "wait", "cut_after", "hang_after"},
    "decline": {"finish", "usage", "wait", "cut_after", "hang_after"},
    "error": set[str](),
    "nonsense": set[str](),
    "never_answers": set[str](),
    "refuse": set[str](),
}


class Gates:
    """Where the model server waits, by name."""

    def __init__(self) -> None:
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def of(self, name: str) -> asyncio.Event:
        return self._gates[name]

    def open(self, name: str) -> None:
        self._gates[name].set()

    def open_all(self) -> None:
        for gate in self._gates.values():
            gate.set()


def reply(entry: dict[str, Any], gates: Gates) -> Reply:
    """Raises `BadPattern` for an entry that cannot be meant."""
    kind = kind_of(entry)
    match kind:
        case "error":
            given = entry["error"]
            headers = {name.replace("-", "_"): value for name, value in given.get("headers", {}).items()}
            return error(given["status"], given["body"], **headers)
        case "nonsense":
            return nonsense(entry["nonsense"].encode())
        case "never_answers":
            return never()
        case "refuse":
            return refuses()
        case _:
            return _stream(kind, entry, gates)


def kind_of(entry: dict[str, Any]) -> str:
    kind = next((each for each in ("calls", "say", *KEYS) if each in entry), None)
    if kind is None or entry.keys() - {kind} - KEYS[kind]:
        raise BadPattern(f"the model server cannot say {json.dumps(entry)}")
    return kind


def _stream(kind: str, entry: dict[str, Any], gates: Gates) -> Stream:
    pieces = _pieces(entry.get("say", ""))
    if kind == "calls":
        calls = [(call["name"], call["arguments"]) for call in entry["calls"]]
        called = tool_calls(calls, usage=entry.get("usage"))
        steps = (*map(Think, words(entry.get("think", ""))), *map(Say, pieces), *called.steps)
        stream = replace(called, steps=steps, finish=entry.get("finish", "tool_calls"))
    elif kind == "decline":
        steps = tuple(map(_declined, _pieces(entry["decline"])))
        stream = Stream(steps, finish=entry.get("finish", "stop"), usage=entry.get("usage"))
    else:
        finish = entry.get("finish", "stop")
        stream = text("", pieces=pieces, finish=finish, usage=entry.get("usage"), thinking=entry.get("think", ""))
    if "wait" in entry:
        stream = stream.waiting(gates.of(entry["wait"]["gate"]), after=entry["wait"]["after"])
    for key, end in (("cut_after", Cut), ("hang_after", Hang)):
        if key in entry:
            stream = replace(stream, steps=(*stream.steps[: entry[key]], end()), finish=None)
    return stream


def _pieces(said: str | list[str]) -> list[str]:
    return words(said) if isinstance(said, str) else said


def _declined(piece: str) -> Raw:
    choice = {"index": 0, "delta": {"refusal": piece}, "finish_reason": None}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]}
    return Raw(b"data: " + json.dumps(chunk).encode() + b"\n\n")
