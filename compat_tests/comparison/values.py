"""Hold a recorded JSON value against a live one, key by key.

Equal means: ids as the map of ids has them (it is learnt here), timestamps both there or both null, messages of errors
but for what is masked in them, numbers as JSON has them (1.0 is 1), and everything else literally. What the model said
is looked at by its shape alone where the live model was not told to say it.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import structs

from compat_tests.comparison.context import Context
from compat_tests.comparison.ids import Ids, is_id_key
from compat_tests.comparison.pages import page_differences, paired
from compat_tests.comparison.progress import PROGRESSING, has_come_further, may_have_moved
from compat_tests.comparison.shape import ERRORS, described
from compat_tests.result import Difference

ABSENT: Final = object()
FREE: Final = {"metadata", "attributes", "parameters", "schema", "filters"}
"""Objects whose keys are the client's: `thread_id` in there is no id."""
SPOKEN: Final = {"thread.message.delta", "thread.run.step.delta", "thread.run.step"}
"""Objects that hold what the model said, whoever asked; messages do where a run made them."""
SCORE: Final = "score"
"""Of a search result, from 0 to 1: every search engine has its own. The order of the results is looked at."""
NEVER_SPOKEN: Final = {"type", "object", "index", "status", "role", "name"}
MASKED: Final = re.compile(
    r"(?<=API key provided: )\S+(?=\. )|[^\s']*\*{3,}[^\s.,']*|<[A-Z_]+>|\breq_[A-Za-z0-9]+"
    r"|\b(?:org|proj)[-_][A-Za-z0-9]{6,}|\b(?:sanitized|redacted|masked)\b",
    re.IGNORECASE,
)
"""In a message of an error: what a recorder has put in the place of a secret, or the service a name of its own."""


class Values:
    """Of one pair of answers."""

    def __init__(self, ids: Ids, when: Context) -> None:
        self._ids = ids
        self._when = when

    def differences(self, theirs: Any, ours: Any, path: str) -> Iterator[Difference]:
        """`path` is where both stand: `body`, `events[3].data`."""
        return self._any(theirs, ours, path, "", spoken=False, in_error=False)

    @property
    def by_shape(self) -> "Values":
        """The same, but for what the model said."""
        return Values(self._ids, structs.replace(self._when, scripted=False))

    def _any(
        self, theirs: Any, ours: Any, path: str, key: str, *, spoken: bool, in_error: bool
    ) -> Iterator[Difference]:
        match theirs, ours:
            case dict(), dict() if key in FREE:
                yield from _free(self._ids.translate(theirs), ours, path)
            case dict(), dict():
                yield from self._objects(theirs, ours, path, key, spoken=spoken, in_error=in_error)
            case list(), list():
                yield from self._lists(theirs, ours, path, key, spoken=spoken, in_error=in_error)
            case str(), str() if is_id_key(key):
                if problem := self._ids.meet(theirs, ours):
                    yield Difference(path=path, expected="the same object as in the recording", got=problem)
            case (int() | float(), int() | float()) if key == SCORE and not isinstance(ours, bool) and 0 <= ours <= 1:
                pass
            case (int(), int()) if is_time(key) and not isinstance(theirs, bool) and not isinstance(ours, bool):
                pass
            case (str(), str()) if in_error and key == "message":
                if not _same_message(self._ids.translate(theirs), ours):
                    yield _no(path, key, theirs, ours, in_error=True)
            case _:
                translated = theirs if theirs is ABSENT else self._ids.translate(theirs)
                has_its_shape = spoken and key not in NEVER_SPOKEN and _type(theirs) == _type(ours) != "other"
                if not has_its_shape and not same(translated, ours):
                    yield _no(path, key, theirs, ours, in_error=in_error)

    def _objects(
        self, theirs: dict[str, Any], ours: dict[str, Any], path: str, key: str, *, spoken: bool, in_error: bool
    ) -> Iterator[Difference]:
        if (
            theirs.get("object") == "list"
            and isinstance(theirs.get("data"), list)
            and isinstance(ours.get("data"), list)
        ):
            yield from self._page(theirs, ours, path)
            return
        in_error = in_error or key in ERRORS
        spoken = spoken or (not self._when.scripted and _is_spoken(theirs, key))
        further = has_come_further(theirs, ours, self._when)
        for each in [*theirs, *(each for each in ours if each not in theirs)]:
            one, other = theirs.get(each, ABSENT), ours.get(each, ABSENT)
            if further and each in PROGRESSING and one is not ABSENT and other is not ABSENT:
                continue
            if may_have_moved(each, one, other, theirs, self._when):
                continue
            if each == "usage_bytes" and are_sizes(one, other):
                continue
            yield from self._any(one, other, f"{path}.{each}", each, spoken=spoken, in_error=in_error)
        yield from self._order(theirs, ours, path)

    def _lists(
        self, theirs: list[Any], ours: list[Any], path: str, key: str, *, spoken: bool, in_error: bool
    ) -> Iterator[Difference]:
        if len(theirs) != len(ours) and not (spoken and theirs and ours):
            yield Difference(path=f"{path} (length)", expected=str(len(theirs)), got=str(len(ours)))
        for place, (one, other) in enumerate(zip(theirs, ours, strict=False)):
            yield from self._any(one, other, f"{path}[{place}]", key, spoken=spoken, in_error=in_error)

    def _page(self, theirs: dict[str, Any], ours: dict[str, Any], path: str) -> Iterator[Difference]:
        same_items, found = paired(theirs["data"], ours["data"], self._ids, self._when, f"{path}.data")
        yield from found
        for pair in same_items:
            place = f"{path}.data[{pair.place}]"
            yield from self._any(pair.theirs, pair.ours, place, "data", spoken=False, in_error=False)
        yield from page_differences(theirs, ours, self._ids, self._when, path)
        yield from self._order(theirs, ours, path)

    def _order(self, theirs: dict[str, Any], ours: dict[str, Any], path: str) -> Iterator[Difference]:
        if self._when.key_order:
            one, other = [each for each in theirs if each in ours], [each for each in ours if each in theirs]
            if one != other:
                yield Difference(path=f"{path} (order of keys)", expected=", ".join(one), got=", ".join(other))


