"""docs/compatibility.md, written from results: what was asked of this server, what came of it, what is not imitated.

The page has two parts, each between marks: one from the cases, one from the recordings, which not everybody has at
hand. What was not run keeps its part. Nothing that varies from run to run stands in it, so that a test can compare.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from compat_tests import coverage
from compat_tests.report import OUTCOMES, Report, by_resource, counted
from compat_tests.result import Result

NOT_IMITATED: Final = Path(__file__).parent / "not_imitated.md"
PARTS: Final = ("cases", "recordings")

HEAD: Final = """\
# Compatibility

What this server was asked, and what came of it, compared with what the real service answered.
`python run.py conformance --recordings DIR --page docs/compatibility.md` wrote this page, from results.
A test fails when it is stale.
[conformance.md](conformance.md) says how to ask the same of your own server.
"""
CASES_HEAD: Final = """\
## What the cases ask

A case is a requirement: requests, and what must be answered, key by key.
Every answer is also checked against the types of the official client.
"""
RECORDINGS_HEAD: Final = """\
## What the real service answered

Recorded requests are sent again, while the model server says what the recorded model said.
Each answer is compared with the recorded one.
"""


def updated(report: Report, text: str | None) -> str:
    """The page with the parts that were run written anew; `text` is the page as it was, if there was one."""
    cases = [each for each in report.results if each.kind == "case"]
    recordings = [each for each in report.results if each.kind == "recording"]
    parts = {"cases": _cases(cases) if cases else None, "recordings": _recorded(report) if recordings else None}
    kept = {name: (part_of(text, name) if text else None) or "" for name in PARTS}
    written = {name: part if part is not None else kept[name] for name, part in parts.items()}
    sections = [HEAD, *(f"{_begin(name)}\n{written[name]}{_end(name)}\n" for name in PARTS)]
    sections.append(f"## What is not imitated\n\n{NOT_IMITATED.read_text(encoding='utf-8')}")
    return "\n".join(sections)


def part_of(text: str, name: str) -> str | None:
    """What stands between the marks of a part; None where there are none."""
    found = re.search(f"{re.escape(_begin(name))}\n(.*?){re.escape(_end(name))}", text, re.DOTALL)
    return found[1] if found else None


def _begin(part: str) -> str:
    return f"<!-- from {part} -->"


def _end(part: str) -> str:
    return f"<!-- end of {part} -->"


def _cases(results: list[Result]) -> str:
    lines = [CASES_HEAD, *_by_resource(results), ""]
    tables: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("Endpoints", "endpoint", {name: f"`{name}`" for name in coverage.ENDPOINTS}),
        ("Statuses of a run", "status", {name: f"`{name}`" for name in coverage.STATUSES}),
        ("Events of a stream", "event", {name: f"`{name}`" for name in coverage.EVENTS}),
        ("Errors", "error", {name: _sentence(text) for name, text in coverage.ERRORS.items()}),
        ("Normalisations", "normalisation", {name: _sentence(text) for name, text in coverage.NORMALISATIONS.items()}),
    )
    for title, group, rows in tables:
        lines += [f"### {title}", "", "| | cases |", "| --- | --- |"]
        lines += [f"| {text} | {_sum(_tagged(results, f'{group}:{name}'))} |" for name, text in rows.items()]
        lines.append("")
    lines += ["### Errors that were seen and have no case", "", "| | why |", "| --- | --- |"]
    lines += [f"| {name} | {why} |" for name, why in coverage.UNTESTED_ERRORS.items()]
    lines += ["", *_differing("### Cases that differ", results)]
    return "\n".join(lines)


def _recorded(report: Report) -> str:
    results = [each for each in report.results if each.kind == "recording"]
    lines = [RECORDINGS_HEAD, *_by_resource(results), ""]
    reasons = _by_reason(results)
    lines += ["### Accepted differences", ""]
    if reasons:
        lines += ["| reason | recordings |", "| --- | --- |"]
        lines += [f"| {_cell(reason)} | {', '.join(names)} |" for reason, names in reasons.items()]
    else:
        lines.append("None.")
    lines += ["", *_differing("### Recordings that differ", results)]
    skipped: dict[str, list[str]] = {}
    for each in _sorted(results):
        if each.outcome == "skipped":
            skipped.setdefault(each.reason, []).append(each.slug)
    if skipped:
        lines += ["### Recordings that were not replayed", "", "| why | recordings |", "| --- | --- |"]
        lines += [f"| {_cell(reason)} | {', '.join(names)} |" for reason, names in skipped.items()]
        lines.append("")
    if report.facts:
        lines += ["### Where the service itself differed", ""]
        lines += ["It answered otherwise at other times, or than its specification says. Either counts as right.", ""]
        lines += ["| fact | recordings that rest on it |", "| --- | --- |"]
        lines += [f"| {_cell(fact.reason)} | {len(fact.recordings)} |" for fact in report.facts]
        lines.append("")
    return "\n".join(lines)


def _by_resource(results: list[Result]) -> Iterator[str]:
    yield f"| | {' | '.join(OUTCOMES)} |"
    yield "| --- |" + " ---: |" * len(OUTCOMES)
    for name, members in [*by_resource(results).items(), ("altogether", results)]:
        numbers = counted(members)
        yield f"| {name} | " + " | ".join(str(numbers[outcome]) for outcome in OUTCOMES) + " |"


def _differing(heading: str, results: Iterable[Result]) -> list[str]:
    failed = [each for each in _sorted(results) if each.outcome == "failed"]
    if not failed:
        return []
    titles = [f": {_cell(each.title)}" if each.kind == "case" else "" for each in failed]
    return [heading, "", *(f"- {each.slug}{title}" for each, title in zip(failed, titles, strict=True)), ""]


def _by_reason(results: Iterable[Result]) -> dict[str, list[str]]:
    """By reason, in the order of the reasons, the recordings that differ so."""
    found: dict[str, set[str]] = {}
    for result in results:
        for difference in result.all_differences:
            if difference.reason is not None:
                found.setdefault(difference.reason, set()).add(result.slug)
    return {reason: sorted(found[reason]) for reason in sorted(found)}


def _tagged(results: Iterable[Result], tag: str) -> list[Result]:
    return [each for each in results if tag in each.tags]


def _sum(results: list[Result]) -> str:
    numbers = counted(results)
    return ", ".join(f"{numbers[outcome]} {outcome}" for outcome in OUTCOMES if numbers[outcome]) or "none"


def _sorted(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: result.slug)


def _sentence(text: str) -> str:
    return _cell(text[:1].upper() + text[1:])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
