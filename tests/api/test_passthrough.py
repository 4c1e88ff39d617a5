"""Paths of the model servers: sent on, streamed back, and nothing of the client's or of ours goes along."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace

from compat_tests.scripted_upstream import (
    Cut,
    Say,
    ScriptedUpstream,
    Stream,
    Wait,
    error,
    hang,
    never_answers,
    refuse,
    scripted_upstream,
    text,
)
from config.settings import ModelSettings, Settings, UpstreamSettings
from proxy.api import http_face
from proxy.api.passthrough import is_for_model_servers
from proxy.api.routes import parts_of
from proxy.services import Services
from tests.api.conftest import Client
from tests.serving import give_key, serving

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("/v1/chat/completions", True),
        ("/chat/completions", True),
        ("//v1//chat/completions/", True),
        ("/embeddings", True),
        ("/v1/embeddings", True),
        ("/v1/audio/transcriptions", True),
        ("/v1/whatever", True),
        ("/whatever", False),
        ("/v1", False),
        ("/", False),
        ("/v1/assistants/asst_1/files", False),
        ("/v1/threads/thread_1/x", False),
        ("/v1/files", False),
        ("/files", False),
        ("/v1/uploads/upload_1/parts", False),
        ("/v1/vector_stores", False),
        ("/v1/models", False),
    ],
)
def test_whose_a_path_is(path: str, theirs: bool):
    assert is_for_model_servers(path, parts_of(path)) is theirs


async def arrived(client: Client, **request: Any) -> dict[str, Any]:
    async with client.request(request.pop("method", "POST"), request.pop("path", "/v1/echo"), **request) as answer:
        assert answer.status == 200
        answered: dict[str, Any] = await answer.json()
        return answered


async def test_a_request_goes_on_as_it_came(client: Client):
    body = b'{ "model": "tiny",  "x": [1.0, 1e5, "\\u20ac"] }'
    sent = await arrived(
        client,
        path="/v1/echo?a=%2B1&b=%20",
        data=body,
        headers={"Content-Type": "application/json", "User-Agent": "me/1", "Accept": "text/x"},
    )
    assert sent["method"] == "POST"
    assert sent["query"] == "a=%2B1&b=%20"
    assert sent["body"].encode() == body
    assert sent["headers"]["content-type"] == "application/json"
    assert sent["headers"]["user-agent"] == "me/1"
    assert sent["headers"]["accept"] == "text/x"
    assert sent["headers"]["accept-encoding"]


async def test_what_names_a_client_stays_here(client: Client, services: Services):
    secret = await give_key(services, "home")
    headers = {
        "Authorization": f"Bearer {secret}",
        "api-key": "k",
        "X-API-Key": "k",
        "Cookie": "c=1",
        "OpenAI-Organization": "org-1",
        "OpenAI-Beta": "assistants=v2",
        "X-Forwarded-For": "10.0.0.1",
    }
    sent = await arrived(client, json={"model": "tiny"}, headers=headers)
    assert set(sent["headers"]) <= {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}
    assert secret not in str(sent)


class TestKeyOfTheModelServer:
    @pytest.fixture
    async def client(self, tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[Client]:
        server = UpstreamSettings(url=upstream.url, dialect="generic", api_key="sk-theirs")
        async with (
            serving(tmp_path / "data", server) as services,
            TestClient(TestServer(http_face(services))) as client,
        ):
            yield client

    async def test_takes_the_place_of_the_clients(self, client: Client):
        sent = await arrived(client, json={"model": "tiny"}, headers={"Authorization": "Bearer sk-ours"})
        assert sent["headers"]["authorization"] == "Bearer sk-theirs"


async def test_nothing_is_asked_of_model_servers_without_a_key(
    client: Client, services: Services, upstream: ScriptedUpstream
):
    await give_key(services, "home")
    upstream.paths.clear()
    async with client.post("/v1/echo", json=CHAT) as answer:
        assert answer.status == 401
    assert upstream.paths == []


class TestAliases:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(Settings(), models=ModelSettings(aliases={"gpt-4o*": "tiny"}, allow_unknown=False))

    async def test_only_the_name_of_the_model_is_changed(self, client: Client):
        body = b'{"x": [1.0, {"model":"gpt-4o"}], "model": "gpt-4o-mini", "y": 1e5 }'
        sent = await arrived(client, data=body, headers={"Content-Type": "application/json"})
        assert sent["body"] == '{"x":[1.0, {"model":"gpt-4o"}],"model":"tiny","y":1e5}'
        assert sent["headers"]["content-length"] == str(len(sent["body"]))

    async def test_a_model_that_nobody_has(self, client: Client, upstream: ScriptedUpstream):
        upstream.paths.clear()
        async with client.post("/v1/chat/completions", json=CHAT | {"model": "foo"}) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"] == {
                "message": "The model 'foo' does not exist",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
            }
        assert "POST /v1/chat/completions" not in upstream.paths


@pytest.mark.parametrize("body", [b"nope", b"[1]", b'{"model":5}', b'{"messages":[]}'])
async def test_a_body_that_names_no_model_is_theirs_to_judge(client: Client, body: bytes):
    sent = await arrived(client, data=body, headers={"Content-Type": "application/json"})
    assert sent["body"].encode() == body


async def test_a_form_with_files_goes_by_untouched(client: Client):
    form = FormData()
    form.add_field("model", "gpt-4o")
    form.add_field("file", b"bytes of a voice", filename="voice.txt", content_type="text/plain")
    sent = await arrived(client, data=form)
    assert sent["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert "bytes of a voice" in sent["body"]
    assert "gpt-4o" in sent["body"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_methods_are_kept(client: Client, method: str):
    assert (await arrived(client, method=method))["method"] == method


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
async def test_a_stream_comes_back_as_it_is_said(client: Client, upstream: ScriptedUpstream, path: str):
    gate = asyncio.Event()
    upstream.reply(Stream([Say("Hel"), Wait(gate), Say("lo")]))
    async with client.post(path, json=CHAT | {"stream": True}) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["x-request-id"].startswith("req_")
        said = b""
        while b'"Hel"' not in said:
            said += await answer.content.readany()
        assert b'"lo"' not in said
        gate.set()
        said += await answer.read()
    assert b'"lo"' in said
    assert said.endswith(b"data: [DONE]\n\n")


async def test_a_whole_answer_comes_back(client: Client, upstream: ScriptedUpstream):
    upstream.reply(text("Hello"))
    async with client.post("/v1/chat/completions", json=CHAT) as answer:
        assert answer.status == 200
        assert (await answer.json())["choices"][0]["message"]["content"] == "Hello"


async def test_a_refusal_of_theirs_is_theirs(client: Client, upstream: ScriptedUpstream):
    upstream.reply(error(400, "I do not like it"))
    async with client.post("/v1/chat/completions", json=CHAT) as answer:
        assert answer.status == 400
        assert "I do not like it" in await answer.text()


async def test_a_server_that_hangs_up_on_us(client: Client, upstream: ScriptedUpstream):
    upstream.reply(refuse(), refuse(), refuse(), refuse())
    async with client.post("/v1/chat/completions", json=CHAT) as answer:
        assert answer.status == 502
        fault = (await answer.json())["error"]
        assert (fault["type"], fault["param"], fault["code"]) == ("server_error", None, None)
        assert fault["message"].startswith("The model server failed: ")


class TestSilence:
    @pytest.fixture
    async def client(self, tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[Client]:
        server = UpstreamSettings(url=upstream.url, dialect="generic", first_token_timeout_seconds=0.05)
        async with (
            serving(tmp_path / "data", server) as services,
            TestClient(TestServer(http_face(services))) as client,
        ):
            yield client

    async def test_is_waited_for_only_so_long(self, client: Client, upstream: ScriptedUpstream):
        upstream.reply(never_answers())
        async with client.post("/v1/chat/completions", json=CHAT) as answer:
            assert answer.status == 504
            fault = (await answer.json())["error"]
            assert fault["message"].startswith("The model server did not answer in time: ")


async def test_a_stream_that_breaks_off_ends_with_an_error(client: Client, upstream: ScriptedUpstream):
    upstream.reply(Stream([Say("Hel"), Cut()]))
    async with client.post("/v1/chat/completions", json=CHAT | {"stream": True}) as answer:
        assert answer.status == 200
        said = await answer.read()
    *_, last, nothing = said.split(b"\n\n")
    assert nothing == b""
    fault = msgspec.json.decode(last.removeprefix(b"data: "))["error"]
    assert fault["type"] == "server_error"
    assert fault["message"].startswith("The model server failed: ")


async def test_a_client_that_leaves_makes_the_model_server_stop(
    client: Client, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
):
    upstream.reply(hang())
    with caplog.at_level(logging.INFO, logger="proxy"):
        answer = await client.post("/v1/chat/completions", json=CHAT | {"stream": True})
        await answer.content.readany()
        answer.close()
        async with asyncio.timeout(10):
            await upstream.hung_up.wait()
    assert caplog.records == []


class TestDemo:
    @pytest.fixture
    async def client(self, tmp_path: Path) -> AsyncIterator[Client]:
        demo = UpstreamSettings(url="http://demo", dialect="demo")
        async with (
            serving(tmp_path / "data", demo) as services,
            TestClient(TestServer(http_face(services))) as client,
        ):
            yield client

    async def test_has_nothing_to_pass_on_to(self, client: Client):
        async with client.post("/v1/chat/completions", json=CHAT) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"] == {
                "message": (
                    "The built-in demo model answers runs only. "
                    "Name a model server in the settings for everything else."
                ),
                "type": "invalid_request_error",
                "param": None,
                "code": "model_not_found",
            }


async def test_nobody_there(tmp_path: Path):
    async with scripted_upstream() as upstream:
        url = upstream.url
    async with (
        serving(tmp_path / "data", UpstreamSettings(url=url, dialect="generic")) as services,
        TestClient(TestServer(http_face(services))) as client,
        client.post("/v1/chat/completions", json=CHAT) as answer,
    ):
        assert answer.status == 502
        assert (await answer.json())["error"]["message"].startswith("The model server failed: ")
