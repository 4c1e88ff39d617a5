"""One server, started as its users start it, for all cases and recordings of a session."""

from collections.abc import AsyncIterator

import pytest_asyncio

from compat_tests.target import Target, started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target() -> AsyncIterator[Target]:
    """Ours, in front of the scripted model server. Tests that use it run on the session's loop, one after the other."""
    async with started() as target:
        yield target
