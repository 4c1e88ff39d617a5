"""What a clone promises: nothing of anyone's machine in it, locks that lock, documents that are true."""

import ast
import json
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IGNORED = [".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split())]


def project_files() -> Iterator[Path]:
    """Every file that belongs to the project: also before it is committed, and where there is no git."""
    for directory, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not any(fnmatch(name, pattern) for pattern in IGNORED))
        yield from (
            Path(directory, name) for name in sorted(names) if not any(fnmatch(name, pattern) for pattern in IGNORED)
        )


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


FILES = {name_of(file): file.read_bytes() for file in project_files()}
TEXTS = {name: content.decode() for name, content in FILES.items() if b"\0" not in content[:8192]}
PAGES = {name: text for name, text in TEXTS.items() if name.endswith(".md")}
LOCKS = {name: text for name, text in TEXTS.items() if re.fullmatch(r"requirements/(clients/)?\w+\.txt", name)}
NODE_LOCKS = [name for name in TEXTS if name.endswith("/package-lock.json")]

# Put together from pieces, so that this file does not find itself.
FOREIGN = re.compile(
    "|".join(
        [
            "/" + r"work/\w",
            "/" + r"root/\w",
            "/" + r"home/\w",
            "/" + r"Users/\w",
            r"\bpypi\." + r"org\b",
            r"python" + r"hosted\.org",
            r"registry\.npm" + r"js\.org",
            "--(extra-)?index" + r"-url[ =]",
            "--trusted" + "-host",
        ]
    )
)


@pytest.mark.parametrize("name", TEXTS)
def test_no_paths_of_a_machine_and_no_package_index(name: str) -> None:
    assert [line for line in TEXTS[name].splitlines() if FOREIGN.search(line)] == []


@pytest.mark.parametrize("line", ["cd /" + "work/x", "--index" + "-url=https://x", "https://pypi." + "org/simple"])
def test_the_test_sees(line: str) -> None:
    assert FOREIGN.search(line)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_versions_and_hashes_and_nothing_else(name: str) -> None:
    whole = LOCKS[name].replace("\\\n", " ")
    lines = [line for line in whole.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    pinned = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,-]+\])?==[\w.+!-]+( ;[^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert lines
    assert [line for line in lines if not pinned.fullmatch(line)] == []
    assert "://" not in whole


@pytest.mark.parametrize("name", NODE_LOCKS)
def test_a_lock_of_node_has_versions_and_hashes_and_no_addresses(name: str) -> None:
    wanted = json.loads(TEXTS[name.replace("-lock", "")])["dependencies"]
    packages = json.loads(TEXTS[name])["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert {f"node_modules/{name}" for name in wanted} <= set(packages)
    for package in packages.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", package["version"])
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_there_are_locks() -> None:
    assert {"requirements/run.txt", "requirements/test.txt", "requirements/openai1.txt"} <= set(LOCKS)
    assert {name for name in LOCKS if name.startswith("requirements/clients/")}
    assert {"tests/node/package-lock.json", "tests/node/langchain/package-lock.json"} <= set(NODE_LOCKS)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_comes_from_an_in_file(name: str) -> None:
    assert name.replace(".txt", ".in") in TEXTS


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if name.endswith(".py") and text.strip()])
def test_a_module_says_what_it_is(name: str) -> None:
    said = ast.get_docstring(ast.parse(TEXTS[name]))
    assert said, f"{name} has no docstring"
    assert said.split("\n\n")[0].endswith((".", ":", "?")), f"{name} does not begin with a sentence"


@pytest.mark.parametrize("name", PAGES)
def test_make_targets_that_are_named_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", TEXTS["Makefile"], flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`|[;&] )make ([a-z][a-z0-9-]*)", PAGES[name], flags=re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[name])
    assert [target for target in targets if not (ROOT / name).parent.joinpath(target).exists()] == []


def test_the_documents_that_a_clone_needs() -> None:
    assert {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"} <= set(TEXTS)
    assert TEXTS["LICENSE"].lstrip().startswith("Apache License\n")


def test_ci_is_a_program() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "set -euo pipefail" in TEXTS[".ci/run"]


def test_one_version() -> None:
    (declared,) = re.findall(r'^version = "(.+)"$', TEXTS["pyproject.toml"], flags=re.MULTILINE)
    assert f'VERSION = "{declared}"' in TEXTS["proxy/__init__.py"]
