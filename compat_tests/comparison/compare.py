"""Hold one recorded answer against one live answer: what differs, and where.

Ids are equal when the map of ids says so, and the map is learnt here; timestamps when both are there or both are null.
"""

from collections.abc import Iterator
from typing import Any, Final

from compat_tests.comparison.context import Context
from compat_tests.comparison.ids import Ids, is_id_key
from compat_tests.comparison.shape import described
from compat_tests.exchange import Answer
from compat_tests.result import Difference

ABSENT: Final = object()


def compare(recorded: Answer, ours: Answer, ids: Ids, when: Context) -> list[Difference]:
    """What differs; nothing where the live server answered as the real one did. Learns ids."""
    return list(_differences(recorded, ours, ids, when))


def _differences(recorded: Answer, ours: Answer, ids: Ids, when: Context) -> Iterator[Difference]:
    if recorded.status != ours.status:
        yield Difference(path="status", expected=str(recorded.status), got=str(ours.status))
        return
    if recorded.events is None or ours.events is None:
        if recorded.events is not None or ours.events is not None:
            yield Difference(path="body", expected=_form(recorded), got=_form(ours))
            return
        yield from _values(recorded.body, ours.body, ids, "body")
        return
    theirs, those = [each.event for each in recorded.events], [each.event for each in ours.events]
    if theirs != those:
        yield Difference(path="events", expected=", ".join(theirs), got=", ".join(those))
    for place, (one, other) in enumerate(zip(recorded.events, ours.events, strict=False)):
        if one.event == other.event:
            yield from _values(one.data, other.data, ids, f"events[{place}].data")


def _form(answer: Answer) -> str:
    return "a stream" if answer.is_stream else "no stream"


def _values(theirs: Any, ours: Any, ids: Ids, path: str, key: str = "") -> Iterator[Difference]:
    match theirs, ours:
        case dict(), dict():
            for each in [*theirs, *(each for each in ours if each not in theirs)]:
                yield from _values(theirs.get(each, ABSENT), ours.get(each, ABSENT), ids, f"{path}.{each}", each)
        case list(), list():
            if len(theirs) != len(ours):
                yield Difference(path=f"{path} (length)", expected=str(len(theirs)), got=str(len(ours)))
            for place, (one, other) in enumerate(zip(theirs, ours, strict=False)):
                yield from _values(one, other, ids, f"{path}[{place}]", key)
        case str(), str() if is_id_key(key):
            if problem := ids.meet(theirs, ours):
                yield Difference(path=path, expected=described(theirs, key), got=problem)
        case int(), int() if key.endswith("_at"):
            pass
        case _:
            translated = theirs if theirs is ABSENT else ids.translate(theirs)
            if isinstance(translated, bool) != isinstance(ours, bool) or translated != ours:
                yield Difference(path=path, expected=_shown(theirs, key), got=_shown(ours, key))


def _shown(value: Any, key: str) -> str:
    return "absent" if value is ABSENT else described(value, key)
