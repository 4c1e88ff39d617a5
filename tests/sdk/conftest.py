"""One server for all, in front of a quick model and a slow one; the official client in both its colours."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.processes import Server, model_server, serving
from tests.sdk.clients import Api, client

DEPRECATED = "(The Assistants API is deprecated in favor of the Responses API|deprecated)$"
"""What the client says of every method that this server is for; nothing else is let pass."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(f"ignore:{DEPRECATED}:DeprecationWarning"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("sdk") / "data"
    slowly = ("--model", "slow", "--delay-ms", "20")
    with model_server() as tiny, model_server(*slowly) as slow, serving(data, tiny, slow) as server:
        yield server


@pytest.fixture(params=["sync", "async"])
async def api(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Api]:
    api = client(request.param, f"{server.url}/v1")
    yield api
    await api.aclose()
