"""Chunking strategies: how files are cut into pieces for search, as clients ask for it and as it is answered."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

DEFAULT_CHUNK_TOKENS = 800
DEFAULT_OVERLAP_TOKENS = 400


class _Request(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class StaticChunkingInput(_Request, frozen=True, kw_only=True):
    max_chunk_size_tokens: Annotated[int, Meta(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Meta(ge=0)]
    """At most half of the other; that is for the operation to check."""


class AutoStrategyInput(_Request, frozen=True, tag="auto", kw_only=True):
    pass


class StaticStrategyInput(_Request, frozen=True, tag="static", kw_only=True):
    static: StaticChunkingInput


ChunkingStrategyInput = AutoStrategyInput | StaticStrategyInput


class StaticChunking(Struct, frozen=True, kw_only=True):
    max_chunk_size_tokens: int = DEFAULT_CHUNK_TOKENS
    chunk_overlap_tokens: int = DEFAULT_OVERLAP_TOKENS


class ChunkingStrategy(Struct, frozen=True, kw_only=True):
    """As the real service answered it: with numbers, also where `auto` was asked for."""

    type: Literal["static"] = "static"
    static: StaticChunking = StaticChunking()
