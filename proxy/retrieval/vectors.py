"""Vectors as they are kept, and the nearest ones among many: all are looked at, which numpy does quickly.

A component takes one byte. A vector is scaled so that its largest component fills that byte, and kept with the factor
that gives its cosine back; what is lost is less than what one model differs from the next. 384 components of 100,000
chunks are 39 MB that a search reads.
"""

from collections.abc import Sequence
from typing import Any, Final

from proxy.store.chunk_vectors import Block

MOST_CHUNKS: Final = 200_000
"""Of a store; one with more is searched by words only."""


def packed(vectors: Sequence[Sequence[float]]) -> bytes:
    """Vectors of one length, for `nearest`."""
    import numpy as np

    given = np.asarray(vectors, dtype=np.float32)
    largest = np.abs(given).max(axis=1, keepdims=True)
    whole = np.rint(given / np.where(largest > 0, largest, 1) * 127).astype(np.int8)
    lengths = np.linalg.norm(whole.astype(np.float32), axis=1)
    rows = np.empty(len(given), dtype=_row(given.shape[1]))
    rows["factor"] = 1 / np.where(lengths > 0, lengths, 1)
    rows["vector"] = whole
    return rows.tobytes()


def nearest(blocks: Sequence[Block], query: Sequence[float], *, limit: int) -> dict[int, float]:
    """The ids of the chunks whose vectors point most nearly where the query does, best first, with their cosines."""
    import numpy as np

    wanted = np.asarray(query, dtype=np.float32)
    wanted /= np.linalg.norm(wanted) or 1.0
    kind = _row(len(wanted))
    # A model may have changed its length under the same name.
    fitting = [block for block in blocks if block.vectors and len(block.vectors) % kind.itemsize == 0]
    if not fitting:
        return {}
    ids, cosines = [], []
    for block in fitting:
        rows = np.frombuffer(block.vectors, dtype=kind)
        ids.append(np.arange(block.first, block.first + len(rows)))
        cosines.append(rows["vector"].astype(np.float32) @ wanted * rows["factor"])
    all_ids, all_cosines = np.concatenate(ids), np.concatenate(cosines)
    best = np.lexsort((all_ids, -all_cosines))[:limit]
    return {int(all_ids[place]): float(all_cosines[place]) for place in best}


def _row(length: int) -> Any:
    import numpy as np

    return np.dtype([("factor", "<f4"), ("vector", "i1", (length,))])
