"""Gives vectors to what was read without any, or with those of another model, whenever there is time.

What is behind is in the store, so it goes on after a restart, after the model has failed, and after another one was
set. Files are found by their words meanwhile.
"""

import asyncio
import logging
from typing import Final

from adapters.embedding import Embedder, Vector
from adapters.errors import UpstreamError
from proxy.retrieval.vectors import packed
from proxy.store import Store, StoreError, chunk_vectors
from proxy.store.chunk_vectors import Behind
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

PATROL_SECONDS: Final = 30.0
"""How often it tries again after a failure."""
CHUNKS_AT_ONCE: Final = 32
_SHORTER: Final = (1, 2, 4, 8, 16)
"""By what a passage is divided that the model refuses: its beginning has to do."""


class CatchingUp:
    """At work from `start` to `aclose`."""

    def __init__(self, *, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._model = embedder.model
        self._tasks = TaskGroup()
        self._woken = asyncio.Event()

    def start(self) -> None:
        self._tasks.start(self._work(), name="catching up with vectors")

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def aclose(self) -> None:
        await self._tasks.cancel()

    async def _work(self) -> None:
        failing = False
        while True:
            self._woken.clear()
            busy = False
            try:
                busy = await self._step()
            except StoreError:
                log.exception("passages without vectors cannot be read or saved; trying again in %g s", PATROL_SECONDS)
            except UpstreamError as failure:
                if not failing:  # it may be down for days
                    log.error("%s makes no vectors; files are found by words until it does: %s", self._model, failure)
                failing = True
                await asyncio.sleep(PATROL_SECONDS)
                continue
            except Exception:  # whatever it is, what comes after it needs vectors, too
                log.exception("catching up with vectors failed; trying again in %g s", PATROL_SECONDS)
                await asyncio.sleep(PATROL_SECONDS)
                continue
            if failing:
                log.info("%s makes vectors again", self._model)
                failing = False
            if not busy:
                try:
                    async with asyncio.timeout(PATROL_SECONDS):
                        await self._woken.wait()
                except TimeoutError:
                    await self._embedder.rest()

    async def _step(self) -> bool:
        """Some of it; whether there may be more."""
        # First, as a set of which the other model has done a half would be behind, and refuse what this one makes.
        other = await self._store.read(lambda db: chunk_vectors.set_of_other_model(db, self._model))
        if other is not None:
            await self._store.write(lambda db: chunk_vectors.forget_vectors(db, other))
            return True
        behind = await self._store.read(lambda db: chunk_vectors.next_behind(db, limit=CHUNKS_AT_ONCE))
        if behind is not None:
            made = await self._made(behind)
            vectors = await asyncio.to_thread(packed, made, place=behind.place)
            await self._store.write(
                lambda db: chunk_vectors.write_vectors(db, behind.set_id, vectors, model=self._model)
            )
        return behind is not None

    async def _made(self, behind: Behind) -> list[list[Vector]]:
        try:
            return await self._embedder.passages(behind.texts, behind.repeated)
        except UpstreamError as failure:
            # Is it the model that fails, or one of the passages?
            await self._embedder.queries(["a"])
            log.warning("%s makes no vectors of %d passages together: %s", self._model, len(behind.texts), failure)
        return [
            await self._made_alone(text, repeated) for text, repeated in zip(behind.texts, behind.repeated, strict=True)
        ]

    async def _made_alone(self, text: str, repeated: int) -> list[Vector]:
        """Of its beginning, where the model does not take all of it; none, where there is something about it.

        Servers refuse what is too long for them in many ways; llama-server (commit 0c1e57098) with status 500.
        """
        for part in _SHORTER:
            beginning = text[: len(text) // part]
            if not beginning.strip():
                break
            try:
                (made,) = await self._embedder.passages([beginning], [repeated if part == 1 else 0])
            except UpstreamError as failure:
                await self._embedder.queries(["a"])
                log.debug("%d characters of a passage: %s", len(beginning), failure)
            else:
                return made
        log.warning("a passage of %d characters has no vectors: %s takes no part of it", len(text), self._model)
        return []
