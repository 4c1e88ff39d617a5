"""BM25, with the part of it that a chunk decides by itself worked out when the chunk is indexed.

What a chunk adds to a query's score for one term is `idf * saturated`: `idf` says how rare the term is in the store,
and `saturated`, between 0 and 2.2, how much the chunk is about it. The latter is rounded to one of a few classes, and
the class is part of the word that goes into the index: `17x2river`, for `river`, class 2, in the store with key 17. So
a search only adds up weights of words, which the database does, and nothing of one store shows in another's scores.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

_K1: Final = 1.2
_B: Final = 0.75
USUAL_LENGTH: Final = 300
"""Terms of a chunk of the default size. A fixed number, as the words of a chunk must not depend on other chunks."""

CLASSES: Final = (0.45, 0.8, 1.1, 1.45, 1.85)
"""What each class stands for, of `saturated`."""
_BOUNDS: Final = tuple((lower + upper) / 2 for lower, upper in pairwise(CLASSES))

_OTHER_CHUNKS: Final = 100
"""Every store is thought of as having so many more chunks, without any of the terms: or in a store of three, in which
everything is in one or two of three chunks, no term would count for anything."""

MOST_TERMS: Final = 32
"""Of a query; the rarest ones."""
MOST_LOOKED_AT: Final = 60_000
"""Entries of the index that one query adds up, about: common terms are left out when rarer ones have so many."""


def index_words(store: int, terms: Sequence[str]) -> str:
    """What is indexed of a chunk with these terms, in the store with this key."""
    counts = Counter(terms)
    long = _K1 * (1 - _B + _B * len(terms) / USUAL_LENGTH)
    # A chunk has hundreds of terms, and few different numbers of them.
    before = {count: f"{store}x{_class_of(count, long)}" for count in set(counts.values())}
    return " ".join([before[count] + term for term, count in counts.items()])


def _class_of(count: int, long: float) -> int:
    return bisect_right(_BOUNDS, count * (_K1 + 1) / (count + long))


def words_of(store: int, term: str) -> list[str]:
    """The words that may stand for a term in the index, one for each class."""
    return [f"{store}x{place}{term}" for place in range(len(CLASSES))]


class Query(Struct, frozen=True, kw_only=True):
    """What is to be added up, and what comes to."""

    weights: Mapping[str, float]
    """By word of the index."""
    whole: float
    """What a chunk scores that has every term of the query once, and is as long as usual."""

    def score(self, weight: float) -> float:
        """Between 0 and 1: two thirds where a chunk has all of the query, half where it has half of it."""
        share = weight / self.whole
        return share / (share + 0.5)


def share_of(score: float) -> float:
    """How much of a query a chunk with this score has, where 1 is all of it, once; up to about 2."""
    return 0.5 * score / (1.0 - score)


def query_of(store: int, terms: Iterable[str], *, chunks: int, counts: Mapping[str, int]) -> Query | None:
    """A search for terms, in a store of so many chunks. `counts` says in how many of them a word of the index is.

    None where nothing can be found.
    """
    found: list[tuple[int, str]] = []
    whole = 0.0
    for term in dict.fromkeys(terms):
        frequency = sum(counts.get(word, 0) for word in words_of(store, term))
        whole += _idf(frequency, chunks)
        if frequency:
            found.append((frequency, term))
    weights: dict[str, float] = {}
    for frequency, term in _looked_at(sorted(found)):
        for word, saturated in zip(words_of(store, term), CLASSES, strict=True):
            if word in counts:
                weights[word] = saturated * _idf(frequency, chunks)
    return Query(weights=weights, whole=whole) if weights else None


def _idf(frequency: int, chunks: int) -> float:
    everything = max(chunks, frequency) + _OTHER_CHUNKS
    return math.log(1 + (everything - frequency + 0.5) / (frequency + 0.5))


def _looked_at(found: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """From the rarest on, as long as it does not get too much; at least one."""
    entries = 0
    for place, (frequency, term) in enumerate(found[:MOST_TERMS]):
        entries += frequency
        if place and entries > MOST_LOOKED_AT:
            return
        yield frequency, term
