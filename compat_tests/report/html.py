"""The report as one HTML file for a person: what was asked, what was expected, what came, and what differs.

It needs nothing but itself: no script, no font, no picture, nothing from the network. It follows the reader's light or
dark, and hides outcomes with check boxes alone.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from compat_tests.report import KINDS, OUTCOMES, Report, accepted_reasons, by_resource, counted, skipped_reasons
from compat_tests.report.style import CSS
from compat_tests.report.wording import answer_text, request_line, shortened, text_of
from compat_tests.result import Asked, Difference, Result

LONGEST: Final = 20_000
LONGEST_IF_RIGHT: Final = 2_000
"""Characters that are shown of a body, of one that differs and of one that does not: a run has thousands of these."""


def rendered(report: Report) -> str:
    return "".join(line + "\n" for line in _page(report))


def _page(report: Report) -> Iterator[str]:
    numbers = counted(report.results)
    title = "Conformance: " + (", ".join(f"{numbers[each]} {each}" for each in OUTCOMES if numbers[each]) or "nothing")
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>"
    yield "<header>\n<h1>Conformance</h1>"
    yield f"<p>Asked of <b>{escape(report.about.server)}</b>; {escape(report.about.model_server)}.</p>"
    yield f"<p>JSON Schema: {escape(report.about.schemas)}. It took {report.seconds:.1f} seconds.</p>"
    if not report.is_complete:
        yield f'<p class="stopped">Interrupted after {len(report.results)} of {report.planned}.</p>'
    yield "</header>\n<main>"
    # Before everything that they hide: a style sheet looks forward only.
    for each in OUTCOMES:
        yield (
            f'<input type="checkbox" id="show-{each}" checked><label for="show-{each}" class="{each}">'
            f"{numbers[each]} {each}</label>"
        )
    yield from _tables(report)
    yield from _reasons("Accepted differences", accepted_reasons(report.results))
    yield from _reasons("Skipped", skipped_reasons(report.results))
    yield from _reasons(
        "Facts about the real service, by recordings that rest on them",
        {each.reason: len(each.recordings) for each in report.facts},
    )
    for kind, heading in KINDS.items():
        for resource, results in by_resource(each for each in report.results if each.kind == kind).items():
            yield f'<section id="{kind}-{escape(resource, quote=True)}">'
            yield f"<h2>{escape(heading)}: {escape(resource)}</h2>"
            for result in results:
                yield from _result(result)
            yield "</section>"
    yield "</main>\n</body>\n</html>"


def _tables(report: Report) -> Iterator[str]:
    for kind, heading in KINDS.items():
        results = [each for each in report.results if each.kind == kind]
        if not results:
            continue
        columns = "".join(f'<th scope="col">{outcome}</th>' for outcome in OUTCOMES)
        yield f'<table class="summary"><thead><tr><th scope="col">{heading}</th>{columns}</tr></thead><tbody>'
        for resource, members in by_resource(results).items():
            numbers = counted(members)
            cells = "".join(f'<td class="{each if numbers[each] else ""}">{numbers[each]}</td>' for each in OUTCOMES)
            link = f'<a href="#{kind}-{escape(resource, quote=True)}">{escape(resource)}</a>'
            yield f'<tr><th scope="row">{link}</th>{cells}</tr>'
        yield "</tbody></table>"


def _reasons(heading: str, reasons: dict[str, int]) -> Iterator[str]:
    if reasons:
        items = "".join(f"<li><b>{number}</b> {escape(reason)}</li>" for reason, number in reasons.items())
        yield f'<div class="reasons"><h2>{heading}</h2><ul>{items}</ul></div>'


def _result(result: Result) -> Iterator[str]:
    opened = " open" if result.outcome == "failed" else ""
    yield f'<details class="result {result.outcome}"{opened}><summary><b>{result.outcome}</b> '
    yield f"<code>{escape(result.slug)}</code> {escape(result.title)}</summary>"
    if result.reason:
        yield f'<p class="reason">{escape(result.reason)}</p>'
    if result.tags:
        yield f'<p class="tags">{" ".join(f"<code>{escape(tag)}</code>" for tag in result.tags)}</p>'
    for asked in result.asked:
        yield from _asked(asked)
    if result.differences:
        yield "<h3>Altogether</h3>"
        yield from _differences(result.differences)
    yield "</details>"


def _asked(asked: Asked) -> Iterator[str]:
    longest = LONGEST if asked.differences else LONGEST_IF_RIGHT
    opened = " open" if any(each.reason is None for each in asked.differences) else ""
    mark = "differs" if asked.differences else "agrees"
    yield f'<details class="asked {mark}"{opened}><summary>{escape(asked.title)}</summary>'
    yield from _differences(asked.differences)
    headers = "".join(
        f"{escape(name)}: {'(left out)' if value is None else escape(value)}\n"
        for name, value in asked.request.headers.items()
    )
    sent = escape(text_of(asked.request.body, longest=longest))
    yield '<div class="columns">'
    yield f"<div><h4>Asked</h4><pre>{escape(request_line(asked.request))}\n{headers}{sent}</pre></div>"
    yield f"<div><h4>Expected</h4><pre>{escape(shortened(asked.expected, longest))}</pre></div>"
    if asked.answer is None:
        yield "<div><h4>Came</h4><pre>no answer</pre></div>"
    else:
        came = escape(answer_text(asked.answer, longest=longest))
        yield f"<div><h4>Came</h4><pre>status {asked.answer.status}\n{came}</pre></div>"
    yield "</div></details>"


def _differences(differences: tuple[Difference, ...]) -> Iterator[str]:
    if not differences:
        return
    yield '<table class="differences"><thead><tr><th>where</th><th>expected</th><th>came</th></tr></thead><tbody>'
    for each in differences:
        kind = "failed" if each.reason is None else "accepted"
        cells = f"<td><code>{escape(each.path)}</code></td><td>{escape(each.expected)}</td><td>{escape(each.got)}</td>"
        yield f'<tr class="{kind}">{cells}</tr>'
        if each.reason is not None:
            yield f'<tr class="why"><td></td><td colspan="2">accepted: {escape(each.reason)}</td></tr>'
    yield "</tbody></table>"
