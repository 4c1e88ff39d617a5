"""A server of its own for each test: its clock is moved, and its disk may be full."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.streams.place import Place, a_place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path / "data") as place:
        yield place
