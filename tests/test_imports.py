"""Who may import whom. ARCHITECTURE.md explains the table; this test is what holds it."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parents[1]
OURS = ("run", "config", "adapters", "proxy", "compat_tests", "integrations")

# What a module without I/O may want of the standard library. No clock, no chance, no tasks.
PURE = {
    "__future__", "abc", "base64", "bisect", "collections", "dataclasses", "difflib", "enum", "functools", "heapq",
    "itertools", "math", "operator", "re", "string", "typing",
}  # fmt: skip


class Row(Struct, frozen=True, kw_only=True):
    ours: tuple[str, ...] = ()
    """Modules of ours, and everything below them."""
    alone: tuple[str, ...] = ()
    """Packages of ours, without what is below them."""
    others: tuple[str, ...] = ("msgspec",)
    """Packages that are not in the standard library."""
    pure: bool = False
    """Whether only `PURE` may be had of the standard library."""


# A module belongs to the longest name here that it begins with.
TABLE = {
    "run": Row(
        ours=(
            "config",
            "adapters.doctor",
            "compat_tests.cli",
            "proxy.app",
            "proxy.key_desk",
            "proxy.retrieval.built_in",
            "proxy.store",
        ),
        alone=("proxy",),
    ),
    # A client of any server: nothing of this one, but for the model server that it scripts.
    "compat_tests": Row(
        ours=("compat_tests.scripted_upstream",),
        others=("msgspec", "aiohttp", "yarl", "jsonschema", "yaml", "openai", "pydantic"),
    ),
    "compat_tests.scripted_upstream": Row(others=("aiohttp",)),
    # Runs inside Keep, where there is nothing of ours.
    "integrations.keep.understudy_provider": Row(others=("httpx", "keep", "openai", "pydantic")),
    "config": Row(),
    "adapters": Row(
        ours=("config.settings",),
        others=("msgspec", "aiohttp", "jsonschema", "multidict", "referencing", "tiktoken", "yarl"),
    ),
    # The map, in prose, and the version.
    "proxy": Row(others=(), pure=True),
    "proxy.app": Row(ours=OURS, others=("msgspec", "aiohttp")),
    "proxy.services": Row(
        ours=(
            "proxy.clock",
            "proxy.engine",
            "proxy.retrieval",
            "proxy.store",
            "adapters.embedding",
            "adapters.upstream",
            "config.settings",
        ),
        alone=("adapters",),
    ),
    "proxy.errors": Row(others=(), pure=True),
    "proxy.ids": Row(ours=("proxy.errors",), others=()),
    "proxy.clock": Row(others=()),
    "proxy.tasks": Row(others=()),
    "proxy.keys": Row(others=()),
    "proxy.admission": Row(others=()),
    "proxy.key_desk": Row(ours=("proxy.clock", "proxy.ids", "proxy.keys", "proxy.store"), others=()),
    "proxy.schema": Row(pure=True),
    "proxy.runs": Row(ours=("proxy.schema", "adapters.chat", "adapters.errors"), pure=True),
    "proxy.store": Row(ours=("proxy.schema", "proxy.errors", "proxy.clock")),
    # Imported only where a bucket is set, so what it needs may be missing.
    "proxy.store.bucket": Row(
        ours=("proxy.errors", "proxy.ids", "proxy.store"),
        others=("msgspec", "aiobotocore", "aiohttp", "botocore", "types_aiobotocore_s3"),
    ),
    "proxy.store.blob_bucket": Row(ours=("proxy.errors", "proxy.ids", "proxy.store", "proxy.tasks"), others=()),
    "proxy.tools": Row(ours=("proxy.retrieval", "proxy.schema", "proxy.store", "adapters.embedding"), others=()),
    "proxy.engine": Row(
        ours=(
            "proxy.clock",
            "proxy.ids",
            "proxy.runs",
            "proxy.schema",
            "proxy.store",
            "proxy.tasks",
            "proxy.tools",
            "adapters.chat",
            "adapters.embedding",
            "adapters.errors",
            "adapters.upstream",
            "config.settings",
        ),
        alone=("adapters",),
    ),
    "proxy.retrieval": Row(
        ours=(
            "proxy.clock",
            "proxy.errors",
            "proxy.schema",
            "proxy.store",
            "proxy.tasks",
            "adapters.embedding",
            "adapters.errors",
            "adapters.ranks",
            "config.settings",
        ),
        others=(
            "msgspec",
            "charset_normalizer",
            "numpy",
            "olefile",
            "openpyxl",
            "pypdf",
            "safetensors",
            "snowballstemmer",
            "tokenizers",
        ),
    ),
    "proxy.operations": Row(
        ours=(
            "proxy.engine",
            "proxy.errors",
            "proxy.ids",
            "proxy.retrieval",
            "proxy.runs.lifecycle",
            "proxy.runs.outputs",
            "proxy.runs.progress",
            "proxy.schema",
            "proxy.services",
            "proxy.store",
            "adapters.errors",
            "adapters.naming",
            "adapters.upstream",
        ),
        alone=("proxy", "adapters"),
        others=("msgspec", "jsonschema"),
    ),
    "proxy.api": Row(
        ours=(
            "proxy.errors",
            "proxy.ids",
            "proxy.keys",
            "proxy.operations",
            "proxy.schema",
            "proxy.services",
            "proxy.store.blobs",
            "proxy.tasks",
        ),
        others=("msgspec", "aiohttp", "jsonschema"),
    ),
}

SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bINSERT\s+(OR\s+\w+\s+)?INTO\b|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b|\bCREATE\s+TABLE\b",
    re.DOTALL,
)


def files() -> list[Path]:
    return [ROOT / "run.py", *sorted(file for name in OURS[1:] for file in (ROOT / name).rglob("*.py"))]


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file.read_text(encoding="utf-8") for file in files()}
PACKAGES = {name_of(file) for file in files() if file.name == "__init__.py"}


def is_in(module: str, above: str) -> bool:
    return module == above or module.startswith(f"{above}.")


def row_of(module: str) -> str:
    # `proxy` stands for itself alone: what is under it has rows of its own.
    names = [name for name in TABLE if module == name or (name != "proxy" and is_in(module, name))]
    assert names, f"{module} has no row in the table"
    return max(names, key=len)


def imports(module: str, source: str) -> Iterator[str]:
    """Every module that is imported anywhere in `source`, inside functions and for types too."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                above = node.module or ""
                if node.level:
                    package = module if module in PACKAGES else module.rpartition(".")[0]
                    base = package.split(".")[: len(package.split(".")) - node.level + 1]
                    above = ".".join([*base, above] if above else base)
                for alias in node.names:
                    inner = f"{above}.{alias.name}"
                    yield inner if inner in MODULES or inner == "aiohttp.web" else above


