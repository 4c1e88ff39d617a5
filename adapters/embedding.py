"""Vectors of texts: the seam to whatever makes them, and servers that do, by `POST /v1/embeddings`.

vLLM, SGLang, llama-server, Ollama and OpenAI speak it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from adapters.client import Client
from adapters.errors import SpokeNonsense
from config.settings import RetrievalSettings, UpstreamSettings

TEXTS_AT_ONCE: Final = 32
SECONDS: Final = 60.0
"""For one request: a server without a GPU takes a second for a few texts."""
_LARGEST: Final = 1e15
"""Of a component. The squares of larger ones, added up, are more than 32-bit floats hold."""

Vector = Sequence[float]


class Embedder(Protocol):
    """A model that makes vectors of texts, all of one length. What it raises is UpstreamError."""

    model: str
    """Vectors of one model cannot be compared with those of another."""

    @property
    def where(self) -> str:
        """As in "it is …"."""
        ...

    async def passages(self, texts: Sequence[str], repeated: Sequence[int]) -> list[list[Vector]]:
        """Of each passage one or more vectors, or none where it says nothing.

        `repeated` are the characters at the beginning of each that the passage before it has, too, and its vectors
        with it: a model that divides passages need not look at them again.
        """
        ...

    async def queries(self, texts: Sequence[str]) -> list[Vector]:
        """Soon, or not at all: somebody waits for it."""
        ...

    async def rest(self) -> None:
        """Let go of what is not needed while there is nothing to do."""
        ...

    async def aclose(self) -> None: ...


class _Embedding(Struct):
    index: int
    embedding: list[float]


class _Answer(Struct):
    data: list[_Embedding]


_decode = msgspec.json.Decoder(_Answer).decode


class Served:
    """`Embedder`: one model of one server. Made in a running event loop; `aclose` it."""

    def __init__(self, model: str, server: UpstreamSettings) -> None:
        self.model = model
        self._client = Client(server)

    @property
    def where(self) -> str:
        return f"at {self._client.url}"

    async def passages(self, texts: Sequence[str], repeated: Sequence[int]) -> list[list[Vector]]:
        """One of each, of the whole passage: the server knows how much of it its model takes."""
        return [[vector] for vector in await self.embed(texts)]

    async def queries(self, texts: Sequence[str]) -> list[Vector]:
        return list(await self.embed(texts, retries=0))

    async def rest(self) -> None:
        pass

    async def embed(self, texts: Sequence[str], *, retries: int | None = None) -> list[list[float]]:
        """A vector for each text, all of one length. Raises UpstreamError."""
        found: list[list[float]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            found += await self._embed(texts[start : start + TEXTS_AT_ONCE], retries)
        if len({len(vector) for vector in found}) > 1:
            raise SpokeNonsense(f"{self.model} makes vectors of different lengths")
        return found

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _embed(self, texts: Sequence[str], retries: int | None) -> list[list[float]]:
        deadline = asyncio.get_running_loop().time() + SECONDS
        body = msgspec.json.encode({"model": self.model, "input": list(texts)})
        response = await self._client.answer("/v1/embeddings", body, deadline=deadline, retries=retries)
        try:
            answered = _decode(await self._client.read_all(response, deadline))
        except msgspec.DecodeError as error:
            raise SpokeNonsense(f"no embeddings: {error}") from error
        finally:
            response.close()
        by_index = {each.index: each.embedding for each in answered.data}
        if sorted(by_index) != list(range(len(texts))) or not all(by_index.values()):
            raise SpokeNonsense(f"{len(texts)} texts were sent, and vectors of {sorted(by_index)} came")
        if any(max(map(abs, vector)) > _LARGEST for vector in by_index.values()):
            raise SpokeNonsense(f"{self.model} makes vectors of numbers beyond {_LARGEST:g}")
        return [by_index[place] for place in range(len(texts))]


def open_served(model: str, settings: RetrievalSettings, upstreams: Sequence[UpstreamSettings]) -> Served | None:
    """None where nobody says where the model is."""
    if settings.embeddings_url is not None:
        server = UpstreamSettings(url=settings.embeddings_url, api_key=settings.embeddings_api_key)
    elif upstreams:
        server = upstreams[0]
    else:
        return None
    return Served(model, server)
