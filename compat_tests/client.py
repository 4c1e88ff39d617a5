"""A client that sends a `Request` as it stands and takes down the `Answer`, whatever it is."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from compat_tests.event_stream import EventStream
from compat_tests.exchange import UNRECORDED, Answer, Body, Event, Part, Request

PATH_CHARACTERS: Final = "/?%:@!$&'()*+,;=~-._[]"
BETA: Final = {"openai-beta": "assistants=v2"}


class NoAnswer(Exception):
    """Nothing came that is an answer of HTTP: nobody there, the connection broke, or it took too long."""


class Client:
    """Of one server. Used as a context manager; one connection pool, no redirects, no retries, no cookies."""

    def __init__(self, base_url: str, api_key: str | None, *, timeout_seconds: float = 30) -> None:
        base_url = base_url.rstrip("/")
        self.base_url = base_url.removesuffix("/v1")
        """Without `/v1`: the paths of requests have it."""
        self.api_key = api_key
        self._authorization = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Client":
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            auto_decompress=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, request: Request, on_event: Callable[[Event], Awaitable[None]] | None = None) -> Answer:
        """Raises `NoAnswer`. `on_event` is told of each event of a stream as it comes."""
        assert self._session is not None
        data, headers = _encoded(request.body)
        wanted: dict[str, str | None] = {**BETA, **self._authorization, **headers, **request.headers}
        sent = {name: value for name, value in wanted.items() if value is not None}
        # As it stands: what is percent-encoded stays so, what must be is.
        url = URL(self.base_url + quote(request.path, safe=PATH_CHARACTERS), encoded=True)
        skipped = [] if "content-type" in sent else ["Content-Type"]
        try:
            async with self._session.request(
                request.method,
                url,
                params=request.query or None,
                data=data,
                headers=sent,
                skip_auto_headers=skipped,
                allow_redirects=False,
            ) as response:
                told = {name.lower(): value for name, value in response.headers.items()}
                if response.content_type == "text/event-stream":
                    events = []
                    async for event in events_of(response.content.iter_any()):
                        events.append(event)
                        if on_event is not None:
                            await on_event(event)
                    return Answer(status=response.status, headers=told, events=tuple(events))
                return Answer(status=response.status, headers=told, body=_decoded(await response.read(), told))
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise NoAnswer(str(failure) or type(failure).__name__) from failure


def _encoded(body: Body) -> tuple[Any, dict[str, str]]:
    if body is None or body is UNRECORDED:
        return None, {}
    if isinstance(body, tuple):
        form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
        for part in body:
            form.add_field(part.name, _value(part), filename=part.filename, content_type=part.content_type)
        writer = form()
        return writer, {"content-type": writer.headers["Content-Type"]}
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False).encode()
    return io.BytesIO(body), {"content-type": "application/json"}


def _value(part: Part) -> str | io.BytesIO:
    """Bytes would make a file of a field that is none; and aiohttp warns of many of them that are one."""
    if part.filename is not None:
        return io.BytesIO(part.data)
    return part.data.decode(errors="replace")


def _decoded(body: bytes, headers: dict[str, str]) -> Body:
    if not body:
        return None
    if "json" in headers.get("content-type", ""):
        try:
            return json.loads(body)
        except ValueError:
            pass
    try:
        return body.decode() if headers.get("content-type", "").startswith(("text/", "application/json")) else body
    except UnicodeDecodeError:
        return body


async def events_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """The events in a body of server-sent events, cut anyhow, as they come (see `EventStream`)."""
    stream = EventStream()
    async for piece in pieces:
        for event in stream.feed(piece):
            yield event
    for event in stream.end():
        yield event


async def until_answered(client: Client, request: Request, seconds: float) -> None:
    """Ask until anything answers. Raises `NoAnswer` when the time is over."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await client.ask(request)
            except NoAnswer:
                await asyncio.sleep(0.05)
            else:
                return
