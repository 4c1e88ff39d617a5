"""Vectors of texts: asked for in portions, put in order, and refused where they are none."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.embedding import TEXTS_AT_ONCE, Embedder, open_embedder
from adapters.errors import Broken, SpokeNonsense, Unreachable
from config.settings import RetrievalSettings, UpstreamSettings
from tests.embeddings import Embeddings, embeddings


@pytest.fixture
async def server() -> AsyncIterator[Embeddings]:
    async with embeddings() as server:
        yield server


@pytest.fixture
async def embedder(server: Embeddings) -> AsyncIterator[Embedder]:
    embedder = Embedder("words", UpstreamSettings(url=f"{server.url}/v1"))
    yield embedder
    await embedder.aclose()


async def test_in_order_whatever_the_order_of_the_answer(server: Embeddings, embedder: Embedder) -> None:
    texts = [f"{'car ' * (n % 5)}cake" for n in range(TEXTS_AT_ONCE + 5)]
    assert await embedder.embed(texts) == [server.vector(text) for text in texts]
    assert [len(asked) for asked in server.asked] == [TEXTS_AT_ONCE, 5]
    assert await embedder.embed([]) == []


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, {"data": []}, SpokeNonsense),
        (200, {"data": [{"index": 1, "embedding": [1.0]}]}, SpokeNonsense),
        (200, {"data": [{"index": 0, "embedding": []}]}, SpokeNonsense),
        (200, {"data": [{"index": 0, "embedding": "AAAA"}]}, SpokeNonsense),
        (200, ["no"], SpokeNonsense),
        (500, {"error": {"message": "out of memory", "code": 500}}, Broken),
    ],
)
async def test_what_is_no_vector(
    server: Embeddings, embedder: Embedder, status: int, answer: Any, kind: type[Exception]
) -> None:
    server.answer = (status, answer)
    with pytest.raises(kind):
        await embedder.embed(["cake"], retries=0)


async def test_vectors_of_different_lengths(server: Embeddings, embedder: Embedder) -> None:
    server.answer = (200, {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]})
    with pytest.raises(SpokeNonsense, match="different lengths"):
        await embedder.embed(["cake", "car"])


async def test_nobody_there() -> None:
    embedder = Embedder("words", UpstreamSettings(url="http://127.0.0.1:9"))
    with pytest.raises(Unreachable):
        await embedder.embed(["cake"], retries=0)
    await embedder.aclose()


async def test_where_it_is() -> None:
    first, other = UpstreamSettings(url="http://one:1"), "http://two:2/v1"
    assert open_embedder(RetrievalSettings(), [first]) is None
    assert open_embedder(RetrievalSettings(embeddings_model="m"), []) is None
    for settings, url in (
        (RetrievalSettings(embeddings_model="m"), "http://one:1"),
        (RetrievalSettings(embeddings_model="m", embeddings_url=other), "http://two:2"),
    ):
        embedder = open_embedder(settings, [first])
        assert embedder is not None
        assert (embedder.model, embedder.url) == ("m", url)
        await embedder.aclose()
