"""Every case of the conformance suite, played on our server."""

import pytest

from compat_tests.case import NamedCase, read_cases
from tests.compat.results import Results

CASES = read_cases()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("case", CASES, ids=[f"{each.resource}/{each.slug}" for each in CASES])
async def test_case(case: NamedCase, results: Results) -> None:
    result = await results.of_case(case)
    assert (result.outcome, result.reason, result.all_differences) == ("passed", "", ())
    assert result.asked
