"""docs/compatibility.md says what comes of the cases and recordings now, whichever of them are at hand."""

import msgspec
import pytest

from compat_tests import coverage
from compat_tests.case import read_cases
from compat_tests.reading import read
from compat_tests.report import Fact, Report, facts_of, page
from compat_tests.result import Result
from tests.compat.report.reports import KNOWN, a_report, a_result, asked
from tests.compat.results import Results
from tests.processes import ROOT
from tests.recordings import DIRECTORY

PAGE = ROOT / "docs" / "compatibility.md"
WRITE = "python run.py conformance --recordings DIRECTORY --page docs/compatibility.md"
TAGS = ("endpoint:POST /v1/threads", "status:expired", "event:done", "error:bad-json", "normalisation:empty-body")

CASES = a_report(
    a_result("threads/right", "passed", tags=TAGS),
    a_result("threads/other", "passed", tags=TAGS[:1]),
    a_result("runs/elsewhere", "skipped", tags=TAGS[1:2], reason="Not here."),
    a_result("runs/wrong", "failed", tags=TAGS[1:2], title="One | other."),
)
RECORDINGS = a_report(
    a_result("one/right", "passed", kind="recording", tags=()),
    a_result("one/known", "accepted", kind="recording", asked=(asked(KNOWN, KNOWN),)),
    a_result("one/old", "skipped", kind="recording", reason="Too old."),
    facts=(Fact(reason="It was otherwise then.", recordings=("a/b", "a/c", "d/e")),),
)


@pytest.mark.asyncio(loop_scope="session")
async def test_it_is_as_the_cases_are(results: Results) -> None:
    await fresh(tuple([await results.of_case(each) for each in read_cases()]), results)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.skipif(not DIRECTORY.is_dir(), reason=f"no recordings of the real service at {DIRECTORY.name}")
async def test_it_is_as_the_recordings_are(results: Results) -> None:
    await fresh(tuple([await results.of_recording(each) for each in read(DIRECTORY)]), results)


async def fresh(found: tuple[Result, ...], results: Results) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page.updated(a_report(*found, facts=facts_of(results.accepted)), text) == text, f"stale: {WRITE}"


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def test_what_cases_say() -> None:
    text = page.updated(CASES, None)
    assert "| threads | 2 | 0 | 0 | 0 |" in rows(text)
    assert "| altogether | 2 | 0 | 1 | 1 |" in rows(text)
    assert "| `POST /v1/threads` | 2 passed |" in rows(text)
    assert "| `expired` | 1 passed, 1 failed, 1 skipped |" in rows(text)
    assert "| `queued` | none |" in rows(text)
    assert "| A body that is no JSON | 1 passed |" in rows(text)
    assert "- runs/wrong: One \\| other." in text.splitlines()
    for names in coverage.GROUPS.values():
        assert len(rows(text)) > len(names)


def test_what_recordings_say() -> None:
    text = page.updated(RECORDINGS, None)
    known = next(row for row in rows(text) if row.startswith("| Nobody counts here."))
    assert known.endswith("| one/known |")
    assert "| Too old. | one/old |" in rows(text)
    assert "| It was otherwise then. | 3 |" in rows(text)


def test_what_was_not_run_is_kept() -> None:
    both: Report = msgspec.structs.replace(RECORDINGS, results=(*CASES.results, *RECORDINGS.results))
    text = page.updated(both, None)
    assert page.updated(CASES, text) == page.updated(RECORDINGS, text) == page.updated(both, text) == text
    other = a_report(a_result("threads/right", "failed"))
    changed = page.updated(other, text)
    assert page.part_of(changed, "recordings") == page.part_of(text, "recordings")
    assert page.part_of(changed, "cases") != page.part_of(text, "cases")


def test_it_says_what_is_not_imitated() -> None:
    text = page.updated(CASES, None)
    assert text.endswith(page.NOT_IMITATED.read_text(encoding="utf-8"))
    assert "code_interpreter" in text
