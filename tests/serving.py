"""Services for tests: a real store in a directory, real adapters, and a clock that the test moves."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from adapters import open_upstreams
from config.settings import Settings, UpstreamSettings
from proxy.api.sse import frame
from proxy.engine import Engine
from proxy.keys import new_key
from proxy.retrieval.ingestion import Ingestion
from proxy.services import Services
from proxy.store import Connection, Store
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.files import insert_file
from proxy.store.keys import insert_key
from proxy.store.vector_stores import insert_store
from tests.builders import AT, a_file, a_key, a_store


class StandingClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = AT

    def now(self) -> int:
        return self.time

    def precise(self) -> float:
        return float(self.time)


@asynccontextmanager
async def serving(
    directory: Path, server: UpstreamSettings, settings: Settings | None = None
) -> AsyncIterator[Services]:
    """Everything that stands below the HTTP face, opened and closed."""
    settings = replace(settings or Settings(), data=str(directory), upstreams=[server])
    clock = StandingClock()
    upstreams = await open_upstreams(settings)
    store = await Store.open(directory, clock)
    blobs = DirectoryBlobs(directory / "blobs")
    engine = Engine(store=store, blobs=blobs, upstreams=upstreams, clock=clock, settings=settings.runs, frame=frame)
    ingestion = Ingestion(store=store, blobs=blobs, clock=clock, settings=settings.retrieval)
    try:
        yield Services(
            settings=settings,
            clock=clock,
            store=store,
            blobs=blobs,
            upstreams=upstreams,
            engine=engine,
            ingestion=ingestion,
        )
    finally:
        await ingestion.aclose()
        await engine.aclose(patience_seconds=0.1)
        await blobs.aclose()
        await store.aclose()
        await upstreams.aclose()


async def give_key(services: Services, project: str) -> str:
    """Make a key of a project; its secret."""
    secret, hint, digest = new_key()
    await services.store.write(lambda db: insert_key(db, a_key(project=project, hint=hint, digest=digest)))
    return secret


async def furnished(
    services: Services,
    project: str,
    *,
    files: Iterable[str] = (),
    stores: Iterable[str] = (),
    filename: str = "notes.txt",
) -> None:
    """Files, of which there is nothing but their rows, and vector stores, with these ids."""

    async def insert(db: Connection) -> None:
        for id in files:
            await insert_file(db, project, a_file(id=id, filename=filename), sha256="0" * 64)
        for id in stores:
            await insert_store(db, project, a_store(id=id))

    await services.store.write(insert)
