"""Whether the client saw the same of two answers: equal values, ids that stand for each other, times at all."""

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from compat_tests.result import Difference
from tests.judge.judging import Seen

ID: Final = re.compile(r"\b(asst|thread|msg|run|step|call|vs|vsfb|upload|part|file)[-_](?:ibj_)?[A-Za-z0-9]{8,}")
TIMES: Final = re.compile(r".*_at")
SIZES: Final = frozenset({"usage_bytes", "score"})
"""How large an index is and how near a text is to a question, each server knows for itself."""
ABSENT: Final = object()


class Ids:
    """Which recorded id stands for which live one, within a scenario. Text around ids must be equal."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def agree(self, recorded: str, live: str) -> bool:
        if ID.sub(r"\1", recorded) != ID.sub(r"\1", live):
            return False
        pairs = list(zip(ID.finditer(recorded), ID.finditer(live), strict=True))
        return all(self._stand(a[0], b[0]) for a, b in pairs)

    def _stand(self, recorded: str, live: str) -> bool:
        return self._live.setdefault(recorded, live) == live and self._recorded.setdefault(live, recorded) == recorded


def disagreements(recorded: Seen, live: Seen, ids: Ids) -> Iterator[Difference]:
    """Paths are those of the answer: `body.data[0].status`, `events[3: on_message_done].data.role`, `raised.code`."""
    for key in ("why", "call"):
        if recorded.get(key) != live.get(key):
            yield _no(key, recorded.get(key), live.get(key))
            return
    raised = recorded.get("raised"), live.get("raised")
    if raised[0] is not None and raised[1] is not None:
        yield from _walk(*raised, "raised", ids)
    elif raised != (None, None):
        yield Difference(path="status", expected=_outcome(raised[0]), got=_outcome(raised[1]))
        return
    yield from _calls(recorded.get("handler", []), live.get("handler", []), ids)
    returned = recorded.get("returned"), live.get("returned")
    if all(isinstance(each, dict) and each[""] == "stream" for each in returned):
        yield from _walk(returned[0]["run"], returned[1]["run"], "events[run].data", ids)
        for kind in ("steps", "messages"):
            lists = returned[0][kind], returned[1][kind]
            for place, (one, other) in enumerate(zip_longest(*lists, fillvalue=ABSENT)):
                yield from _walk(one, other, f"events[{kind} {place}].data", ids)
    else:
        yield from _walk(*returned, "body", ids)


def _outcome(raised: dict[str, Any] | None) -> str:
    """A status, or what was raised that has none."""
    return "200" if raised is None else str(raised.get("status_code", raised[""]))


def _calls(recorded: list[Any], live: list[Any], ids: Ids) -> Iterator[Difference]:
    """Of the event handler: the same, in the same order, each with equal arguments."""
    names = [[_name(call) for call in calls] for calls in (recorded, live)]
    if names[0] != names[1]:
        place = next((place for place, pair in enumerate(zip(*names, strict=False)) if pair[0] != pair[1]), None)
        told = [
            f"{len(each)} calls" if place is None else f"{place}: {', '.join(each[place : place + 5])}"
            for each in names
        ]
        yield Difference(path="events", expected=told[0], got=told[1])
        return
    for place, (theirs, ours) in enumerate(zip(recorded, live, strict=True)):
        path = f"events[{place} {theirs[0]}]"
        for one, other in zip(theirs[1:], ours[1:], strict=True):
            yield from _walk(one, other, path if theirs[0] == "on_event" else f"{path}.data", ids)


def _name(call: list[Any]) -> str:
    """`on_event thread.run.created`, `on_text_created`."""
    return " ".join([call[0], call[1]["event"]] if call[0] == "on_event" else call[:1])


def _walk(recorded: Any, live: Any, path: str, ids: Ids) -> Iterator[Difference]:
    key = path.rpartition(".")[2]
    match recorded, live:
        case {"id": str(one)}, {"id": str(other)} if not ids.agree(one, other):
            yield _no(path, one, other)  # another thing altogether
        case dict(), dict():
            for name in {**recorded, **live}:
                inner = f"{path} (class)" if name == "" else f"{path}.{name}"
                yield from _walk(recorded.get(name, ABSENT), live.get(name, ABSENT), inner, ids)
        case list(), list():
            for place, (one, other) in enumerate(zip_longest(recorded, live, fillvalue=ABSENT)):
                yield from _walk(one, other, f"{path}[{place}]", ids)
        case str(), str():
            if not ids.agree(recorded, live):
                yield _no(path, recorded, live)
        case int(), int() if TIMES.fullmatch(key):
            pass
        case int() | float(), int() | float() if key in SIZES:
            pass
        case _:
            if type(recorded) is not type(live) or recorded != live:
                yield _no(path, recorded, live)


def _no(path: str, recorded: Any, live: Any) -> Difference:
    return Difference(path=path, expected=_shown(recorded), got=_shown(live))


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else json.dumps(_bare(value), ensure_ascii=False)[:400]


def _bare(value: Any) -> Any:
    """Without classes: as rows about differences have it."""
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if key}
    return [_bare(each) for each in value] if isinstance(value, list) else value
