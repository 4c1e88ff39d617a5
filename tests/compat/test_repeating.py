"""Repetitions in templates and patterns: what is long by rule is short to write."""

from typing import Any

import pytest

from compat_tests.pattern import differences, filled


@pytest.mark.parametrize(
    ("template", "meant"),
    [
        ({"$repeat": ["ab", 3]}, "ababab"),
        ({"$repeat": [[1, "${x}"], 2]}, [1, "y", 1, "y"]),
        ({"deep": [{"$repeat": ["${x}", 2]}]}, {"deep": ["yy"]}),
        ({"$repeat": ["", 5]}, ""),
    ],
)
def test_templates(template: Any, meant: Any) -> None:
    assert filled(template, {"x": "y"}) == meant


@pytest.mark.parametrize(
    ("value", "fits"), [("éé", True), ("é", False), ("ééé", False), (["é", "é"], False), (None, False)]
)
def test_patterns(value: Any, fits: bool) -> None:
    found = list(differences({"text": {"$repeat": ["é", 2]}}, {"text": value}, {}))
    assert [each.path for each in found] == ([] if fits else ["body.text"])