def violations(module: str, source: str) -> list[str]:
    name = row_of(module)
    row = TABLE[name]
    found = []
    for target in imports(module, source):
        top = target.partition(".")[0]
        if top in OURS:
            allowed = target in row.alone or row_of(target) == name or any(is_in(target, one) for one in row.ours)
        elif top in sys.stdlib_module_names:
            allowed = not row.pure or top in PURE
        else:
            allowed = top in row.others
        if is_in(target, "aiohttp.web") and name not in {"proxy.api", "proxy.app", "compat_tests.scripted_upstream"}:
            allowed = False
        if top == "sqlite3" and name != "proxy.store":
            allowed = False
        if not allowed:
            found.append(f"{module} imports {target}")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports(module: str) -> None:
    assert violations(module, MODULES[module]) == []


@pytest.mark.parametrize("module", [module for module in MODULES if row_of(module) != "proxy.store"])
def test_sql_is_in_the_store_only(module: str) -> None:
    assert statements(MODULES[module]) == []


def statements(source: str) -> list[str]:
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and SQL.search(text)]


def test_every_row_is_about_something() -> None:
    assert [name for name in TABLE if name not in MODULES] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("proxy.runs.turn", "import asyncio"),
        ("proxy.runs.turn", "from time import monotonic"),
        ("proxy.runs.turn", "import aiohttp"),
        ("proxy.runs.turn", "from proxy.clock import Clock"),
        ("proxy.runs.turn", "from ..store import Store"),
        ("proxy.schema.runs", "from proxy import errors"),
        ("proxy.schema.runs", "import asyncio"),
        ("proxy.store.runs", "def f():\n    from proxy.engine import Engine"),
        ("proxy.store.blobs", "from proxy.store.bucket.requests import Bucket"),
        ("proxy.store.blob_directory", "import aiobotocore"),
        ("proxy.engine", "from aiohttp import web"),
        ("proxy.engine", "from adapters import client"),
        ("proxy.operations.runs", "import aiohttp.web"),
        ("proxy.operations.runs", "from proxy.runs.turn import Turn"),
        ("proxy.api.routes", "from proxy.store import Store"),
        ("proxy.api.routes", "import sqlite3"),
        ("proxy.services", "from proxy import app"),
        ("proxy.ids", "from proxy import VERSION"),
        ("adapters.client", "from proxy.errors import APIError"),
        ("adapters.client", "from aiohttp.web import Application"),
        ("config.loading", "import tomli"),
        ("compat_tests.client", "from proxy.schema.runs import Run"),
        ("compat_tests.client", "from aiohttp import web"),
        ("run", "import aiohttp"),
    ],
)
def test_the_test_sees(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "SELECT doc FROM runs",
        "UPDATE runs SET a = 1",
        "INSERT OR IGNORE INTO runs",
        "DELETE FROM runs",
        "CREATE TABLE x",
    ],
)
def test_the_test_sees_sql(text: str) -> None:
    assert statements(f"x = {text!r}") == [text]
