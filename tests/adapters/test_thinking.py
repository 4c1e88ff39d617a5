"""What is thought and what is said, wherever the text is cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.thinking import MARKS, Thinking


def split(*pieces: str, begins_inside: bool = False) -> tuple[str, str]:
    thinking = Thinking(begins_inside=begins_inside)
    parts = [*(thinking.feed(piece) for piece in pieces), thinking.end()]
    assert thinking.is_over
    return "".join(thought for thought, _ in parts), "".join(said for _, said in parts)


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "\nHm.\n", "\n\nYes."),
        ("<think></think>Yes.", "", "Yes."),
        ("<thinking>Hm.</thinking>Yes.", "Hm.", "Yes."),
        ("[THINK]Hm.[/THINK]Yes.", "Hm.", "Yes."),
        ("\n <think>Hm.</think>Yes.", "Hm.", "\n Yes."),
        ("<think>a < b </thin </thinking> [/THINK]</think>Yes.", "a < b </thin </thinking> [/THINK]", "Yes."),
        ("<think>Hm.", "Hm.", ""),
        ("<think>Hm.</thi", "Hm.</thi", ""),
        ("<think>Hm.</think><think>No.</think>", "Hm.", "<think>No.</think>"),
        ("Yes. <think>Hm.</think>", "", "Yes. <think>Hm.</think>"),
        ("<thin", "", "<thin"),
        ("<think", "", "<think"),
        ("<thinks>", "", "<thinks>"),
        ("[THINKING]", "", "[THINKING]"),
        ("Hm.</think>Yes.", "", "Hm.</think>Yes."),
        (" \n", "", " \n"),
        ("", "", ""),
    ],
)
def test_split(text: str, thought: str, said: str) -> None:
    assert split(text) == (thought, said)
    assert split(*text) == (thought, said)


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("\nHm.</think>\n\nYes.", "\nHm.", "\n\nYes."),
        ("Hm.[/THINK]Yes.", "Hm.", "Yes."),
        ("<think>Hm.</think>Yes.", "Hm.", "Yes."),
        ("\n<think>Hm.</think>Yes.", "\nHm.", "Yes."),
        ("Hm. <think> </think>Yes.", "Hm. <think> ", "Yes."),
        ("Hm.", "Hm.", ""),
        ("</think>Yes.</think>", "", "Yes.</think>"),
        ("  ", "  ", ""),
    ],
)
def test_split_what_begins_inside(text: str, thought: str, said: str) -> None:
    assert split(text, begins_inside=True) == (thought, said)
    assert split(*text, begins_inside=True) == (thought, said)


@pytest.mark.parametrize(
    ("before", "held", "then"),
    [
        ("", "<thin", ("", "<thinx")),
        ("\n", "[TH", ("", "[THx")),
        ("<think>Hm.", "</thin", ("</thinx", "")),
        ("<thinking>Hm.", "</think", ("</thinkx", "")),
    ],
)
def test_half_a_mark_is_held_back(before: str, held: str, then: tuple[str, str]) -> None:
    thinking = Thinking()
    thinking.feed(before)
    assert [thinking.feed(char) for char in held] == [("", "")] * len(held)
    assert thinking.feed("x") == then


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*MARKS, *MARKS.values(), "<", "[", "</", "think", " ", "\n"]),
        st.text(alphabet="a <>[]/", max_size=4),
    ),
    max_size=8,
)


@settings(max_examples=300)
@given(pieces=PIECES, inside=st.booleans(), data=st.data())
def test_pieces_make_no_difference(pieces: list[str], inside: bool, data: st.DataObject) -> None:
    text = "".join(pieces)
    whole = split(text, begins_inside=inside)
    assert split(*pieces, begins_inside=inside) == whole
    assert split(*text, begins_inside=inside) == whole
    thought, said = whole
    assert len(text) - len(thought + said) in {
        0,
        *(len(m) for m in MARKS),
        *(len(m) for m in MARKS.values()),
        *(len(m) + len(end) for m in MARKS for end in MARKS.values()),
    }
    assert text.endswith(said.lstrip()) or said.isspace()
