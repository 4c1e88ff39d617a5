"""Vectors as they are kept, and the nearest ones among many.

A component takes one byte: a vector is scaled so that its largest component fills that byte, and kept with the factor
that gives its cosine back; what is lost is less than what one model differs from the next. Beside it are the signs of
its components, one bit each. Two vectors that point the same way have most signs in common, above all those of large
components; so among many the ones worth a look are found by their signs, an eighth of the bytes and a few instructions
for each, and compared in full then. In a store of usual size all are compared in full.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from adapters.embedding import Vector
from proxy.store import Connection, chunk_vectors
from proxy.store.chunk_vectors import Packed, Signs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CHUNKS: Final = 500_000
"""Of a store; one with more is searched by words only."""
_OWNER: Final = "<u2"
ALL_COMPARED: Final = 8_192
"""Up to so many vectors are compared in full."""
CANDIDATES: Final = 1_000
"""Of more, so many."""
VECTORS_OF_A_PART: Final = 8
"""A few, because parts are read whole for the few candidates in them."""


def can_compare() -> bool:
    return find_spec("numpy") is not None


def packed(made: Sequence[Sequence[Vector]], *, place: int) -> Packed:
    """The vectors of chunks that follow one another from this place on."""
    import numpy as np

    owners = [owner for owner, vectors in enumerate(made) for _ in vectors]
    if not owners:
        return Packed(place=place, chunks=len(made), owners=b"", signs=b"", parts=[])
    given = np.asarray([vector for vectors in made for vector in vectors], dtype=np.float32)
    largest = np.abs(given).max(axis=1, keepdims=True)
    whole = np.rint(given / np.where(largest > 0, largest, 1) * 127).astype(np.int8)
    lengths = np.linalg.norm(whole.astype(np.float32), axis=1)
    rows = np.empty(len(given), dtype=_kind(given.shape[1]))
    rows["factor"] = 1 / np.where(lengths > 0, lengths, 1)
    rows["vector"] = whole
    return Packed(
        place=place,
        chunks=len(made),
        owners=np.asarray(owners, dtype=_OWNER).tobytes(),
        signs=_signs(given).tobytes(),
        parts=[rows[n : n + VECTORS_OF_A_PART].tobytes() for n in range(0, len(rows), VECTORS_OF_A_PART)],
    )


async def nearest(db: Connection, signs: Sequence[Signs], query: Vector, *, limit: int) -> dict[int, float]:
    """The ids of the chunks that have a vector which points most nearly where the query does, best first, with cosines.

    A chunk counts with the best of its vectors.
    """
    import numpy as np

    wanted = np.asarray(query, dtype=np.float32)
    wanted /= np.linalg.norm(wanted) or 1.0
    width, kind = -(-len(wanted) // 8), _kind(len(wanted))
    # A model may have changed its length under the same name.
    fitting = [each for each in signs if len(each.signs) * 2 == width * len(each.owners)]
    if not fitting:
        return {}
    counts = np.array([len(each.signs) // width for each in fitting])
    ends = np.cumsum(counts)
    chosen = np.arange(ends[-1])
    if len(chosen) > ALL_COMPARED:
        all_signs = np.frombuffer(b"".join([each.signs for each in fitting]), dtype=np.uint8).reshape(-1, width)
        chosen = np.sort(np.argpartition(_differing(all_signs, wanted), CANDIDATES)[:CANDIDATES])
    numbers = np.searchsorted(ends, chosen, side="right")  # of `fitting`, in which each one that is chosen is
    within = chosen - (ends - counts)[numbers]
    parts = np.array([each.id for each in fitting])[numbers] * chunk_vectors.PARTS + within // VECTORS_OF_A_PART
    wanted_parts, first, of_wanted = np.unique(parts, return_index=True, return_inverse=True)
    read = await chunk_vectors.vectors_by_id(db, wanted_parts)
    # All but the last of what was written together have the same number of vectors: where each begins is added up.
    sizes = np.minimum((counts[numbers] - within // VECTORS_OF_A_PART * VECTORS_OF_A_PART)[first], VECTORS_OF_A_PART)
    # Lengths that differ by a little have as many bytes of signs.
    misfits = set((wanted_parts[sizes * kind.itemsize != [len(part) for part in read]] // chunk_vectors.PARTS).tolist())
    if misfits:
        return await nearest(db, [each for each in fitting if each.id not in misfits], query, limit=limit)
    places = (np.cumsum(sizes) - sizes)[of_wanted] + within % VECTORS_OF_A_PART
    looked_at = np.frombuffer(b"".join(read), dtype=kind)[places]
    cosines = np.minimum(looked_at["vector"].astype(np.float32) @ wanted * looked_at["factor"], 1.0)
    owners = np.frombuffer(b"".join([each.owners for each in fitting]), dtype=_OWNER)[chosen]
    ids = np.array([each.first for each in fitting])[numbers] + owners
    best: dict[int, float] = {}
    for place in np.lexsort((ids, -cosines)):
        if len(best) == limit:
            break
        best.setdefault(int(ids[place]), float(cosines[place]))
    return best


def _differing(signs: "NDArray[np.uint8]", wanted: "NDArray[np.float32]") -> "NDArray[np.uint32]":
    """How much of the one that is wanted has other signs in each vector: a sign counts as its component is large.

    With components of the wanted one in three bits, a bit at a time. Where all signs count the same, a third of the
    best twenty of 20,000 is missed by 100 candidates; so it is a seventh.
    """
    import numpy as np

    wide = np.uint64 if signs.shape[1] % 8 == 0 else np.uint8
    weights = np.rint(np.abs(wanted) / (np.abs(wanted).max() or 1.0) * 7).astype(np.uint8)
    bits = [np.packbits(weights >> bit & 1).view(wide) for bit in range(3)]
    of_all, of_one = signs.view(wide), _signs(wanted).view(wide)
    differing = np.zeros((3, len(signs)), dtype=np.uint16)
    for column in range(of_all.shape[1]):  # by columns it takes a third of the time
        other = of_all[:, column] ^ of_one[column]
        for bit in range(3):
            differing[bit] += np.bitwise_count(other & bits[bit][column])
    weighed: NDArray[np.uint32] = np.array([1, 2, 4], dtype=np.uint32) @ differing
    return weighed


def _signs(vectors: Any) -> "NDArray[np.uint8]":
    import numpy as np

    return np.packbits(vectors > 0, axis=-1)


def _kind(length: int) -> Any:
    import numpy as np

    return np.dtype([("factor", "<f4"), ("vector", "i1", (length,))])
