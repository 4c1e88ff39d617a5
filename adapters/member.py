"""One model server of the settings: found when it comes up, asked for its models, left alone a while when it fails."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from adapters.demo import DemoUpstream
from adapters.detect import identify
from adapters.dialect import Dialect
from adapters.dialects import DIALECTS
from adapters.errors import Unreachable, UpstreamError
from adapters.server import ModelServer
from adapters.upstream import Model
from config.settings import UpstreamSettings

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 30.0
"""How long its list of models is taken as it was."""
AGAIN_SECONDS: Final = 1.0
"""Not asked more often than this, however much somebody wants to know."""
ALONE_SECONDS: Final = 15.0
"""How long a server that failed comes after the others."""

DEMO: Final = Dialect(name="demo", title="the built-in demo model")


class Member:
    """Made in a running event loop; `aclose` it. `now` is a monotonic clock, in seconds."""

    def __init__(self, settings: UpstreamSettings, *, now: Callable[[], float]) -> None:
        self.settings = settings
        self.url = settings.url
        self.models: Sequence[Model] = ()
        """As it last listed them; kept while it is down, so that requests for them fail as what they are."""
        self.failure: UpstreamError | None = None
        """Why it did not list them the last time."""
        self.dialect: Dialect | None = None
        self.title = ""
        """What it is, for people: `vLLM 0.32.0`."""
        self.server: ModelServer | DemoUpstream | None = None
        """None until it has answered once, where the settings do not say which server it is."""
        self._now = now
        self._asked_at: float | None = None
        self._stale = False
        self._failed_at: float | None = None
        self._asking: asyncio.Task[None] | None = None
        if settings.dialect == "demo":
            self.dialect, self.server = DEMO, DemoUpstream()
            self.title, self.url = DEMO.title, self.server.url
        elif settings.dialect != "auto":
            self._meet(DIALECTS[settings.dialect])

    @property
    def is_demo(self) -> bool:
        return self.dialect is DEMO

    @property
    def is_alone(self) -> bool:
        """Whether it failed a moment ago."""
        return self._failed_at is not None and self._now() < self._failed_at + ALONE_SECONDS

    def model(self, name: str) -> Model | None:
        return next((model for model in self.models if model.id == name), None)

    def is_due(self, *, wanted: bool = False) -> bool:
        """Whether to ask it again. `wanted`: somebody needs to know."""
        if self._asked_at is None or self._stale:
            return True
        limit = AGAIN_SECONDS if wanted or self.failure is not None else FRESH_SECONDS
        return self._now() >= self._asked_at + limit

    @property
    def is_asking(self) -> bool:
        return self._asking is not None and not self._asking.done()

    def refresh(self) -> asyncio.Task[None]:
        """Ask for its models, once however many want to know. What comes of it is in `models` and `failure`."""
        if self._asking is None or self._asking.done():
            self._asked_at = self._now()
            self._asking = asyncio.get_running_loop().create_task(self._refresh(), name=f"models of {self.url}")
        return self._asking

    def failed(self) -> None:
        self._failed_at = self._now()

    def recovered(self) -> None:
        self._failed_at = None

    def expire(self) -> None:
        """Its list is known to be wrong."""
        self._stale = True

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self.server is not None:
            await self.server.aclose()

    async def _refresh(self) -> None:
        self._stale = False
        try:
            if self.server is None:
                found = await identify(self.settings.url, api_key=self.settings.api_key)
                if found is None:
                    raise Unreachable(f"no model server answers at {self.settings.url}")
                self._meet(found.dialect)
                self.title = found.title
                log.info("%s answers at %s", self.title, self.url)
            assert self.server is not None
            self.models = await self.server.models()
            self.failure = None
            self.recovered()
        except UpstreamError as failure:
            if self.failure is None:
                log.warning("%s", failure.message)
            self.failure = failure

    def _meet(self, dialect: Dialect) -> None:
        self.dialect, self.title = dialect, dialect.title
        self.server = ModelServer(self.settings, dialect, retries=self.settings.retries)
        self.url = self.server.url
