"""Files of traffic, written for one test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compat_tests.exchange import Recording
from compat_tests.reading import read

Keep = Callable[[str, Any], Path]
ReadOne = Callable[[str, Any], Recording]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Write a file of that name: text and bytes as they are, anything else as JSON."""

    def write(name: str, content: Any) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return file

    return write


@pytest.fixture
def read_one(keep: Keep) -> ReadOne:
    """Write a file, and read the one recording in it."""

    def write_and_read(name: str, content: Any) -> Recording:
        (found,) = read(keep(name, content))
        return found

    return write_and_read
