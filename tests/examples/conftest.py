"""One server for all examples, in front of a scripted model server, both started as their users start them."""

from collections.abc import AsyncIterator

import pytest_asyncio

from compat_tests.scripted_upstream import ScriptedUpstream
from compat_tests.target import Target, started
from tests.examples.programs import Programs


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target() -> AsyncIterator[Target]:
    """Tests that use it run on the session's loop, one after the other."""
    async with started() as target:
        yield target


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def programs(target: Target) -> Programs:
    return Programs(target)


@pytest_asyncio.fixture(loop_scope="session")
async def upstream(target: Target) -> ScriptedUpstream:
    """The model server, which has been asked nothing yet."""
    assert target.upstream is not None
    target.upstream.script([])
    target.upstream.requests.clear()
    return target.upstream
