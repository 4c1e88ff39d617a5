"""Recorded traffic of the real service, where a checkout of it lies beside this one; tests that need it say so."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

DIRECTORY = Path(os.environ.get("RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "recordings"))


def scenarios(api_version: str = "v2") -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every recorded scenario; none where the recordings are not at hand."""
    for file in sorted(DIRECTORY.glob("*/*.json")):
        scenario = msgspec.json.decode(file.read_bytes())
        if scenario["api_version"] == api_version:
            yield f"{file.parent.name}/{file.stem}", scenario


def cases(found: list[Any]) -> list[Any]:
    """Parameters of a test over recordings: skipped with a notice, rather than passed, where there are none."""
    absent = pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings of the real service at {DIRECTORY.name}"))
    return found or [absent]
