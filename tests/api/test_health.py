"""Health needs no key, asks little, and never waits long."""

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from compat_tests.scripted_upstream import ScriptedUpstream
from config.settings import UpstreamSettings
from proxy import VERSION
from proxy.api import http_face
from proxy.operations.health import HealthCheck
from proxy.services import Services
from tests.api.conftest import Client
from tests.builders import AT
from tests.serving import give_key, serving


async def test_all_is_well(client: Client, services: Services, upstream: ScriptedUpstream):
    await give_key(services, "home")
    async with client.get("/health") as answer:
        assert answer.status == 200
        found = await answer.json()
    assert list(found) == ["service", "status", "version", "time", "database", "upstreams", "demo"]
    assert found["database"].pop("latency_ms") > 0
    [server] = found.pop("upstreams")
    assert server.pop("latency_ms") > 0
    assert server == {"url": upstream.url, "dialect": "generic", "ok": True, "models": ["tiny"], "error": None}
    assert found == {
        "service": "understudy",
        "status": "ok",
        "version": VERSION,
        "time": AT,
        "database": {"status": "ok"},
        "demo": False,
    }


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_live_and_ready(client: Client, path: str):
    async with client.get(path) as answer:
        assert answer.status == 200
        assert (await answer.json())["status"] == "ok"


async def test_a_model_server_that_is_down_degrades(client: Client, upstream: ScriptedUpstream):
    await upstream.stop()
    async with client.get("/health") as answer:
        assert answer.status == 200
        found = await answer.json()
    assert found["status"] == "degraded"
    [server] = found["upstreams"]
    assert server["ok"] is False
    assert server["error"]
    async with client.get("/health/ready") as answer:
        assert answer.status == 200


async def test_nothing_goes_without_the_database(client: Client, services: Services):
    await services.store.aclose()
    async with client.get("/health") as answer:
        assert answer.status == 503
        found = await answer.json()
        assert (found["status"], found["database"]) == ("down", {"status": "down", "latency_ms": None})
    async with client.get("/health/ready") as answer:
        assert answer.status == 503
    async with client.get("/health/live") as answer:
        assert answer.status == 200


async def test_model_servers_are_asked_once_in_a_while_only(services: Services, upstream: ScriptedUpstream):
    seconds = 1000.0
    check = HealthCheck(services, now=lambda: seconds)
    assert (await check.health()).status == "ok"
    await upstream.stop()
    seconds += 4.9
    assert (await check.health()).status == "ok"
    seconds += 0.1
    assert (await check.health()).status == "degraded"


async def test_a_password_in_an_address_is_nobodys_business(tmp_path: Path, upstream: ScriptedUpstream):
    url = upstream.url.replace("http://", "http://me:secret@")
    async with (
        serving(tmp_path / "data", UpstreamSettings(url=url, dialect="generic")) as services,
        TestClient(TestServer(http_face(services))) as client,
        client.get("/health") as answer,
    ):
        said = await answer.text()
        assert upstream.url in said
        assert "secret" not in said


async def test_the_demo_says_that_it_is_one(tmp_path: Path):
    async with (
        serving(tmp_path / "data", UpstreamSettings(url="http://demo", dialect="demo")) as services,
        TestClient(TestServer(http_face(services))) as client,
        client.get("/health") as answer,
    ):
        assert (await answer.json())["demo"] is True
