"""The beta header, and requests of version 1, which are answered with objects of version 2."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from compat_tests.scripted_upstream import ScriptedUpstream
from config.settings import ServerSettings, Settings
from proxy.api.authorization import ANONYMOUS_PROJECT
from proxy.api.routes import NEEDS_BETA, TABLE, parts_of
from proxy.api.versions import _TRANSLATIONS, translated
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.messages import CreateMessage
from proxy.schema.runs import CreateRun, SubmitToolOutputsToRun
from proxy.services import Services
from proxy.store import messages
from tests.api.conftest import Client
from tests.serving import furnished

V1 = {"OpenAI-Beta": "assistants=v1"}
V2 = {"OpenAI-Beta": "assistants=v2"}
MIGRATE = (
    "The v1 Assistants API has been deprecated. See the migration guide for more information: "
    "https://platform.openai.com/docs/assistants/migration."
)
MISSING = (
    "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
    "Please try again by setting the header 'OpenAI-Beta: assistants=v2'."
)
STRICT = replace(Settings(), server=ServerSettings(strict=True))


def refused(message: str, code: str | None = "invalid_beta", param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


HEADERS: dict[str, tuple[str | None, str | None]] = {
    "assistants=v2": (None, None),
    "foo=v1, assistants=v2": (None, None),
    "assistants=v1,assistants=v2": (None, None),
    "assistants=v1": (None, MIGRATE),
    "realtime=v1, assistants=v1": (None, MIGRATE),
    "": (None, MISSING),
    " , ": (None, MISSING),
    "realtime=v1": ("Unknown beta requested: 'realtime'.", "Unknown beta requested: 'realtime'."),
    "assistants=v3": ("Unknown beta requested: 'assistants=v3'.", "Unknown beta requested: 'assistants=v3'."),
}
"""What is refused leniently, and what strictly."""


@pytest.mark.parametrize("beta", HEADERS)
@pytest.mark.parametrize("settings", [Settings(), STRICT], ids=["lenient", "strict"])
@pytest.mark.parametrize("path", ["/v1/assistants", "/threads"])
async def test_the_header(client: Client, settings: Settings, path: str, beta: str):
    message = HEADERS[beta][settings.server.strict]
    async with client.get(path, headers={"OpenAI-Beta": beta}) as answer:
        if message is None:
            assert answer.status == 200
        else:
            assert answer.status == 400
            assert await answer.json() == refused(message)


@pytest.mark.parametrize("settings", [Settings(), STRICT], ids=["lenient", "strict"])
async def test_no_header_at_all(client: Client, settings: Settings):
    async with client.post("/v1/threads") as answer:
        assert answer.status == (400 if settings.server.strict else 200)
        if settings.server.strict:
            assert await answer.json() == refused(MISSING)


@pytest.mark.parametrize("settings", [STRICT], ids=["strict"])
@pytest.mark.parametrize("headers", [{}, V1])
async def test_other_paths_need_none(client: Client, settings: Settings, headers: dict[str, str]):
    for path in ("/v1/models", "/health"):
        async with client.get(path, headers=headers) as answer:
            assert answer.status == 200


async def ask(client: Client, path: str, body: Any, *, headers: dict[str, str] = V1, status: int = 200) -> Any:
    async with client.post(f"/v1{path}", json=body, headers=headers) as answer:
        answered = await answer.json()
        assert answer.status == status, answered
        return answered


SEARCH = {
    "type": "file_search",
    "file_search": {"ranking_options": {"ranker": "default_2024_08_21", "score_threshold": 0.0, "hybrid_search": None}},
}


async def test_an_assistant(client: Client, services: Services):
    await furnished(services, ANONYMOUS_PROJECT, files=["file-1", "file-2", "file-3"])
    body = {
        "model": "tiny",
        "tools": [{"type": "retrieval"}, {"type": "code_interpreter"}],
        "file_ids": ["file-1", "file-2"],
        "metadata": {"t": True, "f": False, "n": 1, "x": 1.5, "s": "as it is"},
    }
    made = await ask(client, "/assistants", body)
    assert made["tools"] == [SEARCH, {"type": "code_interpreter"}]
    assert made["tool_resources"] == {"code_interpreter": {"file_ids": ["file-1", "file-2"]}}
    assert made["metadata"] == {"t": "True", "f": "False", "n": "1", "x": "1.5", "s": "as it is"}
    assert "file_ids" not in made

    changed = await ask(client, f"/assistants/{made['id']}", {"file_ids": ["file-3"], "tools": [{"type": "retrieval"}]})
    assert (changed["tools"], changed["metadata"]) == ([SEARCH], made["metadata"])
    assert changed["tool_resources"] == {"code_interpreter": {"file_ids": ["file-3"]}}
    async with client.get(f"/v1/assistants/{made['id']}", headers=V2) as answer:
        assert await answer.json() == changed


def attached(*file_ids: str) -> list[dict[str, Any]]:
    return [{"file_id": file_id, "tools": [{"type": "file_search"}]} for file_id in file_ids]


async def test_messages_wherever_they_are_sent(client: Client, services: Services, upstream: ScriptedUpstream):
    message = {"role": "user", "content": "Look", "file_ids": ["file-1", "file-2"], "metadata": {"n": 1}}
    assistant = await ask(client, "/assistants", {"model": "tiny", "tools": [{"type": "retrieval"}]})
    await furnished(services, ANONYMOUS_PROJECT, files=["file-1", "file-2"])
    thread = await ask(client, "/threads", {"messages": [message], "metadata": {"n": 2}})
    assert (thread["metadata"], list(thread["tool_resources"])) == ({"n": "2"}, ["file_search"])
    posted = await ask(client, f"/threads/{thread['id']}/messages", message)
    assert posted["attachments"] == attached("file-1", "file-2")
    assert (posted["metadata"], "file_ids" in posted) == ({"n": "1"}, False)
    run = await ask(
        client,
        f"/threads/{thread['id']}/runs",
        {
            "assistant_id": assistant["id"],
            "tools": [{"type": "retrieval"}],
            "additional_messages": [message],
            "metadata": {"n": 3},
        },
    )
    assert (run["tools"], run["metadata"]) == ([SEARCH], {"n": "3"})
    await upstream.received()
    assert [each["content"] for each in upstream.requests[0]["messages"]] == ["Look"] * 3
    both = await ask(
        client,
        "/threads/runs",
        {"assistant_id": assistant["id"], "thread": {"messages": [message], "metadata": {"n": 4}}},
    )
    stored = await services.store.read(
        lambda db: messages.newest_messages(
            db, both["thread_id"], from_seq=0, below_seq=None, limit=9, not_of_run=both["id"]
        )
    )
    assert [each.message.attachments for each in stored] == [attached("file-1", "file-2")]


async def test_what_is_not_clear_is_refused_as_for_anybody(client: Client):
    thread = await ask(client, "/threads", {})
    messages = f"/threads/{thread['id']}/messages"
    said = {"role": "user", "content": "Hi"}
    for path, body, message, param in (
        ("/assistants", {"model": "tiny", "metadata": {"k": None}}, "Invalid type for 'metadata.k'", "metadata.k"),
        ("/assistants", {"model": "tiny", "metadata": {"k": [1]}}, "Invalid type for 'metadata.k'", "metadata.k"),
        ("/assistants", {"model": "tiny", "file_ids": "file-1"}, "Unknown parameter: 'file_ids'.", "file_ids"),
        ("/assistants", {"model": "tiny", "file_ids": [1]}, "Invalid type for 'tool_resources", None),
        ("/assistants", {"model": "tiny", "tools": ["retrieval"]}, "Invalid type for 'tools[0]'", "tools[0]"),
        (messages, said | {"file_ids": ["file-1"], "attachments": []}, "Unknown parameter: 'file_ids'.", "file_ids"),
        (messages, said | {"folder_ids": []}, "Unknown parameter: 'folder_ids'.", "folder_ids"),
        ("/threads", {"messages": ["Hi"]}, "Invalid type for 'messages[0]'", "messages[0]"),
    ):
        error = (await ask(client, path, body, status=400))["error"]
        assert error["message"].startswith(message)
        assert param is None or error["param"] == param


async def test_the_files_of_assistants_are_no_path(client: Client):
    async with client.get("/v1/assistants/asst_1/files", headers=V1) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("headers", [V2, {}])
async def test_version_2_is_not_translated(client: Client, headers: dict[str, str]):
    body = {"model": "tiny", "file_ids": ["file-1"]}
    error = (await ask(client, "/assistants", body, headers=headers, status=400))["error"]
    assert error["message"] == "Unknown parameter: 'file_ids'."
    error = (await ask(client, "/assistants", {"model": "tiny", "metadata": {"k": 1}}, headers=headers, status=400))[
        "error"
    ]
    assert error["message"] == "Invalid type for 'metadata.k': expected a string, but got an integer instead."


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_stays_as_it_is(body: bytes) -> None:
    assert translated(body, CreateAssistant) == body


@pytest.mark.parametrize(
    ("expected", "given", "made"),
    [
        (CreateAssistant, {"file_ids": []}, {"tool_resources": {"code_interpreter": {"file_ids": []}}}),
        (CreateAssistant, {"file_ids": None}, {"file_ids": None}),
        (ModifyAssistant, {"name": None}, {"name": None}),
        (CreateMessage, {"file_ids": []}, {"attachments": []}),
        (CreateMessage, {"metadata": None}, {"metadata": None}),
        (CreateRun, {"tool_choice": {"type": "retrieval"}}, {"tool_choice": {"type": "file_search"}}),
        (CreateRun, {"tool_choice": "auto", "tools": None}, {"tool_choice": "auto", "tools": None}),
        (CreateRun, {"thread": "x", "additional_messages": {}}, {"thread": "x", "additional_messages": {}}),
        (SubmitToolOutputsToRun, {"file_ids": []}, {"file_ids": []}),
    ],
)
def test_translations(expected: type, given: Any, made: Any) -> None:
    assert msgspec.json.decode(translated(msgspec.json.encode(given), expected)) == made


def test_every_body_has_a_translation_or_needs_none() -> None:
    """Of those families that version 1 had."""
    asked = [operation for _, path, operation in TABLE if parts_of(path)[0] in NEEDS_BETA]
    bodies = {operation.__annotations__.get("body") for operation in asked} - {None}
    assert bodies - set(_TRANSLATIONS) == {SubmitToolOutputsToRun}
