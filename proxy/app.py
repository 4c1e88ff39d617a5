"""The composition root: settings become store, model servers, engine and application; what opened closes, in reverse.

The only module that may import all the others.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from adapters import open_upstreams
from config.settings import Settings
from proxy import VERSION
from proxy.admission import may_serve
from proxy.api import http_face
from proxy.api.sse import frame
from proxy.clock import SystemClock
from proxy.engine import Engine
from proxy.services import Services
from proxy.store import Store, keys

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything an operation may use, opened; closed again in reverse order, runs first."""
    clock = SystemClock()
    store = await Store.open(Path(settings.data), clock)
    try:
        upstreams = await open_upstreams(settings)
        try:
            engine = Engine(store=store, upstreams=upstreams, clock=clock, settings=settings.runs, frame=frame)
            await engine.start()
            try:
                yield Services(settings=settings, clock=clock, store=store, upstreams=upstreams, engine=engine)
            finally:
                await engine.aclose(patience_seconds=settings.server.shutdown_seconds)
        finally:
            await upstreams.aclose()
    finally:
        await store.aclose()


async def _serve(settings: Settings) -> int:
    async with open_services(settings) as services:
        any_key = await services.store.read(keys.any_key)
        host = settings.server.host
        refusal = may_serve(host, any_key=any_key, allow_anonymous=settings.server.allow_anonymous)
        if refusal is not None:
            sys.stderr.write(f"understudy: {refusal}\n")
            return 2
        runner = web.AppRunner(
            http_face(services),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=settings.server.shutdown_seconds,
        )
        await runner.setup()
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
            log.info(
                "listening on http://%s:%d (base URL for clients: http://%s:%d/v1)",
                shown,
                address[1],
                shown,
                address[1],
            )
            await _until_told_to_stop()
            log.info("stopping")
            await site.stop()
            # Streams end when their runs rest; the engine lets them, and its patience is the whole of it.
            await services.engine.aclose(patience_seconds=settings.server.shutdown_seconds)
        finally:
            await runner.cleanup()
    return 0


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status: 0 stopped, 1 could not listen, 2 refused to."""
    logging.basicConfig(level=settings.log.level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return asyncio.run(_serve(settings))
