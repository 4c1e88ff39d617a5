"""What the console is told."""

import io

from compat_tests.report import console
from compat_tests.result import Difference
from tests.compat.report.reports import EMPTY, REPORT, a_report, a_result, asked

PLAIN = a_report(
    a_result(
        "threads/wrong",
        "failed",
        title="A thread has a name.",
        reason="stopped at step 1 of 2",
        asked=(asked(Difference(path="body.name", expected='"Ada"', got="absent")),),
        differences=(Difference(path="model", expected="2 requests", got="1 requests"),),
    ),
    a_result("threads/right", "passed"),
    a_result(
        "runs/known",
        "accepted",
        asked=(asked(*[Difference(path=f"body.{n}", expected="1", got="2", reason="So be it.") for n in "ab"]),),
    ),
    a_result("runs/elsewhere", "skipped", reason="Not here."),
)


def test_the_whole_of_it() -> None:
    assert console.rendered(PLAIN) == (
        "FAILED threads/wrong: A thread has a name.\n"
        "  1. POST /v1/threads\n"
        "    body.name\n"
        '      - "Ada"\n'
        "      + absent\n"
        "  altogether\n"
        "    model\n"
        "      - 2 requests\n"
        "      + 1 requests\n"
        "  stopped at step 1 of 2\n"
        "\n"
        "Cases         passed  accepted    failed   skipped\n"
        "runs               0         1         0         1\n"
        "threads            1         0         1         0\n"
        "altogether         1         1         1         1\n"
        "\n"
        "Accepted differences\n"
        "     2  So be it.\n"
        "\n"
        "Skipped\n"
        "     1  Not here.\n"
        "\n"
        "JSON Schema: not checked\n"
        "1 passed, 1 accepted, 1 failed, 1 skipped in 1.5 s, asked of this server\n"
    )


def test_colour_is_all_that_colour_adds() -> None:
    coloured = console.rendered(PLAIN, in_colour=True)
    assert "\x1b[31mFAILED\x1b[0m" in coloured
    stripped = coloured.replace("\x1b[0m", "")
    for code in console.COLOURS.values():
        stripped = stripped.replace(f"\x1b[{code}m", "")
    assert stripped == console.rendered(PLAIN)


def test_an_interrupted_run() -> None:
    assert "interrupted after 0 of 3\n" in console.rendered(EMPTY)


def test_a_hundred_differences_are_not_all_printed() -> None:
    many = [Difference(path=f"body.{number}", expected="1", got="2") for number in range(100)]
    text = console.rendered(a_report(a_result("threads/wrong", "failed", asked=(asked(*many),))))
    assert text.count("      + 2") == console.DIFFERENCES
    assert "… and 88 more" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_that_moves() -> None:
    terminal = Terminal()
    progress = console.Progress(terminal, planned=2)
    progress.began("threads/right")
    progress.ended(PLAIN.results[1])
    progress.began("threads/wrong" + "x" * 200)
    progress.close()
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines[:2] == ["", "0 of 2  threads/right"]
    assert lines[2].startswith("1 of 2: 1 passed  threads/wrongxxx")
    assert len(lines[2]) == console.WIDTH
    assert lines[3:] == [""]
    assert "\n" not in terminal.getvalue()


def test_elsewhere_a_line_now_and_then() -> None:
    log = io.StringIO()
    progress = console.Progress(log, planned=5)
    for result in REPORT.results:
        progress.began(result.slug)
        progress.ended(result)
    progress.close()
    assert log.getvalue() == "", "it was over before anybody waited"
