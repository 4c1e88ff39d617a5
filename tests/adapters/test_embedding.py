"""Vectors of texts: asked for in portions, put in order, and refused where they are none."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.embedding import TEXTS_AT_ONCE, Served, open_served
from adapters.errors import Broken, RateLimited, SpokeNonsense, Unreachable
from config.settings import RetrievalSettings, UpstreamSettings
from tests.embeddings import Embeddings, embeddings


@pytest.fixture
async def server() -> AsyncIterator[Embeddings]:
    async with embeddings() as server:
        yield server


@pytest.fixture
async def embedder(server: Embeddings) -> AsyncIterator[Served]:
    embedder = Served("words", UpstreamSettings(url=f"{server.url}/v1"))
    yield embedder
    await embedder.aclose()


async def test_in_order_whatever_the_order_of_the_answer(server: Embeddings, embedder: Served) -> None:
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
        (200, {"data": [{"index": 0, "embedding": [1.0, float("nan")]}]}, SpokeNonsense),
        (200, {"data": [{"index": 0, "embedding": [1.0, float("-inf")]}]}, SpokeNonsense),
        (200, {"data": [{"index": 0, "embedding": [1.0, None]}]}, SpokeNonsense),
        (200, {"data": [{"index": 0, "embedding": [1.0, -1e39]}]}, SpokeNonsense),
        (200, {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}, SpokeNonsense),
        (200, ["no"], SpokeNonsense),
        (500, {"error": {"message": "out of memory", "code": 500}}, Broken),
    ],
)
async def test_what_is_no_vector(
    server: Embeddings, embedder: Served, status: int, answer: Any, kind: type[Exception]
) -> None:
    server.answer = (status, answer)
    with pytest.raises(kind):
        await embedder.embed(["cake"], retries=0)


async def test_vectors_of_different_lengths(server: Embeddings, embedder: Served) -> None:
    server.answer = (200, {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]})
    with pytest.raises(SpokeNonsense, match="different lengths"):
        await embedder.embed(["cake", "car"])


async def test_nobody_there() -> None:
    embedder = Served("words", UpstreamSettings(url="http://127.0.0.1:9"))
    with pytest.raises(Unreachable):
        await embedder.embed(["cake"], retries=0)
    await embedder.aclose()


async def test_where_it_is() -> None:
    first, other = UpstreamSettings(url="http://one:1"), "http://two:2/v1"
    assert open_served("m", RetrievalSettings(), []) is None
    for settings, url in (
        (RetrievalSettings(), "http://one:1"),
        (RetrievalSettings(embeddings_url=other), "http://two:2"),
    ):
        embedder = open_served("m", settings, [first])
        assert embedder is not None
        assert (embedder.model, embedder.where) == ("m", f"at {url}")
        await embedder.aclose()


async def test_a_passage_has_one_vector_and_a_query_is_asked_once(server: Embeddings, embedder: Served) -> None:
    assert await embedder.passages(["cake", "a car"], [0, 2]) == [[server.vector("cake")], [server.vector("a car")]]
    assert server.asked == [["cake", "a car"]]
    server.answer = (503, {"error": {"message": "busy"}})
    with pytest.raises(RateLimited):
        await embedder.queries(["cake"])
    assert len(server.asked) == 2
