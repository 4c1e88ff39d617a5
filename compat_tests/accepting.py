"""Differences that somebody accepts of the server that is asked: a file of rows, each with its reason.

    {"format": 1, "accepted": [
        {"in": "runs/*", "path": "body.reasoning_effort", "reason": "Our models do not think."}
    ]}

`in` and `path` say where, `*` standing for anything; `expected` and `got`, where they are given, what.
"""

import re
from pathlib import Path

import msgspec
from msgspec import Struct, field

from compat_tests.result import Difference, Result, outcome_of


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    where: str = field(name="in", default="*")
    path: str
    reason: str
    expected: str = "*"
    got: str = "*"


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
            given = ((row.where, slug), (row.path, difference.path))
            if all(_fits(*each) for each in (*given, (row.expected, difference.expected), (row.got, difference.got))):
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


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
