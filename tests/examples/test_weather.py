"""examples/weather.py: calls in parallel, a call that goes wrong, a second round; polled and streamed."""

import asyncio
import json
from typing import Any

import pytest

from compat_tests.scripted_upstream import Reply, ScriptedUpstream, text, tool_calls
from tests.examples.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARIS, ATLANTIS, ROME = ({"city": city} for city in ("Paris", "Atlantis", "Rome"))


async def test_calls_and_rounds(programs: Programs, upstream: ScriptedUpstream) -> None:
    """Polled and streamed at the same time, as each takes a second to begin."""
    sunk = json.dumps({"error": "KeyError('Atlantis')"})
    outputs = ["14 °C and rain", sunk, "22 °C and sunshine"]

    def turn(body: dict[str, Any]) -> Reply:
        match [message["content"] for message in body["messages"] if message["role"] == "tool"]:
            case []:
                return tool_calls([("get_weather", PARIS), ("get_weather", ATLANTIS)])
            case told if told == outputs[:2]:
                return tool_calls([("get_weather", ROME)])
            case told:
                assert told == outputs
                return text("Rain in Paris, sunshine in Rome.")

    upstream.script([turn] * 6)
    asked = "What is the weather in Paris and Atlantis?"
    printed = await asyncio.gather(
        programs.example("weather.py", asked), programs.example("weather.py", "--stream", asked)
    )
    for each in printed:
        assert each.splitlines() == [
            '[get_weather {"city": "Paris"} -> 14 °C and rain]',
            f'[get_weather {{"city": "Atlantis"}} -> {sunk}]',
            '[get_weather {"city": "Rome"} -> 22 °C and sunshine]',
            "Rain in Paris, sunshine in Rome.",
        ]
    assert upstream.unanswered == 0
