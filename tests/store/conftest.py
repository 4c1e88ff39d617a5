"""A real SQLite store in a directory of its own, and the two threads that most questions need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.schema.threads import Thread
from proxy.store import Store
from proxy.store.threads import insert_thread
from tests.builders import AT, a_thread

HOME = "home"
AWAY = "away"
"""Two projects."""


class FixedClock:
    def now(self) -> int:
        return AT

    def precise(self) -> float:
        return float(AT)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", clock)
    yield store
    await store.aclose()


@pytest.fixture
async def thread(store: Store) -> Thread:
    """A thread at home."""
    thread = a_thread()
    await store.write(lambda db: insert_thread(db, HOME, thread))
    return thread
