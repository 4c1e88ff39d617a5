"""What texts mean, as vectors, where a model for that is set; where its server fails, words have to do."""

import logging
from collections.abc import Mapping, Sequence

from msgspec import Struct

from adapters.embedding import Embedder
from adapters.errors import UpstreamError

log = logging.getLogger(__name__)


class Meanings(Struct, frozen=True, kw_only=True):
    """Of the queries of a search."""

    model: str
    vectors: Mapping[str, Sequence[float]]


async def meanings_of(embedder: Embedder | None, queries: Sequence[str]) -> Meanings | None:
    """None where there is no model, or it fails now: a search goes on without it."""
    if embedder is None or not queries:
        return None
    try:
        vectors = await embedder.queries(queries)
    except UpstreamError as failure:
        log.warning("%s, %s, failed; files are searched by words only: %s", embedder.model, embedder.where, failure)
        return None
    return Meanings(model=embedder.model, vectors=dict(zip(queries, vectors, strict=True)))
