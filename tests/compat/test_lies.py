"""The suite notices lies: a proxy before our server tells them, and some case and some recording must fail for each."""

import pytest

from compat_tests.case import NamedCase, read_cases
from compat_tests.client import Client
from compat_tests.exchange import Recording
from compat_tests.playing import play
from compat_tests.replay import replay
from compat_tests.target import Target
from tests.compat.lies import LIES
from tests.compat.lying import Lie, lying
from tests.compat.results import Results
from tests.compat.test_recordings import V2
from tests.recordings import cases

CASES = read_cases()
HONEST = Lie(name="nothing changed", look="assistants")


def name_of(lie: Lie) -> str:
    return lie.name.replace(" ", "-")


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
@pytest.mark.parametrize("lie", LIES, ids=name_of)
async def test_a_lie_is_caught(lie: Lie, target: Target) -> None:
    case, told = await caught_by(lie, target)
    assert told, "nobody was lied to"
    assert case is not None


SHORTEST_FIRST = sorted(V2, key=lambda each: len(each.exchanges))
NOT_RECORDED = {
    "a failure without its code": "no run failed while it was recorded",
    "an answer without its request's id": "headers are not compared: those of recordings are masked",
}


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("everything", cases([SHORTEST_FIRST] if SHORTEST_FIRST else []))
@pytest.mark.parametrize("lie", [lie for lie in LIES if lie.name not in NOT_RECORDED], ids=name_of)
async def test_a_lie_is_caught_by_a_recording(
    everything: list[Recording], lie: Lie, target: Target, results: Results
) -> None:
    """By one that passes when it is told the truth."""
    async with lying(lie, target.client.base_url) as liar, Client(liar.url, target.client.api_key) as client:
        through = Target(client=client, upstream=target.upstream, is_ours=True)
        for each in everything:
            if (await replay(each, through)).outcome == "failed":
                assert liar.told, "nobody was lied to"
                assert (await results.of_recording(each)).outcome in {"passed", "accepted"}
                return
    pytest.fail("no recording shows it")


@pytest.mark.asyncio(loop_scope="session")
async def test_the_truth_is_not(target: Target) -> None:
    assert await caught_by(HONEST, target) == (None, 0)


def test_there_are_enough() -> None:
    assert len({lie.name for lie in LIES}) == len(LIES) >= 25
