"""Differences that somebody accepts of the server that is asked: a file of rows, each with its reason.

    {"format": 1, "accepted": [
        {"where": "runs/*", "path": "body.reasoning_effort", "reason": "Our models do not think."}
    ]}

`where` is the case or recording, `theirs` and `ours` what was expected and what came. Each is a pattern with `*` for
anything, or a list of several; what is left out fits everything.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from compat_tests.comparison.accepted import matches
from compat_tests.result import Difference, Result, outcome_of


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str | list[str]
    where: str | list[str] = "*"
    theirs: str | list[str] = "*"
    ours: str | list[str] = "*"
    reason: str


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: int
    accepted: list[Row]


class AcceptedRows:
    """Of one file, and which of its rows were of use."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._used: set[int] = set()

    @property
    def unused(self) -> list[Row]:
        """They accept nothing, and can go."""
        return [row for number, row in enumerate(self._rows) if number not in self._used]

    def judge(self, slug: str, difference: Difference) -> Difference:
        """The difference with the reason of the first row that fits, if one does."""
        if difference.reason is not None:
            return difference
        for number, row in enumerate(self._rows):
            places = ((row.where, slug), (row.path, difference.path))
            values = ((row.theirs, difference.expected), (row.ours, difference.got))
            if all(matches(pattern, text) for pattern, text in (*places, *values)):
                self._used.add(number)
                return msgspec.structs.replace(difference, reason=row.reason)
        return difference

    def applied(self, result: Result) -> Result:
        """The result with its reasons, and the outcome that follows."""
        if not self._rows or not result.all_differences:
            return result
        judged = msgspec.structs.replace(
            result,
            asked=tuple(
                msgspec.structs.replace(each, differences=self._judged(result.slug, each.differences))
                for each in result.asked
            ),
            differences=self._judged(result.slug, result.differences),
        )
        return msgspec.structs.replace(judged, outcome=outcome_of(judged.all_differences))

    def _judged(self, slug: str, differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
        return tuple(self.judge(slug, each) for each in differences)


def read_accepted(file: Path) -> AcceptedRows:
    """Raises `ValueError` naming what is wrong, `OSError`."""
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_File)
    except msgspec.DecodeError as mistake:
        raise ValueError(f"{file}: {mistake}") from mistake
    if content.format != 1:
        raise ValueError(f"{file}: this version reads format 1, and not {content.format}")
    for row in content.accepted:
        if not row.reason.strip():
            raise ValueError(f"{file}: what is accepted at {row.path} has no reason")
    return AcceptedRows(content.accepted)
