"""examples/weather.py: calls in parallel, a call that goes wrong, a second round; polled and streamed."""

import json

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, text, tool_calls
from tests.examples.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARIS, ATLANTIS, ROME = ({"city": city} for city in ("Paris", "Atlantis", "Rome"))


@pytest.mark.parametrize("how", [(), ("--stream",)], ids=["polled", "streamed"])
async def test_calls_and_rounds(programs: Programs, upstream: ScriptedUpstream, how: tuple[str, ...]) -> None:
    rounds = [
        tool_calls([("get_weather", PARIS), ("get_weather", ATLANTIS)]),
        tool_calls([("get_weather", ROME)]),
        text("Rain in Paris, sunshine in Rome."),
    ]
    upstream.script(rounds)
    printed = await programs.example("weather.py", *how, "What is the weather in Paris and Atlantis?")

    sunk = json.dumps({"error": "KeyError('Atlantis')"})
    assert printed.splitlines() == [
        '[get_weather {"city": "Paris"} -> 14 °C and rain]',
        f'[get_weather {{"city": "Atlantis"}} -> {sunk}]',
        '[get_weather {"city": "Rome"} -> 22 °C and sunshine]',
        "Rain in Paris, sunshine in Rome.",
    ]
    told = [message for message in upstream.requests[-1]["messages"] if message["role"] == "tool"]
    assert [message["content"] for message in told] == ["14 °C and rain", sunk, "22 °C and sunshine"]
