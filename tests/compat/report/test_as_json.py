"""The JSON report: what programs may count on."""

import json
from typing import Any

from compat_tests.report import as_json
from tests.compat.report.reports import COUNTS, EMPTY, REPORT


def strict(text: str) -> Any:
    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_its_keys() -> None:
    content = strict(as_json.rendered(REPORT))
    results = content.pop("results")
    reason = content["accepted"][0].pop("reason")
    assert reason.startswith("Nobody counts here.")
    assert content == {
        "format": 1,
        "server": "this server",
        "model_server": "it says what it is told",
        "schemas": "not checked",
        "complete": True,
        "seconds": 1.5,
        "counts": COUNTS,
        "accepted": [{"count": 2}],
        "facts": [{"reason": "It was otherwise then.", "recordings": ["a/b", "a/c", "d/e"]}],
    }
    assert [each["slug"] for each in results] == [each.slug for each in REPORT.results]
    keys = {"slug", "kind", "resource", "title", "outcome", "reason", "tags", "seconds", "requests", "differences"}
    assert {frozenset(each) for each in results} == {frozenset(keys)}


def test_bodies_are_there_where_something_differs() -> None:
    right, wrong, known, _, altogether = strict(as_json.rendered(REPORT))["results"]
    assert right["requests"][0].keys() == {"title", "request", "status", "differences"}
    (request,) = wrong["requests"]
    assert request["body"]["nan"] == "NaN"
    assert [each["path"] for each in request["differences"]] == ["body.name", "body.usage"]
    assert [each["accepted"] is None for each in request["differences"]] == [True, False]
    assert known["requests"][0]["events"][0]["event"] == "thread.run.created"
    assert altogether["requests"][0]["status"] is None
    assert altogether["differences"][0]["path"] == "model"


def test_it_is_ascii() -> None:
    as_json.rendered(REPORT).encode("ascii")


def test_nothing_came() -> None:
    content = strict(as_json.rendered(EMPTY))
    assert content["complete"] is False
    assert content["results"] == []
