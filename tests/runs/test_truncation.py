"""Windows: they stay while they can, jump when they must, and keep the newest message whatever it weighs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.runs.truncation import Weighed, Window, budget, choose, most_tokens


def weights(*tokens: int) -> list[Weighed]:
    """Newest first, as they are read; the newest has the highest place."""
    return [Weighed(seq=len(tokens) - i, tokens=t) for i, t in enumerate(tokens)]


def test_while_everything_fits_nothing_moves() -> None:
    window = choose(weights(10, 10, 10), budget=30, reaches_start=True, slides=False)
    assert window == Window(kept=3, start=None)


def test_when_it_does_not_fit_the_start_jumps_to_half() -> None:
    window = choose(weights(*[10] * 11), budget=100, reaches_start=True, slides=False)
    assert window == Window(kept=5, start=7)


def test_a_part_that_was_read_is_enough_to_jump() -> None:
    assert choose(weights(*[10] * 11), budget=100, reaches_start=False, slides=False).kept == 5


def test_a_client_s_own_wish_slides() -> None:
    assert choose(weights(*[10] * 11), budget=100, reaches_start=True, slides=True) == Window(kept=10, start=None)


def test_a_budget_of_one_run_moves_nothing_for_the_others() -> None:
    window = choose(weights(*[10] * 11), budget=100, reaches_start=True, slides=False, lasts=False)
    assert window.start is None
    assert 5 <= window.kept <= 10


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(50, 300))
def test_prompts_of_one_budget_begin_at_the_same_place_or_later(tokens: list[int], bound: int) -> None:
    """Although nothing is kept between them; and where they begin elsewhere, they had to, or a better place came up."""
    begins = [
        choose(weights(*tokens[:said][::-1]), budget=bound, reaches_start=True, slides=False, lasts=False)
        for said in range(1, len(tokens) + 1)
    ]
    firsts = [said - window.kept for said, window in enumerate(begins, start=1)]
    assert firsts == sorted(firsts)


def test_a_budget_of_one_run_holds_the_beginning_for_many_turns() -> None:
    """120 turns of 20 tokens in 1,000, with nothing kept between them."""
    firsts = {
        said - choose(weights(*[20] * said), budget=1000, reaches_start=True, slides=False, lasts=False).kept
        for said in range(1, 121)
    }
    assert len(firsts) <= 10


def test_nothing_to_choose_from() -> None:
    assert choose([], budget=-1, reaches_start=True, slides=False) == Window(kept=0, start=None)


def test_without_a_bound_all_is_kept() -> None:
    assert choose(weights(1, 2, 3), budget=None, reaches_start=True, slides=False) == Window(kept=3, start=None)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 300), st.booleans())
def test_the_window_fits_or_is_the_newest_message_alone(tokens: list[int], bound: int, slides: bool) -> None:
    window = choose(weights(*tokens), budget=bound, reaches_start=True, slides=slides)
    assert window.kept >= 1
    assert sum(tokens[: window.kept]) <= bound or window.kept == 1


def test_after_a_jump_many_turns_fit_before_the_next() -> None:
    """120 turns of 20 tokens in 1,000: the start moves a handful of times, not once a turn."""
    thread: list[Weighed] = []
    start, moves = 0, 0
    for turn in range(120):
        thread.append(Weighed(seq=turn + 1, tokens=20))
        newest_first = [w for w in reversed(thread) if w.seq >= start]
        window = choose(newest_first, budget=1000, reaches_start=True, slides=False)
        if window.start is not None:
            start, moves = window.start, moves + 1
    assert 1 <= moves <= 6


@pytest.mark.parametrize(
    ("context", "prompt", "answer", "expected"),
    [
        (None, None, None, None),
        (8_000, None, None, 6_000),
        (128_000, None, None, 123_904),
        (8_000, None, 500, 7_500),
        (8_000, None, 100_000, 4_000),
        (8_000, 300, None, 300),
        (None, 300, 100, 300),
    ],
)
def test_the_budget(context: int | None, prompt: int | None, answer: int | None, expected: int | None) -> None:
    assert budget(context, max_prompt_tokens=prompt, answer_tokens=answer) == expected


@pytest.mark.parametrize(
    ("context", "prompt", "expected"), [(8_000, None, 5_800), (800, None, 500), (8_000, 300, 300), (None, 300, 300)]
)
def test_tools_take_some_of_the_context(context: int | None, prompt: int | None, expected: int) -> None:
    assert budget(context, max_prompt_tokens=prompt, answer_tokens=None, tools=True) == expected


@given(st.text())
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    assert most_tokens(text) >= len(text.encode())
