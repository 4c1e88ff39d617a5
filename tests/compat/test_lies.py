"""The suite notices lies: each is told by a proxy before our server, and some case must fail for it."""

import pytest

from compat_tests.case import NamedCase, read_cases
from compat_tests.client import Client
from compat_tests.playing import play
from compat_tests.target import Target
from tests.compat.lies import LIES
from tests.compat.lying import Lie, lying

CASES = read_cases()
HONEST = Lie(name="nothing changed", look="assistants")


async def caught_by(lie: Lie, target: Target) -> tuple[NamedCase | None, int]:
    """The first case that does not pass, and how often the lie was told until then."""
    async with lying(lie, target.client.base_url) as liar, Client(liar.url, target.client.api_key) as client:
        through = Target(client=client, upstream=target.upstream, is_ours=False)
        for case in sorted(CASES, key=lambda each: each.resource != lie.look):
            result = await play(case, through)
            if result.outcome == "failed":
                return case, liar.told
        return None, liar.told


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name.replace(" ", "-"))
async def test_a_lie_is_caught(lie: Lie, target: Target) -> None:
    case, told = await caught_by(lie, target)
    assert told, "nobody was lied to"
    assert case is not None


@pytest.mark.asyncio(loop_scope="session")
async def test_the_truth_is_not(target: Target) -> None:
    assert await caught_by(HONEST, target) == (None, 0)


def test_there_are_enough() -> None:
    assert len({lie.name for lie in LIES}) == len(LIES) >= 25
