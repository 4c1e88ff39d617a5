"""Which differences are only a matter of when somebody asked: work that went on behind an answer.

Runs move only where `Context.moving` says that this is one of several polls. Files of a vector store are worked on by
the server whenever it likes, so whoever reads about them may find them done earlier than the recording did.
"""

from typing import Any, Final

from compat_tests.comparison.context import Context

STAGES: Final = ({"queued"}, {"in_progress"}, {"requires_action", "cancelling"})
"""Before the end, in their order; every other status is an end."""
INDEXED: Final = {"vector_store", "vector_store.file", "vector_store.file_batch"}
RUNS: Final = {"thread.run", "thread.run.step"}
PROGRESSING: Final = {
    "status", "started_at", "completed_at", "expires_at", "cancelled_at", "failed_at", "incomplete_details",
    "last_error", "required_action", "usage", "usage_bytes", "step_details",
}  # fmt: skip
"""What is other than it was when the status is a later one; that the keys are there is looked at all the same."""


def has_come_further(theirs: dict[str, Any], ours: dict[str, Any], when: Context) -> bool:
    """Whether the live object is the recorded one at a later stage, and may be."""
    one, other = theirs.get("status"), ours.get("status")
    if not isinstance(one, str) or not isinstance(other, str) or one == other:
        return False
    kind = str(theirs.get("object"))
    if kind in INDEXED:
        return is_read(when) and (one, other) == ("in_progress", "completed")
    return when.moving and kind in RUNS and _stage(other) > _stage(one)


def may_have_moved(key: str, theirs: Any, ours: Any, around: dict[str, Any], when: Context) -> bool:
    """Whether this is what a store, or batch, tells of files that it is at work on: more may be done by now."""
    if str(around.get("object")) not in INDEXED or around.get("status") != "in_progress" or not is_read(when):
        return False
    match key, theirs, ours:
        case "file_counts", dict(), dict():
            still = {"failed", "cancelled", "total"} & theirs.keys()
            is_more = theirs.get("completed", 0) <= ours.get("completed", -1)
            return theirs.keys() == ours.keys() and is_more and all(theirs[each] == ours[each] for each in still)
        case "usage_bytes", int(), int():
            return ours >= theirs
        case _:
            return False


def is_read(when: Context) -> bool:
    return when.method == "GET" or when.path.endswith("/cancel")


def _stage(status: str) -> int:
    return next((place for place, names in enumerate(STAGES) if status in names), len(STAGES))
