"""From text to terms: what a chunk is found by. The same for chunks and for queries, and a function of the text alone.

The index keeps terms only, so to take a chunk out of it its terms are made again: a change here leaves what was indexed
before to be found by its old terms, until it is read anew.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from snowballstemmer import stemmer  # type: ignore[import-untyped]

MOST_CHARACTERS: Final = 40
"""Longer words are cut: keys, hashes and encoded bytes would otherwise fill the index."""

_WORD: Final = re.compile(r"[^\W_]+")
# The function words of English, which are in every chunk and tell none from another.
STOP_WORDS: Final = frozenset(
    _WORD.findall(
        "a about above after again against all am an and any are as at be because been before being below "
        "between both but by can could did do does doing down during each few for from further had has have "
        "having he her here hers him his how i if in into is it its itself just me more most my no nor not of "
        "off on once only or other our out over own same she should so some such than that the their them "
        "then there these they this those through to too under until up very was we were what when where "
        "which while who whom why will with would you your "
    )
)
# Scripts that are written without spaces: there, pairs of neighbours stand for words.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)

_stem = stemmer("english").stemWord


def terms_of(text: str) -> list[str]:
    """In their order, with repetitions. Terms are letters and digits, without upper case, and never empty."""
    if not text.isascii():
        return list(_terms_of_any(text))
    return [term for word in _WORD.findall(text.lower()) if (term := _term(word))]


def _terms_of_any(text: str) -> Iterator[str]:
    for word in _WORD.findall(_folded(text)):
        if word.isascii() or _UNSPACED.search(word) is None:
            if term := _term(word):
                yield term
            continue
        end = 0
        for run in _UNSPACED.finditer(word):
            if term := _term(word[end : run.start()]):
                yield term
            yield from _pairs(run[0])
            end = run.end()
        if term := _term(word[end:]):
            yield term


def _folded(text: str) -> str:
    """Without case, accents and the difference between forms of one character."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", bare)


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for place in range(len(run) - 1):
        yield run[place : place + 2]


@lru_cache(maxsize=200_000)  # stemming takes as long as everything else together, and words come again and again
def _term(word: str) -> str:
    """The term of a folded word; empty for one that tells nothing."""
    if not word or word in STOP_WORDS:
        return ""
    if len(word) > MOST_CHARACTERS:
        return word[:MOST_CHARACTERS]
    return str(_stem(word)) if word.isascii() and word.isalpha() else word
