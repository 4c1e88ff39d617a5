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
    "last_error", "required_action", "usage", "usage_bytes", "file_counts", "step_details",
}  # fmt: skip
"""What is other than it was when the status is a later one; that the keys are there is looked at all the same."""


def has_come_further(theirs: dict[str, Any], ours: dict[str, Any], when: Context) -> bool:
    """Whether the live object is the recorded one at a later stage, and may be."""
    one, other = theirs.get("status"), ours.get("status")
    if not isinstance(one, str) or not isinstance(other, str) or one == other:
        return False
    if theirs.get("object") in INDEXED:
        return is_read(when) and (one, other) == ("in_progress", "completed")
    return when.moving and theirs.get("object") in RUNS and _stage(other) > _stage(one)


def counts_may_move(theirs: Any, ours: Any, around: dict[str, Any], when: Context) -> bool:
    """Whether these are the counts of files of a store, or batch, that is at work: more may be done by now."""
    if not (isinstance(theirs, dict) and isinstance(ours, dict) and is_read(when)):
        return False
    if around.get("status") != "in_progress" or theirs.keys() != ours.keys():
        return False
    still = {"failed", "cancelled", "total"} & theirs.keys()
    return all(theirs[key] == ours[key] for key in still) and theirs.get("completed", 0) <= ours.get("completed", 0)


def is_read(when: Context) -> bool:
    return when.method == "GET" or when.path.endswith("/cancel")


def _stage(status: str) -> int:
    return next((place for place, names in enumerate(STAGES) if status in names), len(STAGES))
