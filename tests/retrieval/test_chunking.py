"""Chunks: nothing is lost, none is too long, and what they repeat is what they say."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ranks import by_length, counter
from proxy.retrieval.analysis import terms_of
from proxy.retrieval.chunking import Chunk, chunks_of, tidy
from proxy.retrieval.unreadable import Unreadable


def words(text: str) -> int:
    """A tokenizer with one token for each word."""
    return len(text.split())


def cut(text: str, most: int, overlap: int, count=words, in_all: int = 10**9) -> list[Chunk]:  # type: ignore[no-untyped-def]
    return list(chunks_of(text, most_tokens=most, overlap_tokens=overlap, count=count, most_in_all=in_all))


def check(text: str, chunks: list[Chunk], most: int, overlap: int, count) -> None:  # type: ignore[no-untyped-def]
    assert "".join(chunk.text[chunk.repeated :] for chunk in chunks) == text
    for before, chunk in pairwise(chunks):
        assert before.text.endswith(chunk.text[: chunk.repeated])
        assert chunk.repeated < len(chunk.text)
        assert count(chunk.text[: chunk.repeated]) <= overlap
    for chunk in chunks:
        assert count(chunk.text) <= most
        assert chunk.terms == terms_of(chunk.text)


def test_a_short_text_is_one_chunk() -> None:
    assert [chunk.text for chunk in cut("One two three.\n", 100, 50)] == ["One two three.\n"]
    assert cut("", 100, 50) == []


def test_chunks_begin_with_the_end_of_the_one_before() -> None:
    lines = [f"line {n:03}\n" for n in range(100)]
    first, second, *_, last = cut("".join(lines), 100, 50)
    assert first.text == "".join(lines[:50])
    assert second.text == "".join(lines[25:75])
    assert second.repeated == 25 * len(lines[0])
    assert last.text.endswith(lines[-1])


def test_it_cuts_between_paragraphs_where_it_can() -> None:
    paragraph = "one two three four five six seven eight nine ten. " * 2
    text = f"{paragraph}\n\n" * 20
    chunks = cut(text, 105, 0)
    assert [chunk.text for chunk in chunks] == [f"{paragraph}\n\n" * 5] * 4


def test_it_cuts_between_sentences_rather_than_words() -> None:
    text = " ".join(f"This is sentence number {n} of them all." for n in range(200))
    chunks = cut(text, 100, 20)
    check(text, chunks, 100, 20, words)
    assert all(chunk.text.rstrip().endswith(".") for chunk in chunks)


def test_a_text_with_too_many_tokens_is_refused() -> None:
    assert cut("a b c d e", 100, 0, in_all=5)
    with pytest.raises(Unreadable, match="6 tokens, and at most 5"):
        cut("a b c d e f", 100, 0, in_all=5)


ODD = {
    "no space": "x" * 50_000,
    "spaces": " " * 50_000,
    "one line": "word " * 20_000,
    "empty lines": "\n" * 50_000,
    "unspaced": "\u6771\u4eac\u90fd\u306e\u5929\u6c17\u3002" * 4_000,
    "emoji": "\U0001f600" * 10_000,
    "long and short lines": "".join(random.Random(1).choice(["a b\n", "\n", "c" * 300, "d. e? "]) for _ in range(5000)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(("most", "overlap"), [(100, 50), (100, 0), (800, 400), (4096, 2048)])
def test_odd_texts(name: str, most: int, overlap: int) -> None:
    count = counter()
    text = tidy(ODD[name])
    chunks = cut(text, most, overlap, count)
    assert "".join(chunk.text[chunk.repeated :] for chunk in chunks) == text
    # Tokens may join over the places where units were counted apart, hardly ever come apart there.
    assert all(count(chunk.text) <= most + 2 for chunk in chunks)
    assert all(chunk.terms == terms_of(chunk.text) for chunk in chunks)


@given(
    st.lists(
        st.sampled_from(["word", " ", "\n", "\n\n", ". ", "Xy\u00e9", "\u6771", "a" * 300, "! ", "\t"]), max_size=400
    ),
    st.integers(100, 300),
    st.floats(0, 0.5),
)
def test_any_text(parts: list[str], most: int, share: float) -> None:
    text = tidy("".join(parts))
    overlap = int(most * share)
    check(text, cut(text, most, overlap), most, overlap, words)
    assert "".join(chunk.text[chunk.repeated :] for chunk in cut(text, most, overlap, by_length)) == text


def test_time_grows_with_the_text_and_not_faster() -> None:
    """By how often and how much of it is counted."""

    def counted(times: int) -> tuple[int, int]:
        asked: list[int] = []

        def count(text: str) -> int:
            asked.append(len(text))
            return len(text) // 4 + 1

        cut("x" * 10_000 * times, 100, 50, count)
        return len(asked), sum(asked)

    (calls, characters), (more_calls, more_characters) = counted(1), counted(10)
    assert more_calls <= 10 * calls
    assert more_characters <= 10 * characters


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("a\n\n\n \n\t\nb", "a\n\nb"),
        ("a\n\nb", "a\n\nb"),
        ("a\x00b\x0cc\ufeffd", "a b c d"),
        ("a\tb", "a\tb"),
    ],
)
def test_tidy(text: str, tidied: str) -> None:
    assert tidy(text) == tidied
