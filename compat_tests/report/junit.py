"""The report as JUnit XML, as GitLab and the actions on GitHub read it: a test suite for each resource."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

from compat_tests.report import KINDS, Report, by_resource, counted
from compat_tests.report.wording import told, where_it_differs
from compat_tests.result import Result

NOT_IN_XML: Final = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What XML 1.0 cannot hold, however it is escaped."""


def rendered(report: Report) -> str:
    root = ElementTree.Element("testsuites", {"name": "conformance", **_sums(report.results)})
    for kind, title in KINDS.items():
        for resource, results in by_resource(each for each in report.results if each.kind == kind).items():
            name = f"{title.lower()}.{resource}"
            suite = ElementTree.SubElement(root, "testsuite", {"name": name, **_sums(results)})
            for result in results:
                _test(suite, name, result)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _test(suite: ElementTree.Element, classname: str, result: Result) -> None:
    test = ElementTree.SubElement(
        suite, "testcase", classname=classname, name=_legal(result.slug), time=f"{result.seconds:.3f}"
    )
    text = _legal("\n".join(_lines(result)))
    match result.outcome:
        case "failed":
            first = next((each for each in result.all_differences if each.reason is None), None)
            message = f"{first.path}: expected {first.expected}, got {first.got}" if first else result.reason
            ElementTree.SubElement(test, "failure", message=_legal(message)[:400], type="difference").text = text
        case "skipped":
            ElementTree.SubElement(test, "skipped", message=_legal(result.reason))
        case "accepted":
            ElementTree.SubElement(test, "system-out").text = text


def _lines(result: Result) -> list[str]:
    lines = [result.title]
    for asked, differences in where_it_differs(result):
        lines += ["", asked.title if asked else "altogether", *(told(each, indent="  ") for each in differences)]
    return [*lines, "", result.reason] if result.reason else lines


def _sums(results: Sequence[Result]) -> dict[str, str]:
    numbers = counted(results)
    return {
        "tests": str(len(results)),
        "failures": str(numbers["failed"]),
        "errors": "0",
        "skipped": str(numbers["skipped"]),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }


def _legal(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
