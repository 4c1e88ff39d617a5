"""Threads of a benchmark, the windows that slide over them, and how much of its prompts each prompt repeats. Pure."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

from bench.setting import WORDS
from proxy.runs.truncation import Weighed, budget, choose

CONTEXT: Final = 4_096

Body = dict[str, Any]
Prompt = Sequence[int | str]
"""The tokens of a prompt as the model gets them, the template's among them."""


class Turn(Struct, frozen=True, kw_only=True):
    said: str
    limit: int | None
    """Tokens of the answer."""

    @property
    def room(self) -> int:
        """Tokens for the prompt."""
        room = budget(CONTEXT, max_prompt_tokens=None, answer_tokens=self.limit)
        assert room is not None
        return room


def turns(number: int, *, longest: int, limits: Sequence[int | None] = (None,)) -> list[Turn]:
    """Of two words to `longest`, any length as often as any other, and the same turns each time."""
    dice = random.Random(number)
    words = WORDS.split()
    return [
        Turn(said=f"say {' '.join(dice.choices(words, k=dice.randint(2, longest)))}", limit=dice.choice(limits))
        for _ in range(number)
    ]


def slid(said: Sequence[Body], weights: Sequence[int], *, rooms: Sequence[int]) -> Iterator[list[Body]]:
    """The messages of each turn's prompt in a window that drops just enough."""
    asked = (place for place, message in enumerate(said) if message["role"] == "user")
    for place, room in zip(asked, rooms, strict=True):
        newest_first = [Weighed(seq=i, tokens=weights[i]) for i in range(place, -1, -1)]
        kept = choose(newest_first, budget=room, reaches_start=True, slides=True).kept
        yield list(said[place + 1 - kept : place + 1])


class Reuse(Struct, frozen=True, kw_only=True):
    """Over all prompts but the first, which nothing went before."""

    tokens: int
    shared: int
    """Those that are a beginning shared with the prompt before."""
    moves: int
    """How often the window began elsewhere."""

    @property
    def percent(self) -> float:
        return 100 * self.shared / self.tokens


def reuse(prompts: Sequence[Prompt]) -> Reuse:
    shared = [shared_prefix(before, after) for before, after in pairwise(prompts)]
    return Reuse(
        tokens=sum(len(prompt) for prompt in prompts[1:]),
        shared=sum(shared),
        moves=sum(tokens < len(before) // 2 for tokens, before in zip(shared, prompts, strict=False)),
    )


def shared_prefix(before: Prompt, after: Prompt) -> int:
    for place, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return place
    return min(len(before), len(after))
