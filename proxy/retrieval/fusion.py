"""One ranking of two: what has a query's words, and what means what it means.

Where some chunk has all of a query's words, its words say what is asked for: a code, a name, a phrase. Where the best
one has few of them, what else has them has them by chance, and its meaning has to say it. So the better the best chunk
is by words, the more words count.

By ranks alone (reciprocal rank fusion), chunks that have some word by chance outdo those that mean what was asked: over
the questions of `bench/library` it finds less than the meaning alone. The figures are in docs/performance.md.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from proxy.retrieval.lexical import share_of
from proxy.store.chunks import FoundChunk

DEPTH: Final = 100
"""How far down the two rankings are looked at."""

# How much words count, of 1: this much where the best chunk has this share of a query, and more up to there. A share
# of 1 is that of a chunk of the usual length that has each word once. Chosen by the questions of `bench/library`: on
# either half of them within a point of what is best for that half alone.
_LITTLE, _AT_LITTLE = 0.1, 0.3
_MUCH, _AT_MUCH = 0.6, 1.5


def fused(by_words: Sequence[FoundChunk], by_meaning: Sequence[FoundChunk]) -> list[FoundChunk]:
    """Best first, with scores between 0 and 1. Both are given best first, down to `DEPTH`.

    A chunk that is in one of them only counts as the last in the other, or with nothing where the other has all there
    are. Its score is the same mixture of plain scores, as thresholds are on scores, but never above that of one that
    ranks higher.
    """
    if not by_meaning:  # of a query that the model cannot read
        return list(by_words)
    trust = _trust(by_words[0].score if by_words else 0.0)
    last_by_words, last_by_meaning = _floor(by_words), _floor(by_meaning)
    words = {hit.id: hit.score for hit in by_words}
    meanings = {hit.id: hit.score for hit in by_meaning}

    def mixed(id: int, lowest: float) -> float:
        """With cosines from `lowest` upwards."""
        meaning = (meanings.get(id, last_by_meaning) - lowest) / (1.0 - lowest or 1.0)
        return trust * words.get(id, last_by_words) + (1.0 - trust) * min(meaning, 1.0)

    there = {hit.id: hit for hit in (*by_words, *by_meaning)}
    # Models differ in what they take for no relation: with some it is a cosine of 0.7.
    ranked = sorted(there, key=lambda id: (-mixed(id, last_by_meaning), id))
    found, ceiling = [], 1.0
    for id in ranked:
        ceiling = min(ceiling, mixed(id, 0.0))
        found.append(replace(there[id], score=ceiling))
    return found


def _trust(best: float) -> float:
    """How much words count where the best score by words is this."""
    where = (share_of(best) - _AT_LITTLE) / (_AT_MUCH - _AT_LITTLE)
    return _LITTLE + (_MUCH - _LITTLE) * min(max(where, 0.0), 1.0)


def _floor(hits: Sequence[FoundChunk]) -> float:
    return hits[-1].score if len(hits) >= DEPTH else 0.0
