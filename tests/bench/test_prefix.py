"""What the benchmark of prefixes counts, on threads small enough to count by hand."""

import pytest

from bench.processes import scripted
from bench.recorder import recorder
from bench.windows import Reuse, reuse, shared_prefix, slid, turns
from bench.wire import Connection


@pytest.mark.parametrize(
    ("before", "after", "shared"),
    [([], [], 0), ([1, 2], [1, 2, 3], 2), ([1, 2, 3], [1, 2], 2), ([1, 2, 3], [1, 9, 3], 1), ([1], [2], 0)],
)
def test_tokens_that_two_prompts_begin_with(before: list[int], after: list[int], shared: int) -> None:
    assert shared_prefix(before, after) == shared


def test_reuse_over_a_thread_whose_window_moved_once() -> None:
    prompts = [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [0, 5, 6], [0, 5, 6, 7]]
    assert reuse(prompts) == Reuse(tokens=17, shared=10, moves=1)
    assert reuse(prompts).percent == pytest.approx(1000 / 17)


def test_a_window_that_slides_drops_just_enough() -> None:
    said = [{"role": role, "content": str(n)} for n, role in enumerate(["user", "assistant"] * 3)]
    windows = list(slid(said, [10, 20, 30, 10, 10, 10], rooms=[100, 60, 50]))
    assert [[message["content"] for message in window] for window in windows] == [
        ["0"],
        ["0", "1", "2"],
        ["2", "3", "4"],
    ]


def test_turns_are_the_same_each_time() -> None:
    thread = turns(40, longest=9, limits=[5, None])
    assert thread == turns(40, longest=9, limits=[5, None])
    assert {len(turn.said.split()) - 1 for turn in thread} == set(range(2, 10))
    assert {turn.room for turn in thread} == {4091, 3072}


def test_the_recorder_passes_on_and_keeps_what_was_said() -> None:
    with scripted(context=100) as server, recorder(server.url) as recorded:
        connection = Connection(recorded.url)
        body = {"model": "tiny", "messages": [{"role": "user", "content": "say river"}], "stream": True}
        assert connection.ask("POST", "/tokenize", {"prompt": "two words"})["count"] == 2
        streamed = connection.stream("/v1/chat/completions", body, marker=b"river")
        assert connection.ask("GET", "/v1/models")["data"][0]["id"] == "tiny"
        connection.close()
        (exchange,) = recorded.take("/v1/chat/completions")
        assert b'"say river"' in exchange.asked
        assert exchange.answered == streamed.body
        assert recorded.take("/v1/models") == []