def is_time(key: str) -> bool:
    return key.endswith("_at") or key == "created"


def same(theirs: Any, ours: Any) -> bool:
    """By JSON's idea of it: `true` is not 1, and 1.0 is."""
    match theirs, ours:
        case bool(), _:
            return theirs is ours
        case _, bool():
            return False
        case dict(), dict():
            return theirs.keys() == ours.keys() and all(same(theirs[key], ours[key]) for key in theirs)
        case list(), list():
            return len(theirs) == len(ours) and all(map(same, theirs, ours))
        case _:
            return bool(theirs == ours)


def are_sizes(theirs: Any, ours: Any) -> bool:
    """Whether both are a number of bytes, or both none at all: what an index takes is its own business."""
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return False
    return isinstance(theirs, int) and isinstance(ours, int) and ours >= 0 and (theirs > 0) == (ours > 0)


def _free(theirs: Any, ours: Any, path: str) -> Iterator[Difference]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for each in [*theirs, *(each for each in ours if each not in theirs)]:
            yield from _free(theirs.get(each, ABSENT), ours.get(each, ABSENT), f"{path}.{each}")
    elif not same(theirs, ours):
        yield _no(path, "", theirs, ours)


def _same_message(theirs: str, ours: str) -> bool:
    kept = MASKED.split(theirs)
    return re.fullmatch(".+?".join(map(re.escape, kept)), ours, re.DOTALL) is not None


def _is_spoken(value: dict[str, Any], key: str) -> bool:
    if value.get("object") == "thread.message":
        return value.get("role") == "assistant" and value.get("run_id") is not None
    return str(value.get("object")) in SPOKEN or key in {"usage", "required_action"}


def _type(value: Any) -> str:
    match value:
        case str():
            return "string"
        case bool():
            return "other"
        case int() | float():
            return "number"
        case _:
            return "other"


def _no(path: str, key: str, theirs: Any, ours: Any, *, in_error: bool = False) -> Difference:
    one, other = ("absent" if each is ABSENT else described(each, key, in_error=in_error) for each in (theirs, ours))
    if one == other:
        other = f"another {other}"
    return Difference(path=path, expected=one, got=other)
