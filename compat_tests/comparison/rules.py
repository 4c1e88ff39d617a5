"""What must hold inside one object, by its `object`: times in their order, sums, and what is null in which status.

Every rule holds in all that was recorded of the real service; a test reads the recordings to show it. Statuses that
were never recorded are left out of a rule, but for what their name says.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

Rule = Callable[[dict[str, Any]], tuple[str, str] | None]
"""Looks at an object: what must hold in it, and what it has instead; None where all is well."""

RUN_SECONDS: Final = 600
UPLOAD_SECONDS: Final = 3600
DAY_SECONDS: Final = 86_400
LIVE: Final = frozenset({"queued", "in_progress", "requires_action", "cancelling"})
ANSWERED: Final = frozenset({"completed", "incomplete"})


def in_order(*keys: str) -> Rule:
    """Of those that are there, the later is not before the earlier."""

    def rule(value: dict[str, Any]) -> tuple[str, str] | None:
        times = [(key, value[key]) for key in keys if isinstance(value.get(key), int)]
        for (one, early), (other, late) in pairwise(times):
            if late < early:
                return f"{one} <= {other}", f"{other} {early - late} seconds before {one}"
        return None

    return rule


def apart(key: str, seconds: int) -> Rule:
    def rule(value: dict[str, Any]) -> tuple[str, str] | None:
        match value.get("created_at"), value.get(key):
            case int(born), int(then) if then - born != seconds:
                return f"{key} = created_at + {seconds}", f"created_at + {then - born}"
        return None

    return rule


def set_just_in(key: str, statuses: frozenset[str], *, among: frozenset[str] | None = None) -> Rule:
    """The key has a value in these statuses, and null in all others; or in all others of `among`."""

    def rule(value: dict[str, Any]) -> tuple[str, str] | None:
        status = value.get("status")
        if key not in value or not isinstance(status, str) or (among is not None and status not in among):
            return None
        if (value[key] is not None) == (status in statuses):
            return None
        return f"{key} just when {' or '.join(sorted(statuses))}", f"{_null_or_not(value[key])} when {status}"

    return rule


def usage_adds_up(value: dict[str, Any]) -> tuple[str, str] | None:
    match value.get("usage"):
        case {"prompt_tokens": int(asked), "completion_tokens": int(said), "total_tokens": int(both)}:
            if asked + said != both:
                return "total_tokens = prompt_tokens + completion_tokens", f"{asked} + {said}, and {both}"
    return None


def counts_add_up(value: dict[str, Any]) -> tuple[str, str] | None:
    counts = value.get("file_counts")
    if not isinstance(counts, dict) or not all(isinstance(each, int) for each in counts.values()):
        return None
    parts = sum(count for key, count in counts.items() if key != "total")
    if parts != counts.get("total"):
        return "total is the sum of the other counts", f"{parts}, and {counts.get('total')}"
    working, status = counts.get("in_progress", 0), value.get("status")
    if status in {"in_progress", "completed"} and (status == "in_progress") != (working > 0):
        return "in progress as long as a file is", f"{status} with {working} files in progress"
    return None


def expires_as_asked(value: dict[str, Any]) -> tuple[str, str] | None:
    after, end, active = value.get("expires_after"), value.get("expires_at"), value.get("last_active_at")
    if "expires_at" in value and "expires_after" in value and (after is None) != (end is None):
        return "expires_at just when expires_after", _null_or_not(end)
    match after, end, active:
        case {"days": int(days)}, int(), int() if end != active + days * DAY_SECONDS:
            return "expires_at = last_active_at + days", f"last_active_at + {end - active} seconds"
    return None


def takes_room_when_indexed(value: dict[str, Any]) -> tuple[str, str] | None:
    size, counts = value.get("usage_bytes"), value.get("file_counts")
    if not isinstance(size, int):
        return None
    done = counts.get("completed", 0) > 0 if isinstance(counts, dict) else value.get("status") == "completed"
    if (size > 0) != done:
        return "usage_bytes just of what is indexed", f"{size} bytes"
    return None


def _null_or_not(value: Any) -> str:
    return "null" if value is None else "a value"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "thread.run": (
        in_order("created_at", "started_at", "completed_at"),
        in_order("created_at", "started_at", "failed_at"),
        in_order("created_at", "started_at", "cancelled_at"),
        apart("expires_at", RUN_SECONDS),
        usage_adds_up,
        set_just_in("required_action", frozenset({"requires_action"})),
        set_just_in("completed_at", ANSWERED),
        set_just_in("failed_at", frozenset({"failed"})),
        set_just_in("cancelled_at", frozenset({"cancelled"})),
        set_just_in("last_error", frozenset({"failed"})),
        set_just_in("incomplete_details", frozenset({"incomplete"})),
        set_just_in("expires_at", LIVE, among=LIVE | ANSWERED),
        set_just_in("usage", ANSWERED, among=LIVE | ANSWERED),
        # A run that goes on after its outputs is queued again, and has started long ago.
        set_just_in("started_at", LIVE | ANSWERED, among=(LIVE | ANSWERED) - {"queued", "cancelling"}),
    ),
    "thread.run.step": (
        in_order("created_at", "completed_at"),
        usage_adds_up,
        set_just_in("completed_at", frozenset({"completed"})),
        set_just_in("failed_at", frozenset({"failed"})),
        set_just_in("cancelled_at", frozenset({"cancelled"})),
        set_just_in("last_error", frozenset({"failed"})),
        set_just_in("usage", frozenset({"completed"}), among=frozenset({"in_progress", "completed"})),
    ),
    "thread.message": (
        in_order("created_at", "completed_at"),
        set_just_in("incomplete_at", frozenset({"incomplete"})),
        set_just_in("incomplete_details", frozenset({"incomplete"})),
    ),
    "vector_store": (
        in_order("created_at", "last_active_at"),
        counts_add_up,
        expires_as_asked,
        takes_room_when_indexed,
    ),
    "vector_store.file": (takes_room_when_indexed, set_just_in("last_error", frozenset({"failed"}))),
    "vector_store.file_batch": (counts_add_up,),
    "upload": (apart("expires_at", UPLOAD_SECONDS),),
    "file": (in_order("created_at", "expires_at"),),
}
