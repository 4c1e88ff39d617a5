"""What a bad network may do: nothing that was accepted is asked for twice, and nothing is left over."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from keep.exceptions.provider_exception import ProviderException
from keep.providers.understudy_provider import api as MODULE

from compat_tests.scripted_upstream import text, tool_calls
from tests.keep.lossy import Lossy, lossy
from tests.keep.models import Model
from tests.keep.seeding import new_assistant
from tests.processes import Server

Make = Callable[..., Any]
TOOL = {"type": "function", "function": {"name": "get_owner", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def network(server: Server) -> Iterator[Lossy]:
    with lossy(server.url) as proxy:
        yield proxy


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "faults",
    [
        [("POST /threads", "unsent"), ("POST /threads", "busy"), ("POST /threads", "unanswered")],
        [("/runs", "unsent")],
        [("/runs", "busy"), ("/runs", "busy")],
        [("/runs", "unanswered")],
        [("/runs", "unanswered"), ("/runs", "unsent")],  # also its looking fails, once
        [("/messages", "unanswered"), ("/messages", "busy")],
    ],
    ids=["thread", "run unsent", "run refused", "run unanswered", "not found at once", "answer"],
)
def test_a_question_is_asked_once(
    *, provider: Make, says: Model, network: Lossy, api: httpx.Client, faults: Any, stream: bool
) -> None:
    network.lose(*faults)
    result = provider(base_url=network.url).query(prompt="Disk full", stream=stream)
    assert result["response"] == "Disk full"
    assert network.left == []
    assert len(says.requests) == 1
    runs = api.get(f"/threads/{result['thread_id']}/runs").json()["data"]
    assert [run["id"] for run in runs] == [result["run_id"]]
    assert len(result["messages"]) == 2


@pytest.mark.parametrize("fault", ["unsent", "busy", "unanswered", "broken"])
@pytest.mark.parametrize("stream", [False, True])
def test_outputs_are_submitted_once(
    *, provider: Make, says: Model, network: Lossy, api: httpx.Client, fault: Any, stream: bool
) -> None:
    if fault == "broken" and not stream:
        fault = "unanswered"
    says.script(tool_calls([("get_owner", {})]), text("The storage team."))
    network.lose(("/submit_tool_outputs", fault))
    mine = provider(base_url=network.url, assistant_id=new_assistant(api, tools=[TOOL]))
    result = mine.query(prompt="Who owns db?", functions={"get_owner": {"value": "storage"}}, stream=stream)
    assert result["response"] == "The storage team."
    assert network.left == []
    assert sum(call.endswith("/submit_tool_outputs") for call in network.passed) == 1


def test_a_stream_that_breaks_is_gone_on_with_by_asking(provider: Make, says: Model, network: Lossy) -> None:
    network.lose(("/runs", "broken"))
    result = provider(base_url=network.url).query(prompt="one two three four five six", stream=True)
    assert result["response"] == "one two three four five six"
    assert sum(call.startswith("POST") and call.endswith("/runs") for call in network.passed) == 1
    assert len(says.requests) == 1


def test_a_run_that_was_not_heard_of_in_the_end_is_looked_for(
    provider: Make, says: Model, network: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.lose(("/runs", "unanswered"))
    monkeypatch.setattr(MODULE, "ATTEMPTS", 1)
    assert provider(base_url=network.url).query(prompt="Disk full")["response"] == "Disk full"
    assert len(says.requests) == 1


def test_a_run_that_cannot_even_be_looked_for(
    provider: Make, says: Model, network: Lossy, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = api.post("/threads").json()["id"]
    mine = provider(base_url=network.url)
    network.lose(("POST /threads/" + thread + "/runs", "unanswered"), ("GET /threads/" + thread + "/runs", "unsent"))
    with monkeypatch.context() as patched:
        patched.setattr(MODULE, "ATTEMPTS", 1)
        with pytest.raises(ProviderException, match="cannot be asked"):
            mine.query(prompt="Disk full", thread_id=thread)
    assert network.left == []
    assert mine.query(prompt="Again", thread_id=thread)["response"] == "Again"


def test_a_server_that_is_not_there(provider: Make) -> None:
    mine = provider(base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ProviderException, match=r"127.0.0.1:9 cannot be asked: .*refused"):
        mine.query(prompt="Hello", max_wait_time=0.05)
    scopes = mine.validate_scopes()
    assert set(scopes) == {"assistant_access", "vector_stores", "threads"}
    assert all("cannot be asked" in said for said in scopes.values())


def test_something_else_that_answers(provider: Make, network: Lossy) -> None:
    network.lose(("POST /threads", "page"))
    with pytest.raises(ProviderException, match=r"base_url leads to something else than this API.*Welcome"):
        provider(base_url=network.url).query(prompt="Hello")
