"""Servers, started as their users start them, for all cases and recordings of a session."""

from collections.abc import AsyncIterator

import pytest_asyncio

from compat_tests.target import Servers, Target
from tests.compat.results import Results


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[Servers]:
    """Ours, in front of scripted model servers. Tests that use them run on the session's loop, one after the other."""
    async with Servers() as servers:
        yield servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target(servers: Servers) -> Target:
    """The one that needs no special settings."""
    return await servers.of(())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def results(servers: Servers) -> Results:
    return Results(servers)
