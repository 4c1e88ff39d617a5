"""The built-in model in its processes: in order, by several at once, and again after one has died."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from importlib.machinery import BuiltinImporter

import pytest

from adapters.embedding import Served
from adapters.errors import Broken
from config.settings import RetrievalSettings, UpstreamSettings
from proxy.retrieval import minilm
from proxy.retrieval.built_in import BuiltIn, open_embedder, tried
from proxy.retrieval.minilm import DIMENSIONS

SOON = 30


@pytest.fixture
async def embedder() -> AsyncIterator[BuiltIn]:
    embedder = BuiltIn(2)
    yield embedder
    await embedder.aclose()


def product(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_each_passage_its_own_in_order(embedder: BuiltIn) -> None:
    subjects = ["rivers and lakes", "taxes", "bread and cakes", "the stars", "a broken leg"]
    passages = [f"This is about {subject}. " * 30 for subject in subjects]
    made = await embedder.passages(["", *passages, "long " * 2000], [0] * 7)
    assert [len(vectors) for vectors in made[:6]] == [0, 1, 1, 1, 1, 1]
    assert len(made[6]) > 5
    assert {len(vector) for vectors in made for vector in vectors} == {DIMENSIONS}
    for place, query in enumerate(await embedder.queries(subjects), start=1):
        nearness = [product(query, vectors[0]) for vectors in made[1:6]]
        assert nearness.index(max(nearness)) == place - 1


async def test_what_the_passage_before_has_is_not_looked_at_again(embedder: BuiltIn) -> None:
    whole, part = await embedder.passages(["Rivers. Taxes.", "Rivers. Taxes."], [0, len("Rivers.")])
    (taxes,) = await embedder.queries([" Taxes."])
    assert product(part[0], taxes) > 0.999 > product(whole[0], taxes)
    assert await embedder.passages(["all of it"], [9]) == [[]]


async def test_a_query_of_nothing_is_near_to_nothing(embedder: BuiltIn) -> None:
    (nothing,) = await embedder.queries([""])
    assert list(nothing) == [0.0] * DIMENSIONS


async def test_of_a_long_query_its_beginning_is_looked_at(embedder: BuiltIn) -> None:
    beginning = "Where do rivers go? " * 60  # 300 tokens, in two parts
    assert await embedder.queries([beginning + "Taxes are due. " * 100_000]) == await embedder.queries(
        [beginning + "Taxes are due. " * 400]
    )
    (query,) = await embedder.queries([" " * 9000 + "rivers"])
    assert [query] == await embedder.queries(["rivers"])


async def test_nothing_to_do_starts_no_process(embedder: BuiltIn) -> None:
    assert await embedder.passages([], []) == []
    assert not embedder.reading.alive


async def test_several_processes_share_the_work_and_queries_have_one_of_their_own(embedder: BuiltIn) -> None:
    text = "Words of a long passage, one after the other. " * 60
    reading = asyncio.ensure_future(embedder.passages([text] * 12, [0] * 12))
    async with asyncio.timeout(SOON):
        (vector,) = await embedder.queries(["words"])  # answered while the others are at work
        assert len(vector) == DIMENSIONS
        made = await reading
    assert all(vectors == made[0] for vectors in made)
    assert len(embedder.reading.alive) == 2
    assert len(embedder.asking.alive) == 1
    await embedder.rest()
    assert not embedder.reading.alive
    assert len(embedder.asking.alive) == 1


async def test_nobody_goes_before_queries_and_everybody_before_what_is_read(embedder: BuiltIn) -> None:
    await embedder.queries(["a"])
    await embedder.passages(["a"], [0])
    (asking,), (reading,) = embedder.asking.alive, embedder.reading.alive
    assert os.getpriority(os.PRIO_PROCESS, asking.pid) == os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, reading.pid) > os.getpriority(os.PRIO_PROCESS, 0)


async def test_a_process_that_dies_fails_its_portion_and_the_next_one_works(embedder: BuiltIn) -> None:
    await embedder.queries(["a"])
    (process,) = embedder.asking.alive
    os.kill(process.pid, signal.SIGSTOP)  # so that it dies with the question before it
    asking = asyncio.ensure_future(embedder.queries(["b"]))
    await asyncio.sleep(0)  # it is sent
    process.kill()
    with pytest.raises(Broken, match="ended with status -9"):
        await asking
    assert len(await embedder.queries(["c"])) == 1


async def test_nothing_goes_on_after_a_portion_has_failed(embedder: BuiltIn) -> None:
    await embedder.passages(["a"], [0])
    (process,) = embedder.reading.alive
    os.kill(process.pid, signal.SIGSTOP)  # so that it dies with a portion before it
    before = asyncio.all_tasks()
    reading = asyncio.ensure_future(embedder.passages(["Words and words. " * 200] * 8, [0] * 8))
    await asyncio.sleep(0)  # the portions begin
    await asyncio.sleep(0)  # one is sent
    process.kill()
    with pytest.raises(Broken, match="ended with status -9"):
        await reading
    assert asyncio.all_tasks() == before
    assert len(await embedder.passages(["b"], [0])) == 1


async def test_a_process_that_cannot_be_started(embedder: BuiltIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(Broken, match="cannot be started"):
        await embedder.queries(["a"])
    with pytest.raises(Broken, match="cannot be started"):
        await embedder.passages(["a"], [0])


async def test_which_embedder() -> None:
    upstreams = [UpstreamSettings(url="http://one:1")]
    assert open_embedder(RetrievalSettings(embeddings_model="none"), upstreams) is None
    assert isinstance(open_embedder(RetrievalSettings(), upstreams), BuiltIn)
    assert open_embedder(RetrievalSettings(embeddings_model="m"), []) is None
    served = open_embedder(RetrievalSettings(embeddings_model="m"), upstreams)
    assert isinstance(served, Served)
    assert (served.model, served.where) == ("m", "at http://one:1")
    await served.aclose()


async def test_what_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    here, nowhere = [UpstreamSettings(url="http://127.0.0.1:9")], list[UpstreamSettings]()
    served, none = RetrievalSettings(embeddings_model="m"), RetrievalSettings(embeddings_model="none")
    assert await tried(RetrievalSettings(), nowhere) == "yes  all-MiniLM-L6-v2, built in: 384 dimensions"
    assert await tried(none, here) == "no   by words only: embeddings_model is none"
    assert "while m, at http://127.0.0.1:9, fails: " in await tried(served, here)
    assert "nothing says where m is" in await tried(served, nowhere)
    monkeypatch.setattr(minilm, "_PACKAGE", "no_such_package")
    assert await tried(RetrievalSettings(), here) == (
        "no   by words only: the built-in embeddings model is not installed; make run installs it"
    )


async def test_without_numpy_there_are_no_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    upstreams = [UpstreamSettings(url="http://one:1")]
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [BuiltinImporter])
    served = RetrievalSettings(embeddings_model="m")
    assert open_embedder(served, upstreams) is None
    assert await tried(served, upstreams) == "no   by words only: numpy is not installed; make run installs it"
    assert open_embedder(RetrievalSettings(), upstreams) is None


async def test_an_address_without_a_model_is_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(open_embedder(RetrievalSettings(embeddings_url="http://one:1"), []), BuiltIn)
    assert "embeddings_url is not used" in caplog.text
