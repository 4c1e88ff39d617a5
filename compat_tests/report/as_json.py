"""The report as JSON, for programs: `"format": 1`, described in docs/conformance.md.

Keys may be added to a format; where one changes or goes, the number grows.
"""

import json
from typing import Any, Final

from compat_tests.report import OUTCOMES, Report, accepted_reasons, counted
from compat_tests.report.wording import plain, request_line
from compat_tests.result import Asked, Difference, Result

FORMAT: Final = 1


def rendered(report: Report) -> str:
    numbers = counted(report.results)
    content = {
        "format": FORMAT,
        "server": report.about.server,
        "model_server": report.about.model_server,
        "schemas": report.about.schemas,
        "complete": report.is_complete,
        "seconds": round(report.seconds, 3),
        "counts": {outcome: numbers[outcome] for outcome in OUTCOMES},
        "accepted": [{"reason": reason, "count": count} for reason, count in accepted_reasons(report.results).items()],
        "facts": [{"reason": each.reason, "recordings": list(each.recordings)} for each in report.facts],
        "results": [_result(each) for each in report.results],
    }
    try:
        text = _text(content)
    except ValueError:  # NaN or Infinity, which Python's servers answer and JSON does not have
        text = _text(json.loads(json.dumps(content), parse_constant=str))
    return text + "\n"


def _text(content: Any) -> str:
    # With escapes, as half a surrogate pair, which an answer may hold, has no other form.
    return json.dumps(content, ensure_ascii=True, allow_nan=False, indent=1)


def _result(result: Result) -> dict[str, Any]:
    return {
        "slug": result.slug,
        "kind": result.kind,
        "resource": result.resource,
        "title": result.title,
        "outcome": result.outcome,
        "reason": result.reason,
        "tags": list(result.tags),
        "seconds": round(result.seconds, 3),
        "requests": [_asked(each) for each in result.asked],
        "differences": [_difference(each) for each in result.differences],
    }


def _asked(asked: Asked) -> dict[str, Any]:
    """With bodies only where something differs: they are most of a report's size."""
    found: dict[str, Any] = {
        "title": asked.title,
        "request": request_line(asked.request),
        "status": None if asked.answer is None else asked.answer.status,
        "differences": [_difference(each) for each in asked.differences],
    }
    if asked.differences:
        found["sent"] = plain(asked.request.body)
        found["expected"] = asked.expected
        if asked.answer is not None and asked.answer.events is not None:
            found["events"] = [{"event": each.event, "data": plain(each.data)} for each in asked.answer.events]
        elif asked.answer is not None:
            found["body"] = plain(asked.answer.body)
    return found


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "path": difference.path,
        "expected": difference.expected,
        "got": difference.got,
        "accepted": difference.reason,
    }
