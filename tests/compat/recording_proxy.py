"""A proxy that writes down what passes through it as Chromium's developer tools do: HAR 1.2."""

import base64
import datetime
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding"}
TIMINGS = {"blocked": 0.1, "dns": -1, "ssl": -1, "connect": -1, "send": 0.1, "wait": 1.0, "receive": 0.2}


class RecordingProxy:
    """Of one server. A page of another origin would ask it: so there are preflights, too."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self._origin = origin
        self._session = session
        self._entries: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        started = datetime.datetime.now(datetime.UTC)
        sent = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_PASSED_ON}
        asking = self._session.request(
            request.method, self._origin + request.path_qs, data=sent or None, headers=headers
        )
        async with asking as answer:
            passed = web.StreamResponse(
                status=answer.status,
                headers={name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON},
            )
            await passed.prepare(request)
            came = b""
            async for piece in answer.content.iter_any():
                came += piece
                await passed.write(piece)
        self._entries.append(_preflight(request, started))
        self._entries.append(_entry(request, sent, answer, came, started))
        await passed.write_eof()
        return passed

    def write(self, file: Path) -> None:
        """In no particular order, as browsers do: whatever ended first is first."""
        creator = {"name": "WebInspector", "version": "537.36"}
        page = {"startedDateTime": self._entries[0]["startedDateTime"], "id": "page_1", "title": "x", "pageTimings": {}}
        entries = [_aborted(self._entries[0]), *reversed(self._entries)]
        file.write_text(
            json.dumps({"log": {"version": "1.2", "creator": creator, "pages": [page], "entries": entries}}, indent=2)
        )


def _entry(
    request: web.Request, sent: bytes, answer: aiohttp.ClientResponse, came: bytes, started: datetime.datetime
) -> dict[str, Any]:
    asked = _request(request)
    if sent:
        # What is no text, Chromium writes down as if each byte were a character.
        text = sent.decode("latin-1") if "multipart" in request.content_type else sent.decode()
        asked["postData"] = {"mimeType": request.headers["Content-Type"], "text": text}
        asked["bodySize"] = len(sent)
    content: dict[str, Any] = {"size": len(came), "mimeType": answer.content_type}
    try:
        content["text"] = came.decode()
    except UnicodeDecodeError:
        content |= {"text": base64.b64encode(came).decode(), "encoding": "base64"}
    return {
        "_initiator": {"type": "script"},
        "_priority": "High",
        "_resourceType": "fetch",
        "cache": {},
        "pageref": "page_1",
        "request": asked,
        "response": {
            "status": answer.status,
            "statusText": answer.reason,
            "httpVersion": "http/1.1",
            "headers": _named(answer.headers),
            "cookies": [],
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_transferSize": len(came),
            "_error": None,
        },
        "serverIPAddress": "127.0.0.1",
        "startedDateTime": _when(started),
        "time": 1.4,
        "timings": TIMINGS,
    }


def _preflight(request: web.Request, started: datetime.datetime) -> dict[str, Any]:
    asked = _request(request) | {"method": "OPTIONS"}
    response = {"status": 204, "headers": [], "content": {"size": 0, "mimeType": "x-unknown"}}
    when = _when(started - datetime.timedelta(milliseconds=1))
    return {"_resourceType": "preflight", "request": asked, "response": response, "startedDateTime": when}


def _aborted(entry: dict[str, Any]) -> dict[str, Any]:
    """A page that was left before its answer came."""
    response = {
        "status": 0,
        "headers": [],
        "content": {"size": 0, "mimeType": "x-unknown"},
        "_error": "net::ERR_ABORTED",
    }
    return entry | {"request": entry["request"] | {"method": "GET"}, "response": response}


def _request(request: web.Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": str(request.url),
        "httpVersion": "http/1.1",
        "headers": _named(request.headers),
        "queryString": _named(request.query),
        "cookies": [],
        "headersSize": -1,
        "bodySize": 0,
    }


def _named(pairs: Any) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs.items()]


def _when(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def recording_proxy(origin: str) -> AsyncIterator[RecordingProxy]:
    async with aiohttp.ClientSession() as session:
        proxy = RecordingProxy(origin, session)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()
