"""The weights of words: BM25, per store, between 0 and 1."""

import math

import pytest

from proxy.retrieval.lexical import CLASSES, MOST_TERMS, USUAL_LENGTH, index_words, query_of, words_of


def saturated(count: int, length: int) -> float:
    return count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / USUAL_LENGTH))


@pytest.mark.parametrize("length", [5, 100, USUAL_LENGTH, 1000, 4000])
@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_the_class_of_a_term_is_the_nearest(count: int, length: int) -> None:
    terms = ["river"] * count + [f"other{n}" for n in range(max(0, length - count))]
    word = next(word for word in index_words(17, terms).split(" ") if word.endswith("river"))
    assert word.startswith("17x")
    exact = saturated(count, len(terms))
    assert CLASSES[int(word[3])] == min(CLASSES, key=lambda value: abs(value - exact))


def test_a_word_names_its_store_and_cannot_be_taken_for_another() -> None:
    assert index_words(1, ["7x2a"]) != index_words(17, ["2a"])
    assert set(words_of(1, "7x2a")).isdisjoint(words_of(17, "2a"))


def counts_of(store: int, **frequencies: int) -> dict[str, int]:
    """Each term in the class of a single mention."""
    return {words_of(store, term)[2]: frequency for term, frequency in frequencies.items()}


def test_rare_terms_weigh_more() -> None:
    query = query_of(1, ["rare", "common"], chunks=1000, counts=counts_of(1, rare=2, common=900))
    assert query is not None
    rare, common = (query.weights[words_of(1, term)[2]] for term in ("rare", "common"))
    assert rare > 10 * common


def test_nothing_can_be_found_without_a_term_that_is_there() -> None:
    assert query_of(1, ["absent"], chunks=1000, counts={}) is None
    assert query_of(1, [], chunks=1000, counts={}) is None


def test_scores_are_between_0_and_1_and_say_how_much_of_the_query_is_there() -> None:
    counts = counts_of(1, one=5, two=5)
    query = query_of(1, ["one", "two"], chunks=1000, counts=counts)
    assert query is not None
    single = query.weights[words_of(1, "one")[2]]
    assert query.score(0) == 0
    assert query.score(2 * single) == pytest.approx(2 / 3, abs=0.03)
    assert query.score(single) == pytest.approx(1 / 2, abs=0.03)
    assert query.score(math.inf) != query.score(2 * single * 10) < 1


def test_a_store_of_one_chunk_has_scores_too() -> None:
    query = query_of(1, ["one", "absent"], chunks=1, counts=counts_of(1, one=1))
    assert query is not None
    assert query.score(query.weights[words_of(1, "one")[2]]) > 0.4


def test_a_long_query_is_asked_by_its_rarest_terms() -> None:
    frequencies = {f"t{n}": n + 1 for n in range(2 * MOST_TERMS)}
    query = query_of(1, frequencies, chunks=1000, counts=counts_of(1, **frequencies))
    assert query is not None
    assert set(query.weights) == {words_of(1, f"t{n}")[2] for n in range(MOST_TERMS)}


def test_common_terms_are_left_out_beside_rare_ones_and_asked_alone() -> None:
    counts = counts_of(1, rare=3, common=10**6, also=10**6)
    query = query_of(1, ["rare", "common", "also"], chunks=10**6, counts=counts)
    assert query is not None
    assert set(query.weights) == {words_of(1, "rare")[2]}
    alone = query_of(1, ["common", "also"], chunks=10**6, counts=counts)
    assert alone is not None
    assert len(alone.weights) == 1
