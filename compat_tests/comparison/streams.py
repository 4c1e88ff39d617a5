"""Hold a recorded stream against a live one: the events in their order, what each says, and what the deltas come to.

Deltas of one object that follow each other are one thing said in pieces. Where the live server cut it as the recorded
one did, piece is held against piece; otherwise the first against the first, the others by their shape, and what they
come to together.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from compat_tests.comparison.context import Context
from compat_tests.comparison.values import Values
from compat_tests.exchange import Event
from compat_tests.result import Difference

ENOUGH: Final = 12
"""Events that are named where the order differs, from the first that differs on."""


class Said(list[tuple[int, Event]]):
    """One event, or the deltas of one object in a row, each with its place in the stream."""

    @property
    def name(self) -> str:
        return self[0][1].event

    @property
    def is_delta(self) -> bool:
        return self.name.endswith(".delta")


def stream_differences(
    theirs: Sequence[Event], ours: Sequence[Event], values: Values, when: Context
) -> Iterator[Difference]:
    recorded, live = grouped(theirs), grouped(ours)
    names, lived = [each.name for each in recorded], [each.name for each in live]
    if names != lived:
        place = next((i for i, (one, other) in enumerate(zip(names, lived, strict=False)) if one != other), None)
        place = min(len(names), len(lived)) if place is None else place
        yield Difference(path="events", expected=_from(names, place), got=_from(lived, place))
        if len(names) != len(lived) or names[place + 1 :] != lived[place + 1 :]:
            recorded, live = recorded[:place], live[:place]  # what follows is not about the same things
    for said, lives in zip(recorded, live, strict=True):
        if said.is_delta and lives.is_delta:
            yield from _deltas(said, lives, values, when)
        else:
            (place, one), (_, other) = said[0], lives[0]
            yield from values.differences(one.data, other.data, f"events[{place}].data")


def grouped(events: Sequence[Event]) -> list[Said]:
    def same(numbered: tuple[int, Event]) -> Any:
        place, event = numbered
        named = event.data.get("id") if isinstance(event.data, dict) else None
        return (event.event, named) if event.event.endswith(".delta") else place

    return [Said(each) for _, each in groupby(enumerate(events), key=same)]


def _from(names: list[str], place: int) -> str:
    told = ", ".join(names[place : place + ENOUGH]) or "the end"
    return f"from the {place + 1}. on: {told}" + (", …" if len(names) > place + ENOUGH else "")


def _deltas(theirs: Said, ours: Said, values: Values, when: Context) -> Iterator[Difference]:
    if len(theirs) == len(ours):
        for (place, one), (_, other) in zip(theirs, ours, strict=True):
            yield from values.differences(one.data, other.data, f"events[{place}].data")
        return
    begins, at = theirs[0][0], f"events[{theirs[0][0]}].data"
    yield from values.by_shape.differences(theirs[0][1].data, ours[0][1].data, at)
    shapes = {_shape(event.data) for _, event in theirs[1:]}
    for place, event in ours[1:]:
        if shapes and _shape(event.data) not in shapes:
            found = f"{event.event} of another form, as the {place + 1}. event"
            yield Difference(path=f"events[{begins}…].data", expected="the form of the other deltas", got=found)
            break
    together, those = (joined([event.data for _, event in each]) for each in (theirs, ours))
    yield from values.differences(together, those, f"events[{begins}…{theirs[-1][0]}] (joined)")


def joined(deltas: list[Any]) -> Any:
    """What deltas come to: texts one after the other, lists by `index`, of everything else what came last."""
    whole: Any = {}
    for each in deltas:
        whole = _joined(whole, each)
    return whole


def _joined(whole: Any, piece: Any, key: str = "") -> Any:
    match whole, piece:
        case dict(), dict():
            return whole | {each: _joined(whole.get(each), piece[each], each) for each in piece}
        case str(), str() if key not in {"id", "object", "type"}:
            return whole + piece
        case list(), list():
            found = list(whole)
            for each in piece:
                index = each.get("index") if isinstance(each, dict) else None
                place = next(
                    (i for i, old in enumerate(found) if index is not None and old.get("index") == index), None
                )
                if place is None:
                    found.append(each)
                else:
                    found[place] = _joined(found[place], each)
            return found
        case _:
            return piece


def _shape(value: Any) -> Any:
    match value:
        case dict():
            return tuple(sorted((key, value[key] if key == "type" else _shape(value[key])) for key in value))
        case list():
            return tuple(map(_shape, value))
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return type(value).__name__
