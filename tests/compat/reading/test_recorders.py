"""Cassettes as vcrpy writes them: of real requests to a small server, through several HTTP libraries."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
import vcr
from aiohttp import web

from compat_tests.exchange import Event, Part, Recording, Request
from compat_tests.reading import read

SECRETS = {"Authorization": "Bearer sk-shibboleth", "Cookie": "session=shibboleth"}
BETA = {"OpenAI-Beta": "assistants=v2", **SECRETS}
STREAM = b'event: thread.created\ndata: {"id": "thread_1234"}\n\nevent: done\ndata: [DONE]\n\n'
PICTURE = bytes(range(256))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that answers what is recorded here, compressed where the client likes that."""

    async def assistants(request: web.Request) -> web.Response:
        response = web.json_response({"id": "asst_1234", "name": (await request.json())["name"]})
        response.set_cookie("session", "shibboleth")
        response.enable_compression()
        return response

    async def runs(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for place in range(0, len(STREAM), 10):
            await response.write(STREAM[place : place + 10])
        return response

    async def upload(request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        return web.json_response({"id": "file-1234", "bytes": len(file.file.read()), "purpose": form["purpose"]})

    async def download(_: web.Request) -> web.Response:
        return web.Response(body=PICTURE, content_type="application/octet-stream")

    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/assistants", assistants),
            web.post("/v1/threads/runs", runs),
            web.post("/v1/files", upload),
            web.get("/v1/files/file-1234/content", download),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


async def with_requests(url: str) -> None:
    def ask() -> None:
        with requests.Session() as session:
            session.post(f"{url}/assistants", json={"name": "Ada"}, headers=BETA)
            with session.post(f"{url}/threads/runs", json={"stream": True}, headers=BETA, stream=True) as response:
                assert b"".join(response.iter_content(7)) == STREAM
            file = ("a.bin", PICTURE, "application/x-thing")
            session.post(f"{url}/files", data={"purpose": "assistants"}, files={"file": file}, headers=SECRETS)
            assert session.get(f"{url}/files/file-1234/content", headers=SECRETS).content == PICTURE

    await asyncio.to_thread(ask)


async def with_httpx(url: str) -> None:
    def ask() -> None:
        with httpx.Client() as session:
            session.post(f"{url}/assistants", json={"name": "Ada"}, headers=BETA)
            with session.stream("POST", f"{url}/threads/runs", json={"stream": True}, headers=BETA) as response:
                assert b"".join(response.iter_bytes(7)) == STREAM
            file = ("a.bin", PICTURE, "application/x-thing")
            session.post(f"{url}/files", data={"purpose": "assistants"}, files={"file": file}, headers=SECRETS)
            assert session.get(f"{url}/files/file-1234/content", headers=SECRETS).content == PICTURE

    await asyncio.to_thread(ask)


async def with_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}/assistants", json={"name": "Ada"}, headers=BETA)
        async with session.post(f"{url}/threads/runs", json={"stream": True}, headers=BETA) as response:
            assert await response.read() == STREAM
        await session.post(f"{url}/files", data={"purpose": "assistants", "file": io.BytesIO(PICTURE)}, headers=SECRETS)
        async with session.get(f"{url}/files/file-1234/content", headers=SECRETS) as response:
            assert await response.read() == PICTURE


# With aiohttp, vcrpy writes down objects where bytes were sent; in JSON it cannot keep bytes that are no text.
RECORDERS = [
    (with_requests, "yaml"),
    (with_httpx, "yaml"),
    (with_aiohttp, "yaml"),
    (with_requests, "json"),
    (with_aiohttp, "json"),
]


@pytest.mark.parametrize(("ask", "form"), RECORDERS)
async def test_vcrpy(url: str, tmp_path: Path, ask: Callable[[str], Awaitable[None]], form: str) -> None:
    cassette = tmp_path / f"cassette.{form}"
    left_out = ["/files"] if form == "json" else []
    recorder = vcr.VCR(
        serializer=form,
        before_record_request=lambda each: None if any(part in each.path for part in left_out) else each,
    )
    with recorder.use_cassette(str(cassette)):
        await ask(url)
    assert "shibboleth" in cassette.read_text()
    (found,) = read(cassette)
    assert "shibboleth" not in repr(found)
    assert_is_what_was_said(found, files=not left_out, name="file" if ask is with_aiohttp else "a.bin")


def assert_is_what_was_said(found: Recording, *, files: bool, name: str) -> None:
    create, run, *rest = found.exchanges
    assert create.request == Request(method="POST", path="/v1/assistants", body={"name": "Ada"})
    assert create.answer.body == {"id": "asst_1234", "name": "Ada"}
    assert run.request == Request(method="POST", path="/v1/threads/runs", body={"stream": True})
    assert run.answer.events == (Event("thread.created", {"id": "thread_1234"}), Event("done", "[DONE]"))
    if files:
        assert rest.pop().answer.body == PICTURE
        form = rest.pop()
        file, purpose = sorted(form.request.body, key=lambda part: part.name)
        assert purpose == Part(name="purpose", data=b"assistants")
        assert (file.name, file.filename, file.data) == ("file", name, PICTURE)
        assert form.answer.body == {"id": "file-1234", "bytes": 256, "purpose": "assistants"}
    assert rest == []
