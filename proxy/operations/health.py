"""How the server is: its database, and the model servers behind it."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct
from msgspec.structs import replace

from adapters import ServerHealth
from proxy import VERSION
from proxy.services import Services

_BOUND_SECONDS: Final = 3.0  # less than what those who ask for health are used to wait
_KEPT_SECONDS: Final = 5.0


class DatabaseHealth(Struct, frozen=True, kw_only=True):
    status: Literal["ok", "down"]
    latency_ms: float | None


class Health(Struct, frozen=True, kw_only=True):
    service: str = "understudy"
    status: Literal["ok", "degraded", "down"]
    """`down`: nothing can be read or written. `degraded`: not every model server answers."""
    version: str = VERSION
    time: int
    database: DatabaseHealth
    upstreams: list[ServerHealth]
    demo: bool


class HealthCheck:
    """Asks at most every few seconds, however often it is asked itself, and never waits long."""

    def __init__(self, services: Services, *, now: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._now = now
        self._asking = asyncio.Lock()
        self._servers: list[ServerHealth] = []
        self._fresh_until = 0.0

    async def health(self) -> Health:
        database = await self.database()
        servers = await self._model_servers()
        well = bool(servers) and all(server.ok for server in servers)
        return Health(
            status="down" if database.status == "down" else "ok" if well else "degraded",
            time=self._services.clock.now(),
            database=database,
            upstreams=servers,
            demo=self._services.upstreams.is_demo,
        )

    async def database(self) -> DatabaseHealth:
        try:
            async with asyncio.timeout(_BOUND_SECONDS):
                seconds = await self._services.store.ping()
        except Exception:  # whatever it is, this is the answer
            return DatabaseHealth(status="down", latency_ms=None)
        return DatabaseHealth(status="ok", latency_ms=round(seconds * 1000, 2))

    async def _model_servers(self) -> list[ServerHealth]:
        async with self._asking:
            if self._now() >= self._fresh_until:
                self._servers = await self._ask()
                self._fresh_until = self._now() + _KEPT_SECONDS
            return self._servers

    async def _ask(self) -> list[ServerHealth]:
        try:
            async with asyncio.timeout(_BOUND_SECONDS):
                servers = await self._services.upstreams.health()
        except TimeoutError:
            return [replace(server, ok=False, error="No answer in time.") for server in self._servers]
        return [replace(server, url=_public(server.url)) for server in servers]


def _public(url: str) -> str:
    """Without a password that may stand in it: no key is needed to ask for health."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
