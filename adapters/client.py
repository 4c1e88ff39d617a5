"""The one HTTP client: connections, timeouts, retries before the first byte, and hanging up. It knows no dialect.

Only `adapters.errors` leave it. aiohttp's own timeouts are off but for connecting: what a silence means depends on how
far an answer has come, so every wait here has its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Mapping
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from adapters.errors import Broken, RateLimited, TimedOut, Unreachable, UpstreamError
from adapters.failures import failure_of_body, retry_after, translated
from config.settings import UpstreamSettings

log = logging.getLogger(__name__)

RETRIES: Final = 2
"""Further attempts after the first, where another may help."""
BACKOFF_SECONDS: Final = 0.25
"""Before the second attempt; doubled before each further one."""
LONGEST_PAUSE_SECONDS: Final = 10.0
"""A server that asks for a longer pause (`Retry-After`) is not waited for."""
QUESTION_SECONDS: Final = 5.0
"""For questions that a server answers without its model."""
ERROR_BYTES: Final = 64 * 1024
DRAIN_SECONDS: Final = 0.05


class Client:
    """Connections to one model server. Made in a running event loop; `aclose` it."""

    def __init__(
        self,
        settings: UpstreamSettings,
        *,
        retries: int = RETRIES,
        backoff_seconds: float = BACKOFF_SECONDS,
        keeps_connections: bool = True,
    ) -> None:
        self.url = root_of(settings.url)
        self._settings = settings
        self._retries = retries
        self._backoff_seconds = backoff_seconds
        self.authorization = f"Bearer {settings.api_key}" if settings.api_key is not None else None
        self.session = aiohttp.ClientSession(
            # uvicorn drops idle connections after 5 s; one that is about to go must not be used.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0)
            if keeps_connections
            else aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=settings.connect_timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def aclose(self) -> None:
        await self.session.close()

    async def get(self, path: str, *, timeout_seconds: float = QUESTION_SECONDS) -> bytes:
        """The body of a 200. No retries: whoever asks does so again anyway."""
        return await self._ask("GET", path, None, timeout_seconds)

    async def post(self, path: str, body: Any, *, timeout_seconds: float = QUESTION_SECONDS) -> bytes:
        return await self._ask("POST", path, msgspec.json.encode(body), timeout_seconds)

    async def _ask(self, method: str, path: str, body: bytes | None, timeout_seconds: float) -> bytes:
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        response = await self.begin(method, path, body=body, headers=self._json_headers(), deadline=deadline)
        try:
            if response.status != 200:
                raise await self.failure(response, deadline)
            return await self.read_all(response, deadline)
        finally:
            response.close()

    async def answer(
        self, path: str, body: bytes, *, deadline: float, retries: int | None = None
    ) -> aiohttp.ClientResponse:
        """Send a request, and return when the head of a 200 has come. The caller closes the response.

        Failures that another attempt may mend are tried again: no connection, 429, 502, 503.
        """
        attempts = 1 + (self._retries if retries is None else retries)
        for attempt in range(attempts):
            try:
                return await self._answer(path, body, deadline)
            except (Unreachable, RateLimited, Broken) as failure:
                pause = self._pause(failure, attempt)
                if pause is None or attempt + 1 == attempts:
                    raise
                log.info("trying again in %.2f s: %s", pause, failure.message)
            await asyncio.sleep(pause)
        raise AssertionError("the loop returns or raises")

    async def _answer(self, path: str, body: bytes, deadline: float) -> aiohttp.ClientResponse:
        response = await self.begin("POST", path, body=body, headers=self._json_headers(), deadline=deadline)
        try:
            if response.status != 200:
                raise await self.failure(response, deadline)
        except BaseException:
            response.close()
            raise
        return response

    def _pause(self, failure: UpstreamError, attempt: int) -> float | None:
        """How long to wait before another attempt; None where it would not help."""
        if isinstance(failure, Broken) and failure.status != 502:
            return None
        wanted = failure.retry_after_seconds
        if wanted is None:
            return self._backoff_seconds * 2.0**attempt
        return wanted if wanted <= LONGEST_PAUSE_SECONDS else None

    async def begin(
        self,
        method: str,
        path: str,
        *,
        body: bytes | AsyncIterable[bytes] | None,
        headers: Mapping[str, str],
        deadline: float,
        decompress: bool = True,
    ) -> aiohttp.ClientResponse:
        """One attempt: send, and wait for the head, whatever its status. The caller closes the response."""
        with translated(self.url):
            try:
                async with asyncio.timeout_at(deadline):
                    # Not following redirects: a POST would become a GET.
                    return await self.session.request(
                        method,
                        URL(self.url + path, encoded=True),  # as it is: what is passed through is not re-quoted
                        data=body,
                        headers=headers,
                        allow_redirects=False,
                        skip_auto_headers=("Content-Type",),
                        auto_decompress=decompress,
                    )
            except TimeoutError as error:
                # aiohttp's own timeout can only be that of connecting.
                if isinstance(error, aiohttp.ServerTimeoutError):
                    raise
                raise TimedOut(f"the model server at {self.url} did not begin to answer in time") from None

    async def failure(self, response: aiohttp.ClientResponse, deadline: float) -> UpstreamError:
        """What an answer that is no 200 says."""
        if 300 <= response.status < 400:
            where = response.headers.get("Location", "elsewhere")
            return failure_of_body(response.status, f"the model server at {self.url} redirects to {where}".encode())
        with translated(self.url):
            async with asyncio.timeout_at(deadline):
                body = await response.content.read(ERROR_BYTES)
        return failure_of_body(
            response.status,
            body,
            content_type=response.content_type,
            retry_after_seconds=retry_after(response.headers.get("Retry-After")),
        )

    async def read(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """What has come since the last read, or will come next. Nothing: the end."""
        with translated(self.url, answering=True):
            async with asyncio.timeout_at(deadline):
                return await response.content.readany()

    async def read_all(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        with translated(self.url, answering=True):
            async with asyncio.timeout_at(deadline):
                return await response.read()

    async def drain(self, response: aiohttp.ClientResponse) -> None:
        """Let a complete answer come to its end, so that its connection can be used again; it is dropped otherwise."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not response.content.at_eof():
                    await response.content.readany()
        except (aiohttp.ClientError, OSError):
            response.close()

    def _json_headers(self) -> dict[str, str]:
        # vLLM 0.32 and SGLang 0.5.23 refuse a body without this type (recordings err_content_type).
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        return headers if self.authorization is None else {**headers, "Authorization": self.authorization}


def root_of(url: str) -> str:
    """The address without `/v1`: some questions live beside it."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
