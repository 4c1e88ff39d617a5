"""What came of a run of the suite, and the forms in which it is told: console, JUnit XML, JSON, HTML and a page.

Each form is a function from a `Report` to text. What they are given has been through `masking.py` already.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, get_args

from msgspec import Struct

from compat_tests.comparison.accepted import Accepted
from compat_tests.result import Outcome, Result

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
"""In the order in which they are shown."""
KINDS: Final = {"case": "Cases", "recording": "Recordings", "cassette": "Cassettes"}


class About(Struct, frozen=True, kw_only=True):
    """What was asked, and how."""

    server: str
    """Its address; `this server` for one that was started for it."""
    model_server: str
    """In words: scripted, or its own."""
    schemas: str
    """In words: with which release of the SDK, or why not."""


class Fact(Struct, frozen=True, kw_only=True):
    """Of the real service: in what its own answers differed from each other. No difference of the server's."""

    reason: str
    recordings: tuple[str, ...]
    """Those that rest on it, by name."""


class Report(Struct, frozen=True, kw_only=True):
    about: About
    planned: int
    """How many results there would be; fewer came where it was interrupted."""
    seconds: float
    results: tuple[Result, ...]
    facts: tuple[Fact, ...] = ()

    @property
    def is_complete(self) -> bool:
        return len(self.results) == self.planned

    @property
    def has_failed(self) -> bool:
        return any(each.outcome == "failed" for each in self.results)


def counted(results: Iterable[Result]) -> Counter[Outcome]:
    return Counter(each.outcome for each in results)


def by_resource(results: Iterable[Result]) -> dict[str, list[Result]]:
    """In the order of their names."""
    found: dict[str, list[Result]] = {}
    for each in sorted(results, key=lambda result: result.resource):
        found.setdefault(each.resource, []).append(each)
    return found


def accepted_reasons(results: Iterable[Result]) -> dict[str, int]:
    """How many differences each reason accepts, most first."""
    reasons = Counter(each.reason for result in results for each in result.all_differences if each.reason is not None)
    return {reason: number for reason, number in reasons.most_common() if reason is not None}


def skipped_reasons(results: Iterable[Result]) -> dict[str, int]:
    """How many results were skipped for each reason, most first."""
    return dict(Counter(each.reason for each in results if each.outcome == "skipped").most_common())


def facts_of(accepted: Accepted) -> tuple[Fact, ...]:
    """The facts that were used, by what they say, in its order."""
    found: dict[str, set[str]] = {}
    for use in accepted.service:
        if use.recordings:
            found.setdefault(use.row.reason, set()).update(use.recordings)
    return tuple(Fact(reason=reason, recordings=tuple(sorted(found[reason]))) for reason in sorted(found))
