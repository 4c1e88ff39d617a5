"""The report on the console: what differs, as diffs, and a table by resource. And the line that moves meanwhile."""

import time
from collections.abc import Iterator
from typing import Final, TextIO

from compat_tests.report import KINDS, OUTCOMES, Report, accepted_reasons, by_resource, counted, skipped_reasons
from compat_tests.report.wording import told, where_it_differs
from compat_tests.result import Outcome, Result

COLOURS: Final[dict[Outcome, str]] = {"passed": "32", "accepted": "33", "failed": "31", "skipped": "90"}
DIFFERENCES: Final = 12
"""How many of one request are printed; the other reports have them all."""
WIDTH: Final = 100
EVERY_SECONDS: Final = 5.0


def rendered(report: Report, *, in_colour: bool = False) -> str:
    paint = _Paint(in_colour)
    lines = [line for result in report.results if result.outcome == "failed" for line in _failure(result, paint)]
    for kind, title in KINDS.items():
        results = [each for each in report.results if each.kind == kind]
        if results:
            lines += [*_table(title, results, paint), ""]
    reasons = accepted_reasons(report.results)
    if reasons:
        lines += ["Accepted differences", *(f"{number:6}  {reason}" for reason, number in reasons.items()), ""]
    reasons = skipped_reasons(report.results)
    if reasons:
        lines += ["Skipped", *(f"{number:6}  {reason}" for reason, number in reasons.items()), ""]
    return "\n".join([*lines, *_last(report, paint)]) + "\n"


def _failure(result: Result, paint: "_Paint") -> Iterator[str]:
    yield f"{paint('failed', 'FAILED')} {result.slug}: {result.title}"
    for asked, differences in where_it_differs(result):
        open_ones = [each for each in differences if each.reason is None]
        if not open_ones:
            continue
        yield f"  {asked.title if asked else 'altogether'}"
        for each in open_ones[:DIFFERENCES]:
            yield from paint.diff(told(each, indent="    "))
        if len(open_ones) > DIFFERENCES:
            yield f"    … and {len(open_ones) - DIFFERENCES} more"
    if result.reason:
        yield f"  {result.reason}"
    yield ""


def _table(title: str, results: list[Result], paint: "_Paint") -> Iterator[str]:
    groups = by_resource(results)
    width = max(len(name) for name in [title, *groups, "altogether"])
    yield f"{title:{width}}" + "".join(f"{outcome:>10}" for outcome in OUTCOMES)
    for name, members in [*groups.items(), ("altogether", results)]:
        if name == "altogether" and len(groups) == 1:
            continue
        numbers = counted(members)
        cells = [(outcome, f"{numbers[outcome]:>10}") for outcome in OUTCOMES]
        yield f"{name:{width}}" + "".join(paint(outcome, cell) if numbers[outcome] else cell for outcome, cell in cells)


def _last(report: Report, paint: "_Paint") -> list[str]:
    numbers = counted(report.results)
    said = ", ".join(f"{numbers[outcome]} {outcome}" for outcome in OUTCOMES if numbers[outcome]) or "nothing was asked"
    lines = [f"JSON Schema: {report.about.schemas}"]
    if report.facts:
        lines.append(f"Facts used about the real service, which answered otherwise at other times: {len(report.facts)}")
    if not report.is_complete:
        lines.append(f"interrupted after {len(report.results)} of {report.planned}")
    worst: Outcome = "failed" if report.has_failed else "passed"
    lines.append(f"{paint(worst, said)} in {report.seconds:.1f} s, asked of {report.about.server}")
    return lines


class _Paint:
    def __init__(self, in_colour: bool) -> None:
        self._in_colour = in_colour

    def __call__(self, outcome: Outcome, text: str) -> str:
        return f"\x1b[{COLOURS[outcome]}m{text}\x1b[0m" if self._in_colour else text

    def diff(self, text: str) -> Iterator[str]:
        for line in text.split("\n"):
            mark: Outcome | None = {"-": "passed", "+": "failed"}.get(line.strip()[:1])  # type: ignore[assignment]
            yield self(mark, line) if mark else line


class Progress:
    """One line that moves, on a terminal; elsewhere a line every few seconds."""

    def __init__(self, stream: TextIO, planned: int) -> None:
        self._stream = stream
        self._planned = planned
        self._is_terminal = stream.isatty()
        self._came: list[Result] = []
        self._said_at = time.monotonic()

    def began(self, slug: str) -> None:
        if self._is_terminal:
            self._move(f"{self._sum()}  {slug}")

    def ended(self, result: Result) -> None:
        self._came.append(result)
        now = time.monotonic()
        if not self._is_terminal and now - self._said_at > EVERY_SECONDS:
            self._said_at = now
            print(self._sum(), file=self._stream, flush=True)

    def close(self) -> None:
        if self._is_terminal:
            self._move("")

    def _sum(self) -> str:
        numbers = counted(self._came)
        said = ", ".join(f"{numbers[outcome]} {outcome}" for outcome in OUTCOMES if numbers[outcome])
        return f"{len(self._came)} of {self._planned}{': ' if said else ''}{said}"

    def _move(self, line: str) -> None:
        """Write over what stands there."""
        self._stream.write(f"\r\x1b[K{line[:WIDTH]}")
        self._stream.flush()
