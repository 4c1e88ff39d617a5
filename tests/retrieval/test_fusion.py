"""Two rankings made one: the better some chunk has a query's words, the more words count."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.retrieval.fusion import DEPTH, fused
from proxy.store.chunks import FoundChunk

ALL_OF_IT = 2 / 3
"""The score by words of a chunk that has all of a query once."""


def hits(*scores: tuple[int, float]) -> list[FoundChunk]:
    return [FoundChunk(id=id, file=1, score=score, text="") for id, score in scores]


def ids(found: list[FoundChunk]) -> list[int]:
    return [hit.id for hit in found]


def test_where_words_fit_badly_meaning_decides() -> None:
    by_words, by_meaning = hits((1, 0.3), (2, 0.2)), hits((3, 0.6), (2, 0.55), (1, 0.1))
    assert ids(fused(by_words, by_meaning)) == [3, 2, 1]


def test_where_words_fit_well_they_decide() -> None:
    by_words, by_meaning = hits((1, 0.75), (2, 0.2)), hits((3, 0.6), (2, 0.55), (1, 0.4))
    assert ids(fused(by_words, by_meaning)) == [1, 2, 3]


def test_what_both_find_comes_first() -> None:
    by_words, by_meaning = hits((1, ALL_OF_IT), (2, 0.6)), hits((3, 0.5), (2, 0.48))
    assert ids(fused(by_words, by_meaning))[0] == 2


def test_one_of_two_is_enough() -> None:
    by_words = hits((1, 0.6), (2, 0.5))
    assert fused(by_words, []) == by_words
    assert ids(fused([], hits((1, 0.6), (2, 0.5)))) == [1, 2]
    assert fused([], []) == []


def test_more_words_never_count_less() -> None:
    """What has the words gains on what has the meaning, the better the best one has them."""
    gains = []
    for score in (0.2, 0.4, 0.6, 0.7, 0.75, 0.8):
        with_words, with_meaning = sorted(fused(hits((1, score)), hits((2, 0.5))), key=lambda hit: hit.id)
        gains.append(with_words.score - with_meaning.score)
    assert gains == sorted(gains)
    assert gains[0] < 0 < gains[-1]


def test_a_model_to_which_all_is_alike_tells_as_much_as_one_to_which_nothing_is() -> None:
    """Cosines from 0 to 1, and the same ones from 0.7 to 1."""

    def cosines(above: float) -> list[FoundChunk]:
        return hits(*((n, above + (1 - above) * (1 - n / DEPTH) ** 2) for n in range(1, DEPTH + 1)))

    by_words = hits((500, ALL_OF_IT), (3, 0.5))
    assert ids(fused(by_words, cosines(0.7))) == ids(fused(by_words, cosines(0.0)))
    assert ids(fused(by_words, cosines(0.7)[:-1]))[0] == 3  # all there are: nothing says where they begin


def test_what_all_mean_alike_is_no_reason_for_low_scores() -> None:
    found = fused(hits((7, ALL_OF_IT)), hits(*((n, 0.9) for n in range(1, DEPTH + 1))))
    assert found[0].id == 7
    assert all(hit.score > 0.5 for hit in found[1:])


RANKING = st.dictionaries(st.integers(1, 20), st.floats(0, 0.9), max_size=10).map(
    lambda found: sorted(hits(*found.items()), key=lambda hit: -hit.score)
)


@given(RANKING, RANKING)
def test_every_hit_once_and_scores_between_nothing_and_one(
    by_words: list[FoundChunk], by_meaning: list[FoundChunk]
) -> None:
    found = fused(by_words, by_meaning)
    assert sorted(ids(found)) == sorted({*ids(by_words), *ids(by_meaning)})
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
