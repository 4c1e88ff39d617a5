"""The composition root: settings become store, model servers, engine and application; what opened closes, in reverse.

The only module that may import all the others.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from adapters import open_upstreams
from adapters.errors import UpstreamError
from config.settings import FileSettings, Settings
from proxy import VERSION
from proxy.admission import may_serve
from proxy.api import http_face
from proxy.api.sse import frame
from proxy.clock import SystemClock
from proxy.engine import Engine
from proxy.operations.sweeping import keep_sweeping, sweep_blobs
from proxy.retrieval.built_in import missing, open_embedder
from proxy.retrieval.ingestion import Ingestion
from proxy.services import Services
from proxy.store import Store, StoreError, keys
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.blobs import Blobs
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)


class NotAdmitted(Exception):
    """It may not serve as it is asked to. Says why, and what to do."""


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything an operation may use, opened; closed again in reverse order, runs first.

    Raises `NotAdmitted`, before a model server is launched or a run is taken up, StoreError, UpstreamError and OSError.
    """
    clock = SystemClock()
    async with AsyncExitStack() as opened:
        store = await Store.open(Path(settings.data), clock)
        opened.push_async_callback(store.aclose)
        any_key = await store.read(keys.any_key)
        refusal = may_serve(settings.server.host, any_key, settings.server.allow_anonymous)
        if refusal is not None:
            raise NotAdmitted(refusal)
        blobs = await _open_blobs(settings.files, store)
        opened.push_async_callback(blobs.aclose)
        if store.exclusive:
            await sweep_blobs(store, blobs)
        upstreams = await open_upstreams(settings)
        opened.push_async_callback(upstreams.aclose)
        embedder = open_embedder(settings.retrieval, settings.upstreams)
        if embedder is not None:
            opened.push_async_callback(embedder.aclose)
        engine = Engine(
            store=store,
            blobs=blobs,
            upstreams=upstreams,
            clock=clock,
            settings=settings.runs,
            frame=frame,
            embedder=embedder,
        )
        opened.push_async_callback(engine.aclose, patience_seconds=settings.server.shutdown_seconds)
        ingestion = Ingestion(store=store, blobs=blobs, clock=clock, settings=settings.retrieval, embedder=embedder)
        services = Services(
            settings=settings,
            clock=clock,
            store=store,
            blobs=blobs,
            upstreams=upstreams,
            engine=engine,
            ingestion=ingestion,
            embedder=embedder,
        )
        await engine.start()
        sweeping = TaskGroup()
        opened.push_async_callback(sweeping.cancel)
        sweeping.start(keep_sweeping(services), name="sweeping")
        opened.push_async_callback(ingestion.aclose)
        await ingestion.start()
        yield services


async def _open_blobs(settings: FileSettings, store: Store) -> Blobs:
    keep_free_bytes = settings.keep_free_megabytes << 20
    if settings.bucket is None:
        return DirectoryBlobs(store.directory / "blobs", keep_free_bytes=keep_free_bytes)
    try:
        from proxy.store.blob_bucket import BucketBlobs
        from proxy.store.bucket.place import BucketPlace
    except ModuleNotFoundError as missing:
        raise NotAdmitted(
            f"files.bucket is set, and the package {missing.name} is not installed; `make s3` installs it, or "
            "`pip install -r requirements/s3.txt` in an environment of yours"
        ) from missing
    place = BucketPlace(
        bucket=settings.bucket,
        prefix=settings.bucket_prefix,
        endpoint=settings.bucket_endpoint,
        region=settings.bucket_region,
        access_key_id=settings.bucket_access_key_id,
        secret_access_key=settings.bucket_secret_access_key,
        addressing=settings.bucket_addressing,
    )
    return await BucketBlobs.open(place, store, keep_free_bytes=keep_free_bytes)


async def _serve(settings: Settings) -> int:
    async with open_services(settings) as services:
        host = settings.server.host
        runner = web.AppRunner(
            http_face(services),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=settings.server.shutdown_seconds,
        )
        await runner.setup()
        told_to_stop = _told_to_stop()  # before anybody can know that we listen
        try:
            site = web.TCPSite(runner, host, settings.server.port)
            try:
                await site.start()
            except OSError as failure:
                sys.stderr.write(f"understudy: cannot listen on {host} port {settings.server.port}: {failure}\n")
                return 1
            address = runner.addresses[0]
            shown = f"[{address[0]}]" if ":" in address[0] else address[0]
            log.info("Understudy %s, data in %s", VERSION, services.store.directory)
            log.info("%s", services.upstreams.found)
            if settings.files.bucket is not None:
                log.info("contents of files in the bucket %s", settings.files.bucket)
            log.info("%s", _how_files_are_found(services))
            log.info(
                "listening on http://%s:%d (base URL for clients: http://%s:%d/v1)",
                shown,
                address[1],
                shown,
                address[1],
            )
            await told_to_stop.wait()
            log.info("stopping")
            await site.stop()
            # Streams end when their runs rest; the engine lets them, and its patience is the whole of it.
            await services.engine.aclose(patience_seconds=settings.server.shutdown_seconds)
        finally:
            await runner.cleanup()
    return 0


def _how_files_are_found(services: Services) -> str:
    if services.embedder is not None:
        return f"files are searched by words, and by meaning with {services.embedder.model}, {services.embedder.where}"
    return f"files are searched by words only: {missing(services.settings.retrieval)}"


def _told_to_stop() -> asyncio.Event:
    """From here on SIGINT and SIGTERM set this, and do nothing else."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status: 0 stopped, 1 could not start, 2 refused to."""
    logging.basicConfig(level=settings.log.level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return asyncio.run(_serve(settings))
    except KeyboardInterrupt:  # while it was starting; later, SIGINT is an ordinary end
        return 0
    except NotAdmitted as refusal:
        sys.stderr.write(f"understudy: {refusal}\n")
        return 2
    except (StoreError, UpstreamError, OSError) as failure:
        log.debug("the traceback", exc_info=True)
        sys.stderr.write(f"understudy: {failure}\n")
        return 1
