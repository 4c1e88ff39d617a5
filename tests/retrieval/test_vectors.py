"""Vectors in one byte a component, the nearest of them, and two rankings made one."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from proxy.retrieval.search import fused
from proxy.retrieval.vectors import nearest, packed
from proxy.store.chunk_vectors import Block
from proxy.store.chunks import FoundChunk


def cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def test_the_nearest_are_those_that_a_plain_sum_finds() -> None:
    chance = random.Random(3)
    vectors = [[chance.gauss(0, 1) for _ in range(64)] for _ in range(500)]
    query = [chance.gauss(0, 1) for _ in range(64)]
    blocks = [Block(first=1000, vectors=packed(vectors[:300])), Block(first=5000, vectors=packed(vectors[300:]))]
    found = nearest(blocks, query, limit=10)
    exact = {(1000 + n if n < 300 else 4700 + n): cosine(vector, query) for n, vector in enumerate(vectors)}
    best = sorted(exact, key=lambda id: -exact[id])[:10]
    assert list(found) == best
    assert all(abs(found[id] - exact[id]) < 0.01 for id in found)


def test_vectors_of_nothing_and_of_another_length_are_not_near() -> None:
    blocks = [Block(first=0, vectors=packed([[0.0, 0.0, 0.0]])), Block(first=9, vectors=packed([[1.0] * 64]))]
    assert nearest(blocks, [1.0, 0.0, 0.0], limit=5) == {0: 0.0}
    assert nearest([], [1.0], limit=5) == {}


def hits(*scores: tuple[int, float]) -> list[FoundChunk]:
    return [FoundChunk(id=id, file=1, score=score, text="") for id, score in scores]


def test_what_both_find_comes_first() -> None:
    by_words = hits((1, 0.8), (2, 0.7), (3, 0.6))
    by_meaning = hits((4, 0.9), (2, 0.5), (5, 0.4))
    assert [(hit.id, hit.score) for hit in fused(by_words, by_meaning)] == [
        (2, 0.7),
        (4, 0.7),
        (1, 0.7),
        (3, 0.6),
        (5, 0.4),
    ]


RANKING = st.dictionaries(st.integers(1, 20), st.floats(-1, 1), max_size=10).map(lambda found: hits(*found.items()))


@given(RANKING, RANKING)
def test_every_hit_once_and_scores_that_only_fall(by_words: list[FoundChunk], by_meaning: list[FoundChunk]) -> None:
    found = fused(by_words, by_meaning)
    assert sorted(hit.id for hit in found) == sorted({hit.id for hit in [*by_words, *by_meaning]})
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
