"""Every case of the conformance suite, played on our server."""

import pytest

from compat_tests.case import NamedCase, read_cases
from compat_tests.playing import play
from compat_tests.target import Servers

CASES = read_cases()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("case", CASES, ids=[f"{each.resource}/{each.slug}" for each in CASES])
async def test_case(case: NamedCase, servers: Servers) -> None:
    result = await play(case, await servers.of(case.case.needs))
    assert (result.outcome, result.reason, result.all_differences) == ("passed", "", ())
    assert result.asked
