"""The embeddings model that comes with the server, in processes of its own: streams keep their core.

What is read and what is asked have different processes, so that no search waits until a book has its vectors.
"""

import asyncio
import logging
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from adapters.embedding import Embedder, Vector, open_served
from adapters.errors import Broken, TimedOut, UpstreamError
from config.settings import RetrievalSettings, UpstreamSettings
from proxy.retrieval import minilm
from proxy.retrieval.embedding import PROMPTLY
from proxy.retrieval.processes import Died, Processes, Silent, Worker
from proxy.retrieval.protocol import MakeVectors, Vectors
from proxy.retrieval.vectors import can_compare

log = logging.getLogger(__name__)

_MODULE: Final = "proxy.retrieval.embedding"
SECONDS: Final = 120
"""For one portion, which takes less than a second where a process has a core for itself."""
_CHARACTERS_AT_ONCE: Final = 3_000
"""In a portion, about: as much as is lost when a process dies, and as long as others wait for their turn."""
_CHARACTERS_OF_A_QUERY: Final = 4_000
"""More than its first part has: other queries wait as long as it takes."""


class BuiltIn:
    """`Embedder`, with the model of `minilm.py`."""

    model = minilm.NAME
    where = "built in"

    def __init__(self, processes: int) -> None:
        # Several threads in each of several processes would only be in each other's way.
        environ = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
        environ["TOKENIZERS_PARALLELISM"] = "false"
        self.reading = Processes(_MODULE, processes, environ=environ)
        self.asking = Processes(_MODULE, 1, arguments=[PROMPTLY], environ=environ)

    async def passages(self, texts: Sequence[str], repeated: Sequence[int]) -> list[list[Vector]]:
        new = [text[start:] for text, start in zip(texts, repeated, strict=True)]
        portions = list(_portions(new))
        made = await asyncio.gather(
            *(_made(self.reading, portion, most=minilm.MOST_PARTS) for portion in portions),
            return_exceptions=True,  # or where one fails, the others would go on without an owner
        )
        return [vectors for portion in made for vectors in _unless_failed(portion)]

    async def queries(self, texts: Sequence[str]) -> list[Vector]:
        # A query that is a whole page is searched for by how it begins.
        made = await _made(self.asking, [text.lstrip()[:_CHARACTERS_OF_A_QUERY] for text in texts], most=1)
        return [vectors[0] if vectors else array("f", bytes(4 * minilm.DIMENSIONS)) for vectors in made]

    async def rest(self) -> None:
        await self.reading.rest()

    async def aclose(self) -> None:
        await self.reading.aclose()
        await self.asking.aclose()


def open_embedder(settings: RetrievalSettings, upstreams: Sequence[UpstreamSettings]) -> Embedder | None:
    """None where files are to be found by their words only. Made in a running event loop; `aclose` it."""
    match settings.embeddings_model:
        case "none":
            return None
        case "built-in":
            if settings.embeddings_url is not None:
                log.warning("retrieval.embeddings_url is not used: embeddings_model does not say which of its models")
            return BuiltIn(settings.readers) if minilm.is_installed() else None
        case model:
            return open_served(model, settings, upstreams) if can_compare() else None


async def tried(settings: RetrievalSettings, upstreams: Sequence[UpstreamSettings]) -> str:
    """How files are found by meaning, for people: "yes" or "no", and what makes vectors or why nothing does."""
    embedder = open_embedder(settings, upstreams)
    if embedder is None:
        return f"no   by words only: {missing(settings)}"
    try:
        vectors = await embedder.queries(["a"])
    except UpstreamError as failure:
        return f"no   by words only while {embedder.model}, {embedder.where}, fails: {failure.message}"
    finally:
        await embedder.aclose()
    return f"yes  {embedder.model}, {embedder.where}: {len(vectors[0])} dimensions"


def missing(settings: RetrievalSettings) -> str:
    """Why there is no embedder."""
    match settings.embeddings_model:
        case "none":
            return "embeddings_model is none"
        case "built-in":
            return "the built-in embeddings model is not installed; make run installs it"
        case _ if not can_compare():
            return "numpy is not installed; make run installs it"
        case model:
            return f"nothing says where {model} is: set retrieval.embeddings_url"


def _portions(texts: Sequence[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    characters = 0
    for text in texts:
        if portion and characters + len(text) > _CHARACTERS_AT_ONCE:
            yield portion
            portion, characters = [], 0
        portion.append(text)
        characters += len(text)
    if portion:
        yield portion


def _unless_failed(made: list[list[Vector]] | BaseException) -> list[list[Vector]]:
    if isinstance(made, BaseException):
        raise made
    return made


async def _made(processes: Processes, texts: Sequence[str], *, most: int) -> list[list[Vector]]:
    async with _one_of(processes) as worker:
        worker.send(MakeVectors(texts=list(texts), most=most, seconds=SECONDS))
        try:
            answer = await worker.answer(SECONDS)
        except Silent:
            raise TimedOut(f"{minilm.NAME} made no vectors of {len(texts)} texts within {SECONDS} s") from None
        except Died as end:
            raise Broken(f"the process of {minilm.NAME} ended with status {end.status}") from None
        if not isinstance(answer, Vectors):
            raise RuntimeError(f"A process that makes vectors answered {answer}.")
        worker.is_done = True
    return list(_taken_apart(answer))


@asynccontextmanager
async def _one_of(processes: Processes) -> AsyncIterator[Worker]:
    async with AsyncExitStack() as entered:
        try:
            worker = await entered.enter_async_context(processes.one())
        except OSError as failure:
            raise Broken(f"the process of {minilm.NAME} cannot be started: {failure}") from failure
        yield worker


def _taken_apart(answer: Vectors) -> Iterator[list[Vector]]:
    components = array("f", answer.components)
    place = 0
    for count in answer.counts:
        vectors: list[Vector] = []
        for _ in range(count):
            vectors.append(components[place : place + minilm.DIMENSIONS])
            place += minilm.DIMENSIONS
        yield vectors
