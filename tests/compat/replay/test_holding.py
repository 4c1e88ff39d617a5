"""The scripted model server in the hands of a replay."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from compat_tests.replay.holding import Held, Model
from compat_tests.replay.model_script import Turn
from compat_tests.scripted_upstream import ScriptedUpstream
from tests.compat.replay.builders import USAGE

CODE = Turn(hosted="code_interpreter", calls=(("code_interpreter", ("1 + 1",)),), usage=USAGE)
SEARCH = Turn(hosted="file_search", calls=(("file_search", ("",)),), usage=USAGE)


def offering(name: str, **properties: Any) -> dict[str, Any]:
    return {"function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


class Asking:
    def __init__(self, upstream: ScriptedUpstream, session: aiohttp.ClientSession) -> None:
        self.model = Model(upstream)
        self._url = f"{upstream.url}/v1/chat/completions"
        self._session = session

    def expect(self, *turns: Turn, is_full: bool = False, speaks: bool = True) -> Held:
        held = self.model.expect(turns, is_full=is_full)
        if speaks:
            held.speaks.set()
        return held

    async def __call__(self, *tools: Any) -> tuple[int, Any]:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "When?"}], "tools": list(tools)}
        async with self._session.post(self._url, json=body) as answer:
            told = await answer.json()
            return answer.status, told["choices"][0]["message"] | {
                "usage": told["usage"]
            } if "choices" in told else told

    async def says(self, *tools: Any) -> str:
        return str((await self(*tools))[1]["content"])


@pytest.fixture
async def ask() -> AsyncIterator[Asking]:
    upstream = ScriptedUpstream()
    await upstream.start()
    async with aiohttp.ClientSession() as session:
        yield Asking(upstream, session)
    await upstream.stop()


async def test_it_says_one_turn_after_the_other(ask: Asking) -> None:
    ask.expect(Turn(pieces=("One.",)), Turn(pieces=("Two.",)))
    ask.expect(Turn(pieces=("Three.",)))
    assert [await ask.says() for _ in range(3)] == ["One.", "Two.", "Three."]
    assert ask.model.unexpected == 0


async def test_what_the_recording_does_not_know_is_counted(ask: Asking) -> None:
    assert "no more" in await ask.says()
    assert ask.model.unexpected == 1


async def test_it_waits_until_it_may_speak(ask: Asking) -> None:
    held = ask.expect(Turn(pieces=("At 5:42.",)), speaks=False)
    with pytest.raises(TimeoutError):
        await ask._session.post(ask._url, json={"messages": [1]}, timeout=aiohttp.ClientTimeout(total=0.1))
    await held.was_asked()
    assert not held.turns


async def test_it_has_no_room_until_it_has(ask: Asking) -> None:
    held = ask.expect(Turn(pieces=("At 5:42.",)), is_full=True)
    assert [(await ask())[0] for _ in range(3)] == [429, 429, 429]
    assert held.asked.is_set()
    held.has_room.set()
    assert await ask.says() == "At 5:42."


async def test_a_tool_that_is_offered_is_called(ask: Asking) -> None:
    ask.expect(SEARCH, CODE, Turn(pieces=("Two.",), usage=USAGE))
    queries = offering("file_search", queries={"type": "array"})
    tools = [queries, offering("code_interpreter", code={"type": "string"})]
    (search,) = (await ask(*tools))[1]["tool_calls"]
    (code,) = (await ask(*tools))[1]["tool_calls"]
    assert json.loads(search["function"]["arguments"]) == {"queries": ["When?"]}
    assert json.loads(code["function"]["arguments"]) == {"code": "1 + 1"}
    assert await ask.says(*tools) == "Two."


async def test_without_the_tool_it_says_what_it_said_in_the_end(ask: Asking) -> None:
    ask.expect(Turn(pieces=("Let me see.",), usage=USAGE), CODE, Turn(pieces=("Two.",), usage=USAGE))
    ask.expect(Turn(pieces=("Three.",)))
    _, message = await ask()
    assert message["content"] == "Two."
    assert message["usage"] == {key: 3 * value for key, value in USAGE.items()}
    assert await ask.says() == "Three."


async def test_let_go_it_answers_by_rule_again(ask: Asking) -> None:
    ask.expect(Turn(pieces=("At 5:42.",)), speaks=False)
    ask.model.let_go(is_hung_up=False)
    assert await ask.says() == "When?"
