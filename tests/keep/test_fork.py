"""A fork's assistant provider works unchanged: one variable of the environment, its calls in its order."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

from compat_tests.scripted_upstream import error, never_answers, text, tool_calls
from tests.keep import installed
from tests.keep.fork import KINDS, Failure, Played
from tests.keep.models import Model
from tests.keep.seeding import new_assistant, wait_for_run
from tests.processes import Server

TRIAGE = {
    "type": "json_schema",
    "json_schema": {
        "name": "triage",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"severity": {"type": "string", "enum": ["low", "high"]}},
            "required": ["severity"],
            "additionalProperties": False,
        },
    },
}
GREY = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


@pytest.fixture(autouse=True)
def swapped(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole swap. Keep's documents show such addresses without `/v1`."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "unused")


@pytest.fixture(params=KINDS)
def fork(request: pytest.FixtureRequest, assistant: str) -> Iterator[Callable[..., Any]]:
    made = []

    def make(id: str = assistant, **given: Any) -> Any:
        made.append(request.param(id, **given))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_its_calls_in_their_order(assistant: str, says: Model) -> None:
    assert re.fullmatch(r"asst_[a-zA-Z0-9]+", assistant)  # what its form takes
    calls: list[str] = []
    played = Played(assistant, organization="org-ops", heard=calls.append)
    assert played.validate_scopes() == {
        "assistant_access": True,
        "assistant_name": "Triage",
        "assistant_model": "tiny",
    }
    first = played.query("Disk full on db-1")
    second = played.query("And now?", thread_id=first["thread_id"], additional_instructions="Be brief.")
    played.close()

    t, r1, r2 = first["thread_id"], first["run_id"], second["run_id"]
    polls = [call for call in calls if call in {f"GET /threads/{t}/runs/{r1}", f"GET /threads/{t}/runs/{r2}"}]
    assert len(polls) >= 2
    assert [call for call in calls if call not in polls] == [
        f"GET /assistants/{assistant}",
        f"GET /assistants/{assistant}",
        "POST /threads",
        f"POST /threads/{t}/messages",
        f"POST /threads/{t}/runs",
        f"GET /threads/{t}/messages?order=asc",
        f"GET /threads/{t}",
        f"POST /threads/{t}/messages",
        f"POST /threads/{t}/runs",
        f"GET /threads/{t}/messages?order=asc",
    ]
    assert says.requests[1]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_an_answer_and_the_next_on_the_same_thread(fork: Callable[..., Any], says: Model) -> None:
    provider = fork()
    first = provider.query("Disk full on db-1")
    assert first["response"] == first["raw_response"] == "Disk full on db-1"
    assert [(message["role"], message["content"]) for message in first["messages"]] == [
        ("user", "Disk full on db-1"),
        ("assistant", "Disk full on db-1"),
    ]
    assert all(isinstance(message["created_at"], int) for message in first["messages"])
    second = provider.query("And now?", thread_id=first["thread_id"])
    assert second["response"] == "And now?"
    assert second["thread_id"] == first["thread_id"]
    assert len(second["messages"]) == 4


def test_it_is_validated_twice(fork: Callable[..., Any], assistant: str) -> None:
    scopes = fork().validate_scopes()
    assert scopes == {"assistant_access": True, "assistant_name": "Triage", "assistant_model": "tiny"}


def test_an_assistant_that_is_not_there_is_named(fork: Callable[..., Any]) -> None:
    with pytest.raises(Failure, match="No assistant found with id 'asst_gone'"):
        fork("asst_gone")


def test_a_page_of_twenty(fork: Callable[..., Any], assistant: str, says: Model, api: httpx.Client) -> None:
    """It takes the last answer of the first page, so a long thread shows it an old one: on OpenAI as here."""
    messages = [{"role": role, "content": f"{role} {number}"} for number in range(10) for role in ("user", "assistant")]
    thread = api.post("/threads", json={"messages": messages}).json()["id"]
    result = fork().query("What now?", thread_id=thread)
    assert len(result["messages"]) == 20
    assert result["response"] == "assistant 9"
    newest = api.get(f"/threads/{thread}/messages").json()["data"][0]
    assert newest["content"][0]["text"]["value"] == "What now?"


def test_out_of_time_the_run_is_cancelled_and_the_thread_usable(
    fork: Callable[..., Any], says: Model, api: httpx.Client
) -> None:
    provider = fork()
    thread = provider.query("Hello")["thread_id"]
    says.script(never_answers())
    with pytest.raises(Failure, match="within"):
        provider.query("Disk full", thread_id=thread, max_wait_time=0.1)
    # Its next step comes at once, while the run is being cancelled: the real service refused it for that long.
    wait_for_run(api, thread, "cancelled")
    assert provider.query("And now?", thread_id=thread)["response"] == "And now?"
    statuses = [run["status"] for run in api.get(f"/threads/{thread}/runs").json()["data"]]
    assert statuses == ["completed", "cancelled", "completed"]


def test_a_failed_run_says_why(fork: Callable[..., Any], says: Model) -> None:
    says.script(error(400, {"error": {"message": "the model is on fire", "type": "BadRequestError"}}))
    with pytest.raises(Failure) as failure:
        fork().query("Disk full")
    assert "code='server_error'" in str(failure.value)
    assert "the model is on fire" in str(failure.value)


def test_a_run_that_waits_for_tools_is_cancelled_in_the_end(
    fork: Callable[..., Any], says: Model, api: httpx.Client
) -> None:
    """It knows no functions: it polls until its time is over."""
    says.script(tool_calls([("get_owner", {"service": "db"})]))
    tool = {"type": "function", "function": {"name": "get_owner", "parameters": {"type": "object"}}}
    provider = fork(new_assistant(api, tools=[tool]))
    thread = api.post("/threads").json()["id"]
    with pytest.raises(Failure, match="within"):
        provider.query("Who owns db?", thread_id=thread, max_wait_time=0.2)
    wait_for_run(api, thread, "cancelled")
    says.script(text("Nobody."))
    assert provider.query("And now?", thread_id=thread)["response"] == "Nobody."


def test_json_is_parsed_and_parameters_of_the_run_arrive(fork: Callable[..., Any], says: Model) -> None:
    says.script(text('{"severity": "high"}'))
    result = fork().query("Disk full", response_format=TRIAGE, temperature=0.1, max_completion_tokens=64)
    assert result["response"] == {"severity": "high"}
    (asked,) = says.requests
    assert asked["response_format"] == TRIAGE
    assert asked["temperature"] == 0.1
    assert 64 in {asked.get("max_tokens"), asked.get("max_completion_tokens")}


def test_an_image_on_the_thread_breaks_its_history(fork: Callable[..., Any], says: Model, api: httpx.Client) -> None:
    """It wants text in the first part of every message: a fact about it, for those who show it pictures."""
    file = api.post("/files", files={"file": ("grey.png", GREY)}, data={"purpose": "vision"}).json()["id"]
    shown = {"role": "user", "content": [{"type": "image_file", "image_file": {"file_id": file}}]}
    thread = api.post("/threads", json={"messages": [shown]}).json()["id"]
    says.script(text("A grey square."))
    with pytest.raises((Failure, AttributeError), match="text"):
        fork().query("What is this?", thread_id=thread)


@pytest.mark.skipif(not installed.OWN_OPENAI, reason=installed.NO_OWN_OPENAI)
def test_keeps_own_provider_of_chat_completions(says: Model) -> None:
    says.script(text('{"severity": "low"}'))
    own = installed.provider({"api_key": "unused", "organization_id": "org-ops"}, kind="openai")
    asked = {"prompt": "How bad is it?", "model": "gpt-4o-mini", "structured_output_format": TRIAGE}
    assert own.query(**asked) == {"response": {"severity": "low"}}
    assert says.requests[0]["response_format"] == TRIAGE


def test_what_keep_asks_beside_it_is_passed_on(says: Model) -> None:
    """The variable holds for the whole process, so Keep's own prompts come here too, schema and all."""
    says.script(text('{"severity": "low"}'))
    with OpenAI(organization="org-ops") as client:
        done = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "How bad is it?"}],
            max_tokens=100,
            response_format=TRIAGE,
        )
    assert json.loads(done.choices[0].message.content or "") == {"severity": "low"}
    (asked,) = says.requests
    assert asked["response_format"] == TRIAGE
    assert asked["max_tokens"] == 100
