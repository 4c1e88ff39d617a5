"""Real clients do what they can, and the page says so. `CLIENTS=all`, or names, asks more of them than `make test`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import CHOSEN
from tests.clients.matrix import CLIENTS, LOCKS, PACKAGES, chosen
from tests.clients.page import PAGE, WRITE, updated, versions_in
from tests.clients.playing import Played
from tests.clients.scenarios import SCENARIOS
from tests.processes import ROOT


@pytest.mark.parametrize("name", CHOSEN)
def test_a_client_does_what_it_can(name: str, played: Callable[[str], Played]) -> None:
    came = played(name)
    assert came.said == ""
    assert came.failures == {}
    assert set(came.outcomes) == set(SCENARIOS)
    assert [scenario for scenario, (ok, why) in came.outcomes.items() if ok is None and not why] == []
    # Without these it would be no client at all.
    assert [scenario for scenario in ("chat", "errors", "base_urls", "keys") if not came.outcomes[scenario][0]] == []


@pytest.mark.parametrize("name", CHOSEN)
def test_the_page_is_as_the_client_was(name: str, played: Callable[[str], Played]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert updated({name: played(name)}, text) == text, f"stale: {WRITE}"


def locked(lock: Path) -> dict[str, str]:
    """Packages and versions in a lock."""
    text = lock.read_text(encoding="utf-8")
    if lock.suffix != ".json":
        return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+-]+)", text, flags=re.MULTILINE))
    packages = json.loads(text)["packages"]
    return {name.removeprefix("node_modules/"): package["version"] for name, package in packages.items() if name}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_page_is_about_the_versions_that_are_locked(name: str) -> None:
    there, client = locked(CLIENTS[name].lock), CLIENTS[name]
    said = versions_in(PAGE.read_text(encoding="utf-8"))[name]
    assert said
    for package, version in said.items():
        # A generation of the client for Node is installed under a name of its own.
        assert there[client.needs.name if client.needs.parent == PACKAGES / "node_modules" else package] == version


def test_every_row_of_the_page_is_a_client() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| .+: `", line)]
    assert len(rows) == len(CLIENTS) == len({client.label for client in CLIENTS.values()})


def test_every_lock_and_every_driver_has_a_client() -> None:
    locks = {*LOCKS.glob("*.txt"), *PACKAGES.glob("package-lock.json"), *PACKAGES.glob("langchain/package-lock.json")}
    assert locks <= {client.lock for client in CLIENTS.values()}
    drivers = {path.stem for path in (ROOT / "tests/clients/drivers").iterdir() if path.suffix in {".py", ".mjs"}}
    commands = {client.command[-1] for client in CLIENTS.values()}
    assert drivers - {"__init__", "driver"} == {
        Path(command).stem if command.endswith(".mjs") else command.rpartition(".")[2] for command in commands
    }


def test_who_is_asked() -> None:
    assert chosen("all") == list(CLIENTS)
    assert set(chosen("quick")) >= {"openai1.37", "openai1", "openai3", "azure-openai1", "azure-openai3", "node6"}
    assert chosen("marvin,node4") == ["marvin", "node4"]
    with pytest.raises(ValueError, match=r"no clients: nobody\. There are: openai1\.37, "):
        chosen("marvin,nobody")


BAD = Played(versions={"openai": "3"}, outcomes={"chat": (False, "why")}, said="", seconds=1)


def test_the_test_sees() -> None:
    text = PAGE.read_text(encoding="utf-8")
    changed = updated({"openai3": BAD}, text)
    assert changed != text
    assert "| openai for Python, version 3: `openai 3` | ✗ | ✗ |" in changed
    assert updated({}, text) == text
