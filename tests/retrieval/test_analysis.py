"""Terms: the same for a chunk and for a question about it, in whatever script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.retrieval.analysis import MOST_CHARACTERS, terms_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The rivers are running", ["river", "run"]),
        ("RIVER River river", ["river"] * 3),
        ("Größe, GRÖSSE, grosse", ["gross", "gross", "gross"]),
        ("café CAFE\u0301 cafe", ["cafe"] * 3),
        ("user_name, a-b and x.y: 3.14", ["user", "name", "b", "x", "y", "3", "14"]),
        ("\u6771\u4eac\u90fd \u5929", ["\u6771\u4eac", "\u4eac\u90fd", "\u5929"]),
        ("abc\u6771\u4eacdef", ["abc", "\u6771\u4eac", "def"]),
        ("\uff34\uff45\uff53\uff54", ["test"]),  # letters of full width
        ("the of and", []),
        ("", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


def test_a_key_does_not_fill_the_index() -> None:
    (term,) = terms_of("x" * 10_000)
    assert len(term) == MOST_CHARACTERS


@given(st.text())
def test_any_text_has_terms_that_the_index_can_hold(text: str) -> None:
    """The tokenizer of the index splits at ASCII punctuation and spaces, and folds ASCII letters only."""
    for term in terms_of(text):
        assert term
        assert all(character.isalnum() or not character.isascii() for character in term)
        assert not any("A" <= character <= "Z" for character in term)


@given(st.lists(st.sampled_from(["river", "Rivers", "\u6771\u4eac", "caf\u00e9", "x1", "7"])))
def test_words_are_looked_at_one_by_one(words: list[str]) -> None:
    assert terms_of(" ".join(words)) == [term for word in words for term in terms_of(word)]
