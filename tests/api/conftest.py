"""The HTTP face over a real socket, in front of a real store and a scripted model server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from compat_tests.scripted_upstream import ScriptedUpstream, scripted_upstream
from config.settings import Settings, UpstreamSettings
from proxy.api import http_face
from proxy.services import Services
from tests.serving import serving

Client = TestClient[Any, Any]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
async def services(tmp_path: Path, upstream: ScriptedUpstream, settings: Settings) -> AsyncIterator[Services]:
    server = UpstreamSettings(url=upstream.url, dialect="generic")
    async with serving(tmp_path / "data", server, settings) as services:
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[Client]:
    async with TestClient(TestServer(http_face(services))) as client:
        yield client
