"""Lists: which recorded item is which live one, whether the order is the same, and what a page says of itself."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from compat_tests.comparison.context import Context
from compat_tests.comparison.ids import Ids
from compat_tests.comparison.shape import described
from compat_tests.result import Difference

SHORTENED: Final = "shortened"
"""In `Exchange.note`: some items of the page were left out of the recording."""


class Pair(Struct, frozen=True):
    theirs: Any
    ours: Any
    place: int
    """Of the recorded one."""


def paired(
    theirs: list[Any], ours: list[Any], ids: Ids, when: Context, path: str
) -> tuple[list[Pair], list[Difference]]:
    """Which items are the same, and what is missing, too many, or in another order."""
    is_open = _is_open(when)
    names = _names(theirs)
    taken = _known(names, ours, ids)
    rest = [place for place in range(len(ours)) if place not in taken.values()]
    unknown = [place for place in range(len(theirs)) if place not in taken]
    if not is_open:
        # What nobody has met before is met in its place.
        met = [place for place in unknown if not ids.knows(names[place])]
        taken |= dict(zip(met, rest, strict=False))
        rest = rest[len(met) :]
    missing = [place for place in unknown if place not in taken and (not is_open or ids.knows(names[place]))]
    extra = [place for place in rest if not is_open or (ids.recorded(_id(ours[place])) and not _is_shortened(when))]
    found = [
        *(Difference(path=f"{path}[{each}]", expected=described(theirs[each]), got="absent") for each in missing),
        *(Difference(path=f"{path}[{each}]", expected="absent", got=described(ours[each])) for each in extra),
    ]
    order = [taken[place] for place in sorted(taken)]
    if order != sorted(order):
        told = ", ".join(str(sorted(order).index(place)) for place in order)
        found.append(Difference(path=f"{path} (order)", expected=", ".join(map(str, range(len(order)))), got=told))
    return [Pair(theirs[place], ours[taken[place]], place) for place in sorted(taken)], found


def _names(items: list[Any]) -> list[str]:
    """The ids, without those that stand for several items: they are masked, and name nothing."""
    found = [_id(each) for each in items]
    return [name if found.count(name) == 1 else "" for name in found]


def _known(names: list[str], ours: list[Any], ids: Ids) -> dict[int, int]:
    """The live place by the recorded one, of items that were met before."""
    places = {_id(each): place for place, each in enumerate(ours)}
    lives = ((place, ids.live(name)) for place, name in enumerate(names))
    return {place: places[live] for place, live in lives if live in places}


def _is_open(when: Context) -> bool:
    return when.foreign_items or _is_shortened(when)


def _is_shortened(when: Context) -> bool:
    return SHORTENED in (when.note or "")


def page_differences(
    theirs: dict[str, Any], ours: dict[str, Any], ids: Ids, when: Context, path: str
) -> Iterator[Difference]:
    """In everything of a page but its items."""
    for key in [*theirs, *(key for key in ours if key not in theirs)]:
        place = f"{path}.{key}"
        if key not in theirs or key not in ours:
            one, other = ("absent" if key not in each else described(each[key], key) for each in (theirs, ours))
            yield Difference(path=place, expected=one, got=other)
        elif key in {"first_id", "last_id"}:
            yield from _ends(theirs[key], ours[key], ids, when, place)
        elif key == "has_more":
            # The recorded account had more than this recording made.
            is_theirs_alone = _is_open(when) and theirs[key] is True and ours[key] is False
            if theirs[key] is not ours[key] and not is_theirs_alone:
                yield Difference(path=place, expected=described(theirs[key]), got=described(ours[key]))
        elif key != "data" and (theirs[key] != ours[key] or type(theirs[key]) is not type(ours[key])):
            yield Difference(path=place, expected=described(theirs[key], key), got=described(ours[key], key))


def _ends(theirs: Any, ours: Any, ids: Ids, when: Context, path: str) -> Iterator[Difference]:
    if not isinstance(theirs, str) or not isinstance(ours, str):
        if theirs is not ours and not _is_open(when):
            yield Difference(path=path, expected=_end(theirs), got=_end(ours))
        elif ours is not None and not isinstance(ours, str):
            yield Difference(path=path, expected=_end(theirs), got=described(ours))
    elif _is_open(when) and (not ids.knows(theirs) or ids.recorded(ours) is None):
        pass  # foreign
    elif ids.knows(theirs):
        if problem := ids.meet(theirs, ours):
            yield Difference(path=path, expected="the same object as in the recording", got=problem)
    else:
        yield Difference(path=path, expected="the id of an item", got="the id of another one")


def _end(value: Any) -> str:
    return "the id of an item" if isinstance(value, str) else described(value)


def _id(item: Any) -> str:
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) else ""
