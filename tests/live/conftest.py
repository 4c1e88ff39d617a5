"""What live tests stand on: a real model server, ours in front of it, and the official client.

LIVE_SERVERS names the model servers to drive, one after the other (default: all of `servers.RECIPES`).
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from openai import AsyncOpenAI, OpenAI

from . import servers, understudy

CLIENT_TIMEOUT_SECONDS = 60


@pytest.fixture(scope="session", params=os.environ.get("LIVE_SERVERS", " ".join(servers.RECIPES)).split())
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.ModelServer]:
    """Each model server in turn; only one runs at a time."""
    log = tmp_path_factory.mktemp(request.param) / "server.log"
    with servers.running(request.param, log=log) as running:
        yield running


@pytest.fixture(scope="session")
def serving(server: servers.ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[understudy.Serving]:
    """Our server, with that model server behind it."""
    with understudy.serving(server.url, directory=tmp_path_factory.mktemp("understudy")) as ours:
        yield ours


@pytest.fixture
def address(serving: understudy.Serving) -> Iterator[str]:
    """Where our server listens. What it logs meanwhile is printed: pytest shows it if the test fails."""
    seen = len(serving.log.read_text())
    yield serving.address
    print(serving.log.read_text()[seen:])


@pytest.fixture
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0, timeout=CLIENT_TIMEOUT_SECONDS) as official:
        yield official


@pytest.fixture
async def async_client(address: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{address}/v1", api_key="any", max_retries=0, timeout=CLIENT_TIMEOUT_SECONDS
    ) as official:
        yield official
