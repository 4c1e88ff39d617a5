"""Which messages of a thread fit a prompt, so that the prompt keeps its beginning for as long as it can.

`auto` keeps a window start on the thread. While everything from there on fits, nothing moves; when it does not, the
start jumps forward until the window takes 70 % of the budget, so that many more turns fit before it must move again. A
window that slides by one message every turn changes the prompt's beginning every turn, and with it goes the server's
prefix cache: on a real SGLang, 120 turns in 1,500 tokens reused 17.5 % of the prompt tokens sliding, 79.8 % jumping.
`last_messages` is the client's explicit wish, and slides.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

KEPT_SHARE: Final = 0.7
TEMPLATE_TOKENS: Final = 8
"""What a chat template adds around one message; an upper estimate over the templates of common models."""

IMAGE_TOKENS: Final = 1_000
"""An image's share of the prompt: servers differ widely, and none says so before it has the image."""


class Weighed(Struct, frozen=True, kw_only=True):
    """A message's place in its thread and its tokens."""

    seq: int
    tokens: int


class Window(Struct, frozen=True, kw_only=True):
    kept: int
    """How many of the newest messages fit."""
    start: int | None
    """Where the thread's window begins from here on, if it moves; None where it stays."""


def choose(newest_first: Sequence[Weighed], *, budget: int | None, reaches_start: bool, slides: bool) -> Window:
    """`newest_first` holds the window, or as much of it as was read; `reaches_start` says that it is all of it.

    The newest message is kept whatever it weighs: a prompt without it would answer nothing.
    """
    if budget is None:
        return Window(kept=len(newest_first), start=None)
    if reaches_start and sum(weight.tokens for weight in newest_first) <= budget:
        return Window(kept=len(newest_first), start=None)
    room = budget if slides else int(budget * KEPT_SHARE)
    kept = 0
    used = 0
    for weight in newest_first:
        used += weight.tokens
        if kept and used > room:
            break
        kept += 1
    start = None if slides or not kept else newest_first[kept - 1].seq
    return Window(kept=kept, start=start)


def most_tokens(text: str) -> int:
    """More tokens than `text` can have: no tokenizer makes more than one of a byte."""
    return len(text.encode()) + TEMPLATE_TOKENS


def budget(context_length: int | None, *, max_prompt_tokens: int | None, answer_tokens: int | None) -> int | None:
    """Tokens for the whole prompt; None where nothing bounds it."""
    bounds = []
    if max_prompt_tokens is not None:
        bounds.append(max_prompt_tokens)
    if context_length is not None:
        # Without a wish of the client's, a quarter of a small context, and at most 4,096 tokens, are left to answer in.
        reserved = min(context_length // 4, 4_096)
        bounds.append(context_length - min(answer_tokens or reserved, context_length // 2))
    return min(bounds, default=None)
