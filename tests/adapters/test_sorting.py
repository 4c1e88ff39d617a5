"""Chunks with thinking and calls in their text, and what they become."""

import pytest

from adapters.chat import Chunk, FinishReason, ToolCallFragment, Usage
from adapters.markup.offered import Offered
from adapters.markup.recogniser import Recogniser
from adapters.sorting import Sorter
from adapters.thinking import Thinking
from tests.adapters.markup.reading import PARIS, TOOLS

MARKUP = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>'
CALL = ToolCallFragment(index=0, name=PARIS[0], arguments=PARIS[1])
OWN = ToolCallFragment(index=0, id="call_1", name="get_time", arguments="{}")


def a_sorter(*, tools: bool = True, inside: bool = False) -> Sorter:
    return Sorter(Thinking(begins_inside=inside), Recogniser(Offered(TOOLS), bare=False) if tools else None)


def sort(*chunks: Chunk, tools: bool = True, inside: bool = False) -> list[Chunk]:
    sorter = a_sorter(tools=tools, inside=inside)
    parts: list[Chunk] = []
    for chunk in chunks:
        parts += [chunk] if sorter.passes(chunk) else sorter.sort(chunk)
    return [part for part in parts if part != Chunk()]


def test_thinking_then_text_then_a_call() -> None:
    whole = Chunk(text=f"<think>Hm.</think>\nLook:{MARKUP}", finish="stop", usage=Usage(prompt_tokens=3))
    assert sort(whole) == [
        Chunk(reasoning="Hm.", text="\nLook:"),
        Chunk(tool_calls=(CALL,), finish="tool_calls", usage=Usage(prompt_tokens=3)),
    ]
    assert sort(Chunk(text="<think>Hm.</think>\nLook:"), Chunk(text=MARKUP), Chunk(finish="stop")) == [
        Chunk(reasoning="Hm.", text="\nLook:"),
        Chunk(tool_calls=(CALL,)),
        Chunk(finish="tool_calls"),
    ]


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls"])
def test_only_stop_becomes_tool_calls(finish: FinishReason) -> None:
    assert sort(Chunk(text=MARKUP), Chunk(finish=finish)) == [Chunk(tool_calls=(CALL,)), Chunk(finish=finish)]


def test_a_call_cut_off_by_its_length() -> None:
    assert sort(Chunk(text="Look: "), Chunk(text=MARKUP[:30]), Chunk(finish="length")) == [
        Chunk(text="Look: "),
        Chunk(finish="length"),
    ]


def test_thinking_that_never_ends() -> None:
    assert sort(Chunk(text="<think>Hm, "), Chunk(text="hm</thi", finish="length")) == [
        Chunk(reasoning="Hm, "),
        Chunk(reasoning="hm</thi", finish="length"),
    ]


def test_a_server_that_tells_thinking_apart_itself() -> None:
    """Then the text is what it says, whatever it looks like."""
    assert sort(Chunk(reasoning="Hm."), Chunk(text="<think>"), inside=True) == [
        Chunk(reasoning="Hm."),
        Chunk(text="<think>"),
    ]
    assert sort(Chunk(text="<thi"), Chunk(reasoning="Hm.", text="nk>")) == [Chunk(text="<think>", reasoning="Hm.")]


def test_a_server_that_gives_calls_of_its_own() -> None:
    """Half a marker that it let slip is no text, and behind its calls all is as it came."""
    assert sort(Chunk(text="<tool_call>"), Chunk(tool_calls=(OWN,)), Chunk(text=MARKUP), Chunk(finish="stop")) == [
        Chunk(tool_calls=(OWN,)),
        Chunk(text=MARKUP),
        Chunk(finish="stop"),
    ]
    assert sort(Chunk(text="<think>Hm."), Chunk(tool_calls=(OWN,)), Chunk(text="</think>")) == [
        Chunk(reasoning="Hm."),
        Chunk(tool_calls=(OWN,)),
        Chunk(text="</think>"),
    ]


def test_calls_of_both_kinds() -> None:
    second = ToolCallFragment(index=1, id="call_1", name="get_time", arguments="{}")
    assert sort(Chunk(text=MARKUP), Chunk(tool_calls=(second,)), Chunk(finish="stop")) == [
        Chunk(tool_calls=(CALL,)),
        Chunk(tool_calls=(second,)),
        Chunk(finish="tool_calls"),
    ]


def test_an_end_without_a_reason() -> None:
    sorter = a_sorter()
    assert sorter.sort(Chunk(text="a <tool")) == [Chunk(text="a ")]
    assert sorter.end() == [Chunk(text="<tool")]
    assert sorter.end() == []


def test_a_refusal_stays_where_it_is() -> None:
    assert sort(Chunk(refusal="No.", text="a"), Chunk(refusal="No.")) == [
        Chunk(refusal="No.", text="a"),
        Chunk(refusal="No."),
    ]


def test_without_tools_it_is_over_with_the_first_word() -> None:
    sorter = a_sorter(tools=False)
    assert sorter.sort(Chunk(text="\n")) == [Chunk(text="\n")]
    assert not sorter.is_over
    assert sorter.sort(Chunk(text="<b>")) == [Chunk(text="<b>")]
    assert sorter.is_over


def test_with_tools_it_is_over_with_the_finish() -> None:
    sorter = a_sorter()
    assert sorter.sort(Chunk(text="Hello [")) == [Chunk(text="Hello ")]
    assert not sorter.passes(Chunk(text="1]"))
    assert sorter.sort(Chunk(text="1]")) == [Chunk(text="[1]")]
    assert sorter.passes(Chunk(text="there"))
    assert sorter.passes(Chunk(usage=Usage()))
    assert not sorter.passes(Chunk(text="there", finish="stop"))
    assert not sorter.is_over
    assert sorter.sort(Chunk(finish="stop")) == [Chunk(finish="stop")]
    assert sorter.is_over
