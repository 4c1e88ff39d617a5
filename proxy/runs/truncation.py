"""Which messages of a thread fit a prompt, so that the prompt keeps its beginning for as long as it can.

`auto` keeps a window start on the thread. While everything from there on fits, nothing moves; when it does not, the
start jumps forward until the window takes half of the budget, so that many more turns fit before it must move again. A
window that slides by one message every turn changes the prompt's beginning every turn, and with it goes the server's
prefix cache. Of the prompt tokens of 500 turns in a budget of 3,072, so much was there in the turn before (simulated;
`make bench ARGS=prefix` counts it on the wire):

    kept by a jump   all that fits (slides)   80 %     70 %     60 %     50 %     40 %     30 %
    turns of  50             13.9 %           91.6 %   93.8 %   94.9 %   95.6 %   96.0 %   96.3 %
    turns of 100             10.5 %           84.3 %   88.3 %   90.5 %   91.6 %   92.5 %   92.9 %
    turns of 200              9.6 %           72.9 %   78.6 %   82.4 %   84.5 %   85.7 %   86.5 %
    mean of the budget used                    88 %     83 %     79 %     73 %     69 %     64 %

What must be computed is about 2t / (1 - k²)B of the tokens, for turns of t tokens in a budget of B, where a jump keeps
the share k; below a half, forgetting more hardly saves any. `last_messages` is the client's explicit wish, and slides.
`max_prompt_tokens` is a wish for one run, and moves nothing for the runs after it.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

KEPT_SHARE: Final = 0.5
TEMPLATE_TOKENS: Final = 8
"""What a chat template adds around one message; an upper estimate over the templates of common models. What it puts
at the prompt's end, for the answer to go on from, counts as a message."""

TOOLS_TOKENS: Final = 200
"""What templates tell a model about calling tools, beside the tools; an upper estimate likewise. It is taken off the
context only: a client's own budget is not used up by what may be."""

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


def choose(
    newest_first: Sequence[Weighed], *, budget: int | None, reaches_start: bool, slides: bool, lasts: bool = True
) -> Window:
    """`newest_first` holds the window, or as much of it as was read; `reaches_start` says that it is all of it.

    The newest message is kept whatever it weighs: a prompt without it would answer nothing. Unless the budget `lasts`,
    the window begins for this prompt only, at a place that the next one will choose again if it can.
    """
    if budget is None or not newest_first:
        return Window(kept=len(newest_first), start=None)
    if reaches_start and sum(weight.tokens for weight in newest_first) <= budget:
        return Window(kept=len(newest_first), start=None)
    most = _fitting(newest_first, budget)
    if slides:
        return Window(kept=most, start=None)
    fewest = _fitting(newest_first, int(budget * KEPT_SHARE))
    if lasts:
        return Window(kept=fewest, start=newest_first[fewest - 1].seq)
    # Of all places where it may begin, the same one wins until it has fallen out, with nothing to be kept meanwhile.
    return Window(kept=min(range(fewest, most + 1), key=lambda kept: _lot(newest_first[kept - 1].seq)), start=None)


def _fitting(newest_first: Sequence[Weighed], room: int) -> int:
    """How many fit; one at least."""
    used = 0
    for kept, weight in enumerate(newest_first):
        used += weight.tokens
        if kept and used > room:
            return kept
    return len(newest_first)


def _lot(seq: int) -> int:
    """What a message always draws, and nobody could have guessed from those of its neighbours (MurmurHash3's end)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        seq = (seq ^ (seq >> 33)) * factor % 2**64
    return seq ^ (seq >> 33)


def most_tokens(text: str) -> int:
    """More tokens than `text` can have: no tokenizer makes more than one of a byte."""
    return len(text.encode()) + TEMPLATE_TOKENS


def budget(
    context_length: int | None, *, max_prompt_tokens: int | None, answer_tokens: int | None, tools: bool = False
) -> int | None:
    """Tokens for the whole prompt; None where nothing bounds it. `tools`: whether any are in it."""
    bounds = []
    if max_prompt_tokens is not None:
        bounds.append(max_prompt_tokens)
    if context_length is not None:
        # Without a wish of the client's, a quarter of a small context, and at most 4,096 tokens, are left to answer in.
        reserved = min(context_length // 4, 4_096)
        markup = min(TOOLS_TOKENS, context_length // 8) if tools else 0
        bounds.append(context_length - markup - min(answer_tokens or reserved, context_length // 2))
    return min(bounds, default=None)
