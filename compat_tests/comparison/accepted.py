"""Which differences are known, and why: rows of two files, each difference held against them in their order.

`service.json` are facts about the real service alone: that it answered otherwise on another day (`changed`), that its
published specification lists what its answers left out (`specified`), that two of its answers of one day gave the
same thing in two forms (`two-forms`), or that it failed once in what it did otherwise (`lapse`). A live server cannot
be equal to both, so what fits such a row is no difference; it is counted, and the report says how many recordings rest
on it. Tests hold each row against the recordings and the official client's types.

`accepted.json` is what is accepted of the server that is asked: what is not built (`not-built`), and what it does
otherwise on purpose (`by-decision`). What fits is a difference with its reason.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct, structs

from compat_tests.comparison.context import Context
from compat_tests.result import Difference

HERE: Final = Path(__file__).parent
SERVICE: Final = HERE / "service.json"
ACCEPTED: Final = HERE / "accepted.json"


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fact about the service can be seen."""

    object: str
    """The kind of object, as its `object` has it."""
    key: str = ""
    """Within it, with dots: `usage.prompt_token_details`; `tools[function]` is each of a list that has that `type`."""
    in_streams: bool | None = None
    """Whether it is about objects in streams, or in all other answers; None for both."""
    type: str = ""
    """Of `specified`: the official client's type that has the key, `openai.types.beta.threads.message:Message`."""
    words: str = ""
    """What shows it, where no single key does."""


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patterns have `*` for anything; several stand in a list. What is left out fits everything."""

    name: str
    kind: Literal["changed", "specified", "two-forms", "lapse", "not-built", "by-decision"]
    path: str | list[str]
    """Of the difference: `body.data[*].usage`."""
    where: str | list[str] = "*"
    """The name of the recording or case, or method and path: `POST /v1/threads/{thread_id}/messages`."""
    theirs: str | list[str] = "*"
    """`Difference.expected`."""
    ours: str | list[str] = "*"
    """`Difference.got`."""
    tool: str = ""
    """A tool that runs where the model does, and that the recording calls."""
    since: str = ""
    until: str = ""
    """Days: recorded on the first or later, and before the other. A recording without a day may be of any."""
    reason: str
    """One sentence."""
    evidence: Evidence | None = None

    def fits(self, difference: Difference, when: Context) -> bool:
        places = (when.recording, when.path, f"{when.method} {when.path}")
        return (
            matches(self.path, difference.path)
            and matches(self.theirs, difference.expected)
            and matches(self.ours, difference.got)
            and any(matches(self.where, place) for place in places)
            and (not self.tool or self.tool in when.hosted_tools)
            and is_within(when.recorded_on, self.since, self.until)
        )


class Use(Struct, kw_only=True):
    """What a row was good for."""

    row: Row
    differences: int = 0
    recordings: set[str] = msgspec.field(default_factory=set)


class Accepted:
    """Of one session: it counts what it was asked about."""

    def __init__(self, service: Path | None = SERVICE, accepted: Path | None = ACCEPTED) -> None:
        """Raises `ValueError` naming the file that holds no rows. None for no rows: every difference is one then."""
        self.service = [Use(row=row) for row in rows_in(service)]
        self.accepted = [Use(row=row) for row in rows_in(accepted)]

    def judge(self, found: Iterable[Difference], when: Context) -> list[Difference]:
        """The differences with their reasons; without those that are facts about the real service itself."""
        left = []
        for difference in found:
            use = next((each for each in (*self.service, *self.accepted) if each.row.fits(difference, when)), None)
            if use is None:
                left.append(difference)
                continue
            use.differences += 1
            use.recordings.add(when.recording)
            if use.row.kind in {"not-built", "by-decision"}:
                left.append(structs.replace(difference, reason=use.row.reason))
        return left

    def rests_on(self, recording: str) -> list[str]:
        """The names of the facts about the service that this recording needed."""
        return [use.row.name for use in self.service if recording in use.recordings]

    def stale(self) -> list[Row]:
        """Rows that fitted nothing. After everything was played, they are wrong."""
        return [use.row for use in (*self.service, *self.accepted) if not use.differences]


def rows_in(file: Path | None) -> list[Row]:
    if file is None:
        return []
    try:
        rows = msgspec.json.decode(file.read_bytes(), type=list[Row])
    except (msgspec.DecodeError, OSError) as mistake:
        raise ValueError(f"{file.name}: {mistake}") from mistake
    return rows


def matches(pattern: str | list[str], text: str) -> bool:
    patterns = [pattern] if isinstance(pattern, str) else pattern
    return any(_compiled(each).fullmatch(text) for each in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def is_within(day: str, since: str, until: str) -> bool:
    return not day or (day >= since and (not until or day < until))
