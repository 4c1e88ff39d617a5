"""Requests passed through to a model server: untouched, streaming both ways."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from adapters import Upstreams, open_upstreams
from adapters.errors import SpokeNonsense, TimedOut, UnknownModel, Unreachable, UpstreamError
from compat_tests.scripted_upstream import (
    ScriptedUpstream,
    close_mid_stream,
    error,
    hang,
    never_answers,
    scripted_upstream,
    text,
)
from config.settings import Settings, UpstreamSettings

CHAT = b'{ "model": "tiny", "stream": true,\n "messages": [{"role": "user", "content": "hello"}] }'


@pytest.fixture
async def server() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream(flavour="vllm") as server:
        yield server


@pytest.fixture
async def upstreams(server: ScriptedUpstream) -> AsyncIterator[Upstreams]:
    settings = UpstreamSettings(url=server.url, api_key="theirs", first_token_timeout_seconds=0.5)
    upstreams = await open_upstreams(Settings(upstreams=[settings]))
    yield upstreams
    await upstreams.aclose()


async def whole(upstreams: Upstreams, method: str, path: str, **fields: Any) -> tuple[int, dict[str, str], bytes]:
    given = {"query": "", "headers": {"Content-Type": "application/json"}, "body": None, "model": None, **fields}
    async with upstreams.forward(method, path, **given) as answer:
        return answer.status, dict(answer.headers), b"".join([piece async for piece in answer.body])


async def echoed(upstreams: Upstreams, **fields: Any) -> dict[str, Any]:
    """What arrived at the server."""
    _, _, body = await whole(upstreams, fields.pop("method", "POST"), "/v1/echo", **fields)
    arrived: dict[str, Any] = json.loads(body)
    return arrived


async def test_a_request_arrives_as_it_was(upstreams: Upstreams) -> None:
    arrived = await echoed(
        upstreams,
        method="PUT",
        query="a=1&b=%20x&b=2",
        body=b' {"as": "it is"} ',
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "them/1", "X-Their-Own": "kept"},
    )
    assert (arrived["method"], arrived["query"], arrived["body"]) == ("PUT", "a=1&b=%20x&b=2", ' {"as": "it is"} ')
    headers = arrived["headers"]
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert (headers["user-agent"], headers["x-their-own"]) == ("them/1", "kept")


@pytest.mark.parametrize("authorization", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_our_clients_key_stays_here(upstreams: Upstreams, authorization: str) -> None:
    arrived = await echoed(upstreams, headers={authorization: "Bearer ours", "api-key": "ours", "Cookie": "ours"})
    assert arrived["headers"]["authorization"] == "Bearer theirs"
    assert "ours" not in json.dumps(arrived)


async def test_without_a_key_of_the_server_none_is_sent(server: ScriptedUpstream) -> None:
    upstreams = await open_upstreams(Settings(upstreams=[UpstreamSettings(url=server.url)]))
    arrived = await echoed(upstreams, headers={"Authorization": "Bearer ours"})
    assert "authorization" not in arrived["headers"]
    await upstreams.aclose()


async def test_headers_of_the_connection_stay_here(upstreams: Upstreams) -> None:
    headers = {
        "Connection": "close, X-Hop",
        "X-Hop": "1",
        "Keep-Alive": "5",
        "TE": "trailers",
        "Host": "us",
        "X-End": "1",
    }
    arrived = (await echoed(upstreams, headers=headers))["headers"]
    assert not {"x-hop", "keep-alive", "te"} & set(arrived)
    assert arrived["host"] != "us"
    assert arrived["x-end"] == "1"


async def test_no_content_type_is_made_up(upstreams: Upstreams) -> None:
    assert "content-type" not in (await echoed(upstreams, headers={}, body=b"x"))["headers"]


async def test_a_stream_comes_byte_by_byte_as_it_was(server: ScriptedUpstream, upstreams: Upstreams) -> None:
    gate = asyncio.Event()
    server.reply(text("one two").waiting(gate, after=1))
    headers = {"Content-Type": "application/json"}
    async with upstreams.forward("POST", "/v1/chat/completions", "", headers, CHAT, "tiny") as answer:
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        first = await anext(answer.body)
        gate.set()
        rest = b"".join([piece async for piece in answer.body])
    assert first.startswith(b"data: {")
    assert (first + rest).endswith(b"data: [DONE]\n\n")


async def test_a_body_is_streamed_on(upstreams: Upstreams) -> None:
    """The server gets the first piece while the last is still to come."""

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d," % number
            await asyncio.sleep(0)

    arrived = await echoed(upstreams, body=pieces(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert arrived["body"] == "0,1,2,"
    assert arrived["headers"]["transfer-encoding"] == "chunked"


async def test_the_length_of_a_streamed_body_is_kept(upstreams: Upstreams) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"12"
        yield b"34"

    arrived = await echoed(upstreams, body=pieces(), headers={"Content-Length": "4"})
    assert arrived["body"] == "1234"
    assert arrived["headers"]["content-length"] == "4"
    assert "transfer-encoding" not in arrived["headers"]


async def test_a_refusal_is_an_answer(server: ScriptedUpstream, upstreams: Upstreams) -> None:
    server.reply(error(429, {"error": {"message": "slow down"}}, retry_after="7"))
    status, headers, body = await whole(upstreams, "POST", "/v1/chat/completions", body=CHAT)
    assert (status, headers["retry-after".title()], json.loads(body)) == (429, "7", {"error": {"message": "slow down"}})
    assert len(server.requests) == 1


async def test_leaving_early_hangs_up(server: ScriptedUpstream, upstreams: Upstreams) -> None:
    server.reply(hang(after=1))
    headers = {"Content-Type": "application/json"}
    async with upstreams.forward("POST", "/v1/chat/completions", "", headers, CHAT, None) as answer:
        await anext(answer.body)
    async with asyncio.timeout(5):
        await server.hung_up.wait()


async def test_an_answer_that_breaks_off(server: ScriptedUpstream, upstreams: Upstreams) -> None:
    server.reply(close_mid_stream(after=1))
    with pytest.raises(SpokeNonsense):
        await whole(upstreams, "POST", "/v1/chat/completions", body=CHAT)


async def test_silence(server: ScriptedUpstream, upstreams: Upstreams) -> None:
    server.reply(never_answers(), hang(after=1))
    for _ in range(2):
        with pytest.raises(TimedOut):
            await whole(upstreams, "POST", "/v1/chat/completions", body=CHAT)


async def test_nobody_there(server: ScriptedUpstream, upstreams: Upstreams) -> None:
    await server.stop()
    with pytest.raises(Unreachable):
        await whole(upstreams, "POST", "/v1/embeddings", body=b"{}", model="tiny")


async def test_it_goes_to_the_server_that_has_the_model(server: ScriptedUpstream) -> None:
    async with scripted_upstream(models=["other"]) as second:
        both = [UpstreamSettings(url=server.url), UpstreamSettings(url=second.url)]
        upstreams = await open_upstreams(Settings(upstreams=both))
        body = b'{"model": "other", "input": "x"}'
        status, _, _ = await whole(upstreams, "POST", "/v1/embeddings", body=body, model="other")
        await upstreams.aclose()
    assert status == 200
    assert "POST /v1/embeddings" in second.paths
    assert "POST /v1/embeddings" not in server.paths


async def test_the_demo_has_nothing_to_pass_through_to() -> None:
    upstreams = await open_upstreams(Settings(), local_ports=[])
    for model in (None, "demo"):
        with pytest.raises(UnknownModel, match="demo"):
            await whole(upstreams, "POST", "/v1/embeddings", model=model)
    await upstreams.aclose()


async def test_before_any_server_has_answered(server: ScriptedUpstream) -> None:
    await server.stop()
    upstreams = await open_upstreams(Settings(upstreams=[UpstreamSettings(url=server.url)]))
    for model in (None, "tiny"):
        with pytest.raises(UpstreamError):
            await whole(upstreams, "POST", "/v1/embeddings", model=model)
    await upstreams.aclose()


async def compressing(request: web.Request) -> web.Response:
    if request.path == "/v1/models":
        return web.json_response({"data": [{"id": "m"}]})
    if request.path != "/v1/compressed":
        raise web.HTTPNotFound
    accepted = request.headers["Accept-Encoding"]
    return web.Response(body=gzip.compress(accepted.encode()), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(("accepted", "raw"), [("gzip", True), (None, False)])
async def test_compressed_answers(accepted: str | None, raw: bool) -> None:
    """Who can read them gets them as they are; for others they are decoded, if the server insists."""
    app = web.Application()
    app.router.add_get("/{path:.*}", compressing)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    upstreams = await open_upstreams(Settings(upstreams=[UpstreamSettings(url=url)]))

    headers = {"Accept-Encoding": accepted} if accepted else {}
    status, answered, body = await whole(upstreams, "GET", "/v1/compressed", headers=headers)
    assert status == 200
    if raw:
        assert (answered["Content-Encoding"], gzip.decompress(body)) == ("gzip", b"gzip")
    else:
        assert body == b"identity"
        assert not {"Content-Encoding", "Content-Length"} & set(answered)
    await upstreams.aclose()
    await runner.cleanup()
