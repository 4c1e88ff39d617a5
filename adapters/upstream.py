"""The seam to model servers: what the engine may ask of one, and nothing about which one it is."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from adapters.chat import ChatRequest, Chunk


class Model(Struct, frozen=True, kw_only=True):
    """A model that a server offers."""

    id: str
    context_length: int | None = None
    """Tokens of prompt and answer together; None where the server does not say."""
    created: int = 0
    owned_by: str = ""


class Upstream(Protocol):
    """One model server. Every method raises `adapters.errors.UpstreamError` and nothing else."""

    @property
    def url(self) -> str: ...

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Chunk]]]:
        """Ask, and read the answer as it comes; each item holds the chunks that arrived together.

        Entering sends the request and returns once the server has begun to answer (so its refusal is raised here).
        Leaving early hangs up, which makes the server stop generating.
        """
        ...

    async def models(self) -> Sequence[Model]: ...

    async def count_tokens(self, model: str, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text, by the server's tokenizer where it offers one, estimated otherwise."""
        ...

    async def aclose(self) -> None: ...
