"""What came of one case or one recording."""

from typing import Literal

from msgspec import Struct

from compat_tests.exchange import Answer, Request

Outcome = Literal["passed", "accepted", "failed", "skipped"]
"""`accepted`: it differs, and each difference is known and has a reason. `skipped`: it was not tried, for a reason."""


class Difference(Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be."""

    path: str
    """Where: `status`, `headers.content-type`, `body.data[2].usage`, `events[4].data.delta`, `events` (their order)."""
    expected: str
    """In words or as JSON, shortened; for recordings the shape (types), not the recorded text."""
    got: str
    reason: str | None = None
    """Why it is accepted; None where it is not."""


class Asked(Struct, frozen=True, kw_only=True):
    """One request of it, as it was sent, and what came."""

    title: str
    """`3. POST /v1/threads/{thread_id}/runs`."""
    request: Request
    expected: str
    """What had to come, as JSON or in words."""
    answer: Answer | None
    """None where no answer came (see the differences)."""
    differences: tuple[Difference, ...] = ()


class Result(Struct, frozen=True, kw_only=True):
    slug: str
    kind: Literal["case", "recording", "cassette"]
    resource: str
    """`assistants`, `threads`, `messages`, `runs`, `steps`, `streams`, `errors`, `files`, `vector_stores`, …"""
    title: str
    """The requirement, or where the recording comes from."""
    outcome: Outcome
    reason: str = ""
    """Why it was skipped, or could not be finished."""
    tags: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    differences: tuple[Difference, ...] = ()
    """Those that belong to no single request (relations between answers, replies of the model nobody asked for)."""
    seconds: float = 0.0

    @property
    def all_differences(self) -> tuple[Difference, ...]:
        return (*(each for asked in self.asked for each in asked.differences), *self.differences)


def outcome_of(differences: tuple[Difference, ...]) -> Outcome:
    if any(each.reason is None for each in differences):
        return "failed"
    return "accepted" if differences else "passed"
