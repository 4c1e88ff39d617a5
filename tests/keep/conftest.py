"""A server for all, in front of a scripted model server; Keep, in whichever form this environment has it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.keep import installed
from tests.keep.models import Model, model
from tests.keep.seeding import new_assistant
from tests.processes import Server, serving

OF_THE_CLIENT = "(The Assistants API is deprecated in favor of the Responses API|deprecated)$"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(f"ignore:{OF_THE_CLIENT}:DeprecationWarning"))
        if installed.KIND != "stand-in":  # what Keep's own modules do is not ours to judge
            item.add_marker(pytest.mark.filterwarnings("ignore:::keep[.]"))


def pytest_report_header() -> str:
    return f"keep: {installed.KIND}"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model server answers at once, so that asking again begins sooner than users want it."""
    from keep.providers.understudy_provider import api as calls  # it is there once Keep is installed
    from keep.providers.understudy_provider import following, runbooks

    monkeypatch.setattr(following, "FIRST_POLL_SECONDS", 0.01)
    monkeypatch.setattr(runbooks, "FIRST_POLL_SECONDS", 0.02)
    monkeypatch.setattr(calls, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture(scope="session")
def scripted() -> Iterator[Model]:
    with model() as served:
        yield served


@pytest.fixture
def says(scripted: Model) -> Iterator[Model]:
    """The model server, with nothing in its script."""
    scripted.script()
    yield scripted
    scripted.script()


@pytest.fixture(scope="session")
def server(scripted: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("keep") / "data", scripted.url) as server:
        yield server


@pytest.fixture(scope="session")
def patient_server(scripted: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It lets a request for a busy thread wait."""
    waits = {"UNDERSTUDY_RUNS__WHEN_THREAD_IS_BUSY": "wait"}
    with serving(tmp_path_factory.mktemp("patient") / "data", scripted.url, environ=waits) as server:
        yield server


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    """The server, asked without any client."""
    with httpx.Client(base_url=server.url, timeout=30, verify=False) as client:  # it has no certificate, over HTTP
        yield client


@pytest.fixture
def assistant(api: httpx.Client) -> str:
    return new_assistant(api)


@pytest.fixture
def provider(server: Server, assistant: str) -> Iterator[Callable[..., Any]]:
    """Makes providers, and disposes of them."""
    made = []

    def make(**config: Any) -> Any:
        made.append(installed.provider({"base_url": server.url, "assistant_id": assistant, **config}))
        return made[-1]

    yield make
    for each in made:
        each.dispose()
