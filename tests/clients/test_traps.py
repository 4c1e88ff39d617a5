"""Every trap has a test that there is."""

import ast

import pytest

from tests.clients.scenarios import SCENARIOS
from tests.clients.traps import TRAPS
from tests.processes import ROOT


def test_none_is_missing() -> None:
    assert list(TRAPS) == list(range(1, 18))
    assert [number for number, trap in TRAPS.items() if not trap.tests] == []


@pytest.mark.parametrize("named", sorted({named for trap in TRAPS.values() for named in trap.tests}))
def test_what_is_named_exists(named: str) -> None:
    path, _, function = named.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    if function:
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert function in {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, functions)}
    else:
        assert path.startswith("compat_tests/cases/")


def test_every_scenario_is_there_for_a_trap() -> None:
    assert {name for trap in TRAPS.values() for name in trap.scenarios} == set(SCENARIOS) - {"parallel"}
