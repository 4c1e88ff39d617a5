"""docs/clients.md: a row for each client, made of what its driver said; rows of others are kept."""

import re
from collections.abc import Mapping
from typing import Final

from tests.clients.matrix import CLIENTS, LEFT_OUT
from tests.clients.playing import Played
from tests.clients.scenarios import SCENARIOS
from tests.processes import ROOT

PAGE: Final = ROOT / "docs" / "clients.md"
WRITE: Final = "CLIENTS=all .venv/bin/python -m tests.clients"

_INTRODUCTION: Final = f"""\
# Clients

Real libraries, each in an environment of its own, drive this server through what their users do.
`make test-clients` asks them all; `{WRITE}` writes this page, from what came of it.
A test fails when it is stale.

✓ is done and checked, - is nothing that this client can do: why not is below the table.
"""
_CELLS: Final = {True: "✓", False: "✗", None: "-"}
_VERSION: Final = re.compile(r"`([\w@/.-]+) ([\w.+-]+)`")


def updated(played: Mapping[str, Played], text: str | None) -> str:
    """The page, with the rows of these clients as they are now."""
    rows = _rows_in(text or "")
    reasons = _reasons_in(text or "")
    for name, each in played.items():
        rows[name], reasons[name] = _row(name, each), _reasons(name, each)
    lines = [_INTRODUCTION, "| | " + " | ".join(map(title, SCENARIOS)) + " |", "| --- |" + " :-: |" * len(SCENARIOS)]
    lines += [rows[name] for name in CLIENTS if name in rows]
    lines += ["", "## The scenarios", ""]
    lines += [f"- **{title(name)}**: {what}" for name, what in SCENARIOS.items()]
    lines += ["", "## What they cannot do", ""]
    lines += [line for name in CLIENTS for line in reasons.get(name, [])]
    lines += ["", "## Not in the table", ""]
    lines += [f"- {name}: {reason}" for name, reason in LEFT_OUT.items()]
    return "\n".join([*lines, ""])


def versions_in(text: str) -> dict[str, dict[str, str]]:
    """What the rows of a page say of versions, by client and package."""
    return {name: dict(_VERSION.findall(row)) for name, row in _rows_in(text).items()}


def title(scenario: str) -> str:
    return scenario.replace("_", " ")


def _row(name: str, played: Played) -> str:
    versions = ", ".join(f"`{package} {version}`" for package, version in played.versions.items())
    cells = [_CELLS[played.outcomes.get(scenario, (False, ""))[0]] for scenario in SCENARIOS]
    return f"| {CLIENTS[name].label}: {versions} | " + " | ".join(cells) + " |"


def _reasons(name: str, played: Played) -> list[str]:
    found: dict[str, list[str]] = {}
    for scenario in SCENARIOS:
        ok, detail = played.outcomes.get(scenario, (False, ""))
        if ok is None:
            found.setdefault(detail, []).append(title(scenario))
    return [f"- {CLIENTS[name].label}, {', '.join(names)}: {detail}" for detail, names in found.items()]


def _rows_in(text: str) -> dict[str, str]:
    lines = text.splitlines()
    return {name: line for name, client in CLIENTS.items() for line in lines if line.startswith(f"| {client.label}: ")}


def _reasons_in(text: str) -> dict[str, list[str]]:
    lines = text.splitlines()
    return {
        name: [line for line in lines if line.startswith(f"- {client.label}, ")] for name, client in CLIENTS.items()
    }
