"""Windows over random threads, as they reach the model server: what fits, what stays, and what moves when it must."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from compat_tests.scripted_upstream import count, scripted_upstream, text
from compat_tests.scripted_upstream.flavours import prompt_tokens
from proxy.runs.truncation import KEPT_SHARE, TEMPLATE_TOKENS, budget
from proxy.schema.runs import RunStatus, TruncationStrategyInput
from proxy.schema.threads import Thread
from tests.engine.conftest import StandingClock, World, a_process

FIXED = 60
"""More than is counted beside the messages: the assistants' one tool, and the beginning of the answer."""
LEAST_FIXED = 2 * TEMPLATE_TOKENS
ANSWER = 40

Message = dict[str, str]


class Turn(Struct, frozen=True):
    """Words of the user and of the model, and the limits of the run."""

    asked: int
    answered: int
    max_prompt: int | None = None
    max_completion: int | None = None
    last: int | None = None


class Seen(Struct, frozen=True):
    """What the model server was given: the messages from a place in the thread on, and how many tokens might have."""

    start: int
    room: int
    lasts: bool
    """Whether the context set the room, and not the client for this run."""
    body: str


class Talk:
    """A thread as its client knows it."""

    def __init__(self, world: World, thread: Thread, context: int) -> None:
        self._world = world
        self._thread = thread
        self._context = context
        self._words = 0
        self.said: list[Message] = [{"role": "user", "content": "Hello there"}]

    async def take(self, turn: Turn) -> Seen:
        world, answer = self._world, self._some(turn.answered)
        self.said.append({"role": "user", "content": self._some(turn.asked)})
        await world.say(self._thread.id, self.said[-1]["content"])
        world.upstream.reply(text(answer))
        before = len(world.upstream.requests)
        run = await world.until_rest(await world.run(self._thread, **self._options(turn)))
        assert run.status is RunStatus.COMPLETED
        (request,) = world.upstream.requests[before:]
        sent = request["messages"]
        start = len(self.said) - len(sent)
        assert sent == self.said[start:], "the newest messages in their order, and nothing else"
        room, of_context = (self._room(turn, max_prompt) for max_prompt in (turn.max_prompt, None))
        assert prompt_tokens(sent) <= room <= self._context - ANSWER * bool(turn.max_completion)
        self.said.append({"role": "assistant", "content": answer})
        return Seen(start, room, room == of_context, json.dumps(sent).removesuffix("]"))

    def weight(self, start: int) -> int:
        """Tokens, as they are counted, of all that the last request could have had from a place in the thread on."""
        return sum(count(message["content"]) + TEMPLATE_TOKENS for message in self.said[start:-1])

    def _room(self, turn: Turn, max_prompt: int | None) -> int:
        room = budget(self._context, max_prompt_tokens=max_prompt, answer_tokens=turn.max_completion, tools=True)
        assert room is not None
        return room

    def _options(self, turn: Turn) -> dict[str, Any]:
        strategy = TruncationStrategyInput(type="last_messages", last_messages=turn.last) if turn.last else None
        given = {
            "max_prompt_tokens": turn.max_prompt,
            "max_completion_tokens": turn.max_completion,
            "truncation_strategy": strategy,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _some(self, words: int) -> str:
        """No two messages of a thread are alike."""
        self._words += words
        return " ".join(f"w{number}" for number in range(self._words - words, self._words))


@asynccontextmanager
async def a_talk(context: int) -> AsyncIterator[Talk]:
    with TemporaryDirectory() as directory:
        async with (
            scripted_upstream(flavour="vllm", context=context) as upstream,
            a_process(Path(directory), upstream, StandingClock()) as world,
        ):
            yield Talk(world, await world.thread("Hello there"), context)


CONTEXTS = st.integers(300, 1_200)
LENGTHS = st.integers(1, 60)
AUTO = st.builds(Turn, LENGTHS, LENGTHS, st.none(), st.sampled_from([None, ANSWER]))
BOUND = st.builds(Turn, LENGTHS, LENGTHS, st.integers(256, 600), st.sampled_from([None, ANSWER]))
LAST = st.builds(Turn, LENGTHS, LENGTHS, st.none(), st.sampled_from([None, ANSWER]), st.integers(1, 9))


@settings(max_examples=12, deadline=None)
@given(context=CONTEXTS, turns=st.lists(AUTO, min_size=8, max_size=20))
async def test_prompts_keep_their_beginning_until_they_cannot(context: int, turns: list[Turn]) -> None:
    async with a_talk(context) as talk:
        before = Seen(0, 0, True, "[")
        for turn in turns:
            seen = await talk.take(turn)
            if seen.start == before.start:
                assert seen.body.startswith(before.body)
            else:
                moved_as_it_must(talk, before.start, seen)
            assert not fits_surely(talk, before.start, seen) or seen.start == before.start
            before = seen


@settings(max_examples=12, deadline=None)
@given(context=CONTEXTS, turns=st.lists(AUTO | AUTO | BOUND | LAST, min_size=8, max_size=20))
async def test_what_one_run_wishes_moves_nothing_for_the_others(context: int, turns: list[Turn]) -> None:
    async with a_talk(context) as talk:
        start = 0
        for turn in turns:
            seen = await talk.take(turn)
            if turn.last is not None:
                exactly_the_last(talk, turn.last, seen)
            elif seen.start != start:
                assert not fits_surely(talk, start, seen)
                assert seen.start > start, "what the thread's window has left behind does not come back"
                if seen.lasts:
                    moved_as_it_must(talk, start, seen)
                    start = seen.start


@settings(max_examples=8, deadline=None)
@given(bound=st.integers(256, 500), turns=st.lists(st.tuples(LENGTHS, LENGTHS), min_size=8, max_size=20))
async def test_a_bound_of_every_run_keeps_beginnings_too(bound: int, turns: Sequence[tuple[int, int]]) -> None:
    """Nothing is kept between these runs, and still the window never moves back."""
    async with a_talk(8_000) as talk:
        before = Seen(0, 0, False, "[")
        for asked, answered in turns:
            seen = await talk.take(Turn(asked, answered, max_prompt=bound))
            assert seen.start >= before.start
            assert seen.start > before.start or seen.body.startswith(before.body)
            assert not fits_surely(talk, 0, seen) or seen.start == 0
            before = seen


def fits_surely(talk: Talk, start: int, seen: Seen) -> bool:
    return talk.weight(start) + FIXED <= seen.room


def moved_as_it_must(talk: Talk, start: int, seen: Seen) -> None:
    """Forward, because it had to, and so far that the thread may grow again: to half of the room, and no further."""
    assert seen.start > start
    assert talk.weight(start) + FIXED > seen.room
    only_the_newest = seen.start == len(talk.said) - 2
    assert only_the_newest or talk.weight(seen.start) <= (seen.room - LEAST_FIXED) * KEPT_SHARE
    assert talk.weight(seen.start - 1) > int((seen.room - FIXED) * KEPT_SHARE)


def exactly_the_last(talk: Talk, number: int, seen: Seen) -> None:
    """As many as the client wants, or as many of them as fit."""
    asked = len(talk.said) - 1
    wanted = max(0, asked - number)
    assert seen.start >= wanted
    if seen.start > wanted:
        assert talk.weight(seen.start - 1) + FIXED > seen.room
