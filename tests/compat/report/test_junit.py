"""JUnit XML: that it is XML whatever came, and what readers of it count."""

from xml.etree import ElementTree

from compat_tests.report import junit
from tests.compat.report.reports import COUNTS, EMPTY, REPORT


def test_suites_and_counts() -> None:
    root = ElementTree.fromstring(junit.rendered(REPORT).encode())
    assert root.tag == "testsuites"
    assert root.attrib == {
        "name": "conformance", "tests": "5", "failures": "2", "errors": "0", "skipped": "1", "time": "1.250",
    }  # fmt: skip
    assert [suite.attrib["name"] for suite in root] == ["cases.runs", "cases.threads", "recordings.files"]
    for suite in root:
        tests = suite.findall("testcase")
        assert len(tests) == int(suite.attrib["tests"])
        assert len(suite.findall("testcase/failure")) == int(suite.attrib["failures"])
        assert len(suite.findall("testcase/skipped")) == int(suite.attrib["skipped"])
        assert {test.attrib["classname"] for test in tests} == {suite.attrib["name"]}
        assert all(float(test.attrib["time"]) == 0.25 for test in tests)
    assert len(root.findall(".//failure")) == COUNTS["failed"]


def test_a_failure_says_where() -> None:
    root = ElementTree.fromstring(junit.rendered(REPORT).encode())
    (failure,) = root.findall(".//testcase[@name='threads/wrong']/failure")
    assert failure.attrib["message"].startswith('body.name: expected "Ada", got <script>')
    assert failure.text is not None
    assert '  body.name\n    - "Ada"\n    + <script>' in failure.text
    assert "1. POST /v1/threads" in failure.text


def test_others_say_why() -> None:
    root = ElementTree.fromstring(junit.rendered(REPORT).encode())
    (skipped,) = root.findall(".//testcase[@name='runs/not-tried']/skipped")
    assert skipped.attrib["message"].startswith("No reason.")
    (known,) = root.findall(".//testcase[@name='runs/known']")
    assert "accepted: Nobody counts here." in (known.findtext("system-out") or "")
    assert list(root.findall(".//testcase[@name='threads/right']")[0]) == []


def test_nothing_came() -> None:
    assert ElementTree.fromstring(junit.rendered(EMPTY).encode()).attrib["tests"] == "0"
