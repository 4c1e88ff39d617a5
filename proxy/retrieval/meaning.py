"""What texts mean, as vectors, where a model for that is set; where its server fails, words have to do."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from adapters.embedding import Embedder
from adapters.errors import UpstreamError

PATIENCE_SECONDS: Final = 15.0
"""For the vectors of a search's queries, with what it waits for those of others. A model that is loaded takes much
less than a second."""

log = logging.getLogger(__name__)


class Meanings(Struct, frozen=True, kw_only=True):
    """Of the queries of a search."""

    model: str
    vectors: Mapping[str, Sequence[float]]


async def meanings_of(embedder: Embedder | None, queries: Sequence[str]) -> Meanings | None:
    """None where there is no model, it fails now, or takes too long: a search goes on without it."""
    if embedder is None or not queries:
        return None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            vectors = await embedder.queries(queries)
    except (UpstreamError, TimeoutError) as failure:
        why = str(failure) or f"no answer within {PATIENCE_SECONDS:g} s"
        log.warning("%s, %s, failed; files are searched by words only: %s", embedder.model, embedder.where, why)
        return None
    return Meanings(model=embedder.model, vectors=dict(zip(queries, vectors, strict=True)))
