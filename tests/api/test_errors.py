"""Refusals, to the byte: status, type, code, param and message, as clients match on them."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from config.settings import ModelSettings, Settings
from proxy.ids import new_id
from proxy.services import Services
from proxy.store import runs, threads
from tests.api.conftest import Client
from tests.builders import a_run

NO_SUCH = "abcdefghijklmnopqrstuvwx"
UNREADABLE = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)


def refusal(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def bad_id(param: str, value: str, prefix: str) -> dict[str, Any]:
    return refusal(f"Invalid '{param}': '{value}'. Expected an ID that begins with '{prefix}'.", param, "invalid_value")


@pytest.fixture
async def thread_id(client: Client) -> str:
    async with client.post("/v1/threads") as answer:
        assert answer.status == 200
        thread_id: str = (await answer.json())["id"]
        return thread_id


async def ask(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, path, json=body) as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json()


THREAD = f"thread_{NO_SUCH}"
ASSISTANT = f"asst_{NO_SUCH}"
MESSAGE = f"msg_{NO_SUCH}"
RUN = f"run_{NO_SUCH}"
HELLO = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("method", "path", "body", "what", "id"),
    [
        ("GET", f"/v1/assistants/{ASSISTANT}", None, "assistant", ASSISTANT),
        ("POST", f"/v1/assistants/{ASSISTANT}", {}, "assistant", ASSISTANT),
        ("DELETE", f"/v1/assistants/{ASSISTANT}", None, "assistant", ASSISTANT),
        ("GET", "/v1/assistants/asst_1", None, "assistant", "asst_1"),
        ("GET", f"/v1/assistants?after={ASSISTANT}", None, "assistant", ASSISTANT),
        ("GET", f"/v1/threads/{THREAD}", None, "thread", THREAD),
        ("POST", f"/v1/threads/{THREAD}", {}, "thread", THREAD),
        ("DELETE", f"/v1/threads/{THREAD}", None, "thread", THREAD),
        ("POST", f"/v1/threads/{THREAD}/messages", HELLO, "thread", THREAD),
        ("GET", f"/v1/threads/{THREAD}/messages", None, "thread", THREAD),
        ("GET", f"/v1/threads/{THREAD}/messages/{MESSAGE}", None, "thread", THREAD),
        ("POST", f"/v1/threads/{THREAD}/messages/{MESSAGE}", {}, "thread", THREAD),
        ("DELETE", f"/v1/threads/{THREAD}/messages/{MESSAGE}", None, "thread", THREAD),
        ("GET", f"/v1/threads/{THREAD}/runs/{RUN}/steps", None, "thread", THREAD),
        ("GET", f"/v1/threads/{THREAD}/runs/{RUN}/steps/step_1", None, "thread", THREAD),
        ("GET", "/v1/threads/{thread}/messages/" + MESSAGE, None, "message", MESSAGE),
        ("POST", "/v1/threads/{thread}/messages/" + MESSAGE, {}, "message", MESSAGE),
        ("DELETE", "/v1/threads/{thread}/messages/" + MESSAGE, None, "message", MESSAGE),
        ("GET", "/v1/threads/{thread}/runs/" + RUN + "/steps", None, "run", RUN),
        ("GET", "/v1/threads/{thread}/runs/" + RUN + "/steps/step_1", None, "run", RUN),
    ],
)
async def test_what_is_not_there(client: Client, thread_id: str, method: str, path: str, body: Any, what: str, id: str):  # noqa: PLR0917
    answered = await ask(client, method, path.replace("{thread}", thread_id), body)
    assert answered == (404, refusal(f"No {what} found with id '{id}'."))


@pytest.mark.parametrize("id", ["step_123", "123"])
async def test_a_step_that_is_not_there(client: Client, services: Services, thread_id: str, id: str):
    run = a_run(thread_id=thread_id)
    await services.store.write(
        lambda db: runs.insert_run(db, "default", run, progress=b"{}", owner=None, lease_until=None)
    )
    answered = await ask(client, "GET", f"/v1/threads/{thread_id}/runs/{run.id}/steps/{id}")
    assert answered == (404, refusal(f"No run step found with id '{id}'."))


async def test_a_run_of_another_thread_is_not_there(client: Client, services: Services, thread_id: str):
    run = a_run(thread_id=thread_id)
    await services.store.write(
        lambda db: runs.insert_run(db, "default", run, progress=b"{}", owner=None, lease_until=None)
    )
    async with client.post("/v1/threads") as answer:
        other = (await answer.json())["id"]
    answered = await ask(client, "GET", f"/v1/threads/{other}/runs/{run.id}/steps")
    assert answered == (404, refusal(f"No run found with id '{run.id}'."))


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("GET", "/v1/threads/undefined", bad_id("thread_id", "undefined", "thread")),
        ("GET", "/v1/threads/thread", bad_id("thread_id", "thread", "thread")),
        ("POST", "/v1/threads/None/messages", bad_id("thread_id", "None", "thread")),
        ("GET", "/v1/assistants/wf_1", bad_id("assistant_id", "wf_1", "asst")),
        ("GET", f"/v1/threads/{THREAD}/messages/m", bad_id("message_id", "m", "msg")),
        ("GET", f"/v1/threads/{THREAD}/runs/r", bad_id("run_id", "r", "run")),
        ("GET", "/v1/threads/%E2%82%AC", bad_id("thread_id", "€", "thread")),
    ],
)
async def test_an_id_of_another_kind(client: Client, method: str, path: str, refused: dict[str, Any]):
    assert await ask(client, method, path) == (400, refused)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/assistants/asst_1/files"),
        ("GET", "/v1/threads/thread_1/messages/msg_1/files"),
        ("GET", "/v1/assistants/asst_1/x/y"),
        ("POST", "/foo"),
        ("GET", "/"),
        ("POST", "/v1"),
    ],
)
async def test_an_unknown_url(client: Client, method: str, path: str):
    message = (
        f"Unknown request URL: {method} {path}. Please check the URL for typos, "
        "or see the docs at https://platform.openai.com/docs/api-reference/."
    )
    assert await ask(client, method, path) == (404, refusal(message, code="unknown_url"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/assistants"),
        ("PATCH", f"/v1/threads/{THREAD}"),
        ("DELETE", f"/v1/threads/{THREAD}/messages"),
        ("GET", "/v1/threads/runs"),
        ("DELETE", "/v1/models/tiny"),
    ],
)
async def test_a_method_that_is_not_allowed(client: Client, method: str, path: str):
    message = f"Not allowed to {method} on {path} (HINT: Perhaps you meant to use a different HTTP method?)"
    assert await ask(client, method, path) == (405, refusal(message, code="method_not_supported"))


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        (
            "/v1/assistants",
            {},
            refusal("Missing required parameter: 'model'.", "model", "missing_required_parameter"),
        ),
        (
            "/v1/assistants",
            {"model": "tiny", "file_ids": []},
            refusal("Unknown parameter: 'file_ids'.", "file_ids", "unknown_parameter"),
        ),
        (
            "/v1/assistants",
            {
                "model": "tiny",
                "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"], "vector_stores": [{}]}},
            },
            refusal(
                "Mutually exclusive parameters: 'vector_store_ids' and 'vector_stores'. Only one of them may be given.",
                "tool_resources.file_search.vector_stores",
            ),
        ),
        (
            "/v1/assistants",
            {"model": "tiny", "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": 5}}}]},
            refusal(
                "Invalid schema for function 'f': 5 is not valid under any of the given schemas.",
                "tools[0].function.parameters",
                "invalid_function_parameters",
            ),
        ),
        (
            "/v1/threads",
            {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": ""}]},
            refusal("Message content must be non-empty.", "messages[1].content"),
        ),
        (
            "/v1/threads",
            {"metadata": []},
            refusal(
                "Invalid type for 'metadata': expected a metadata object, but got an array instead.",
                "metadata",
                "invalid_type",
            ),
        ),
        (
            "/v1/threads/{thread}",
            {"messages": []},
            refusal("Unknown parameter: 'messages'.", "messages", "unknown_parameter"),
        ),
        (
            "/v1/threads/{thread}",
            {"tool_resources": {"file_search": {"vector_stores": [{}]}}},
            refusal(
                "Unknown parameter: 'tool_resources.file_search.vector_stores'.",
                "tool_resources.file_search.vector_stores",
                "unknown_parameter",
            ),
        ),
        (
            "/v1/threads/{thread}/messages",
            {"role": "user", "content": ""},
            refusal("Message content must be non-empty.", "content"),
        ),
        (
            "/v1/threads/{thread}/messages",
            {"role": "user", "content": []},
            refusal("Message content must be non-empty.", "content"),
        ),
        (
            "/v1/threads/{thread}/messages",
            {"role": "user", "content": "c" * 256_001},
            refusal(
                "Invalid 'content': string too long. "
                "Expected a string with maximum length 256000, but got a string with length 256001 instead.",
                "content",
                "string_above_max_length",
            ),
        ),
        (
            "/v1/threads/{thread}/messages",
            {"role": "system", "content": "c"},
            refusal("Invalid value: 'system'. Supported values are: 'user' and 'assistant'.", "role", "invalid_value"),
        ),
    ],
)
async def test_a_body_that_does_not_fit(
    client: Client, thread_id: str, path: str, body: dict[str, Any], refused: dict[str, Any]
):
    assert await ask(client, "POST", path.replace("{thread}", thread_id), body) == (400, refused)


async def test_a_body_that_is_no_json(client: Client):
    async with client.post("/v1/assistants", data=b"{model: tiny}") as answer:
        assert (answer.status, await answer.json()) == (400, refusal(UNREADABLE))


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        (
            "limit=abc",
            refusal(
                "Invalid type for 'limit': expected an integer, but got a string instead.", "limit", "invalid_type"
            ),
        ),
        (
            "limit=101",
            refusal(
                "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.",
                "limit",
                "integer_above_max_value",
            ),
        ),
        (
            "order=sideways",
            refusal("Invalid value: 'sideways'. Supported values are: 'asc' and 'desc'.", "order", "invalid_value"),
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/assistants", "/v1/threads", "/v1/threads/{thread}/messages"])
async def test_a_query_that_does_not_fit(
    client: Client, thread_id: str, path: str, query: str, refused: dict[str, Any]
):
    assert await ask(client, "GET", f"{path.replace('{thread}', thread_id)}?{query}") == (400, refused)


async def test_a_message_to_a_thread_with_an_active_run(client: Client, services: Services, thread_id: str):
    run_id = new_id("run")
    await services.store.write(lambda db: threads.lock_thread(db, thread_id, run_id))
    message = f"Can't add messages to {thread_id} while a run {run_id} is active."
    assert await ask(client, "POST", f"/v1/threads/{thread_id}/messages", HELLO) == (400, refusal(message))
    status, page = await ask(client, "GET", f"/v1/threads/{thread_id}/messages")
    assert (status, page["data"]) == (200, [])


class TestUnknownModels:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(Settings(), models=ModelSettings(allow_unknown=False, retired_openai_names=False))

    @pytest.mark.parametrize("path", ["/v1/assistants", "/v1/assistants/{assistant}"])
    async def test_are_refused_where_they_are_not_allowed(self, client: Client, path: str):
        status, assistant = await ask(client, "POST", "/v1/assistants", {"model": "tiny"})
        assert status == 200
        answered = await ask(client, "POST", path.replace("{assistant}", assistant["id"]), {"model": "foo"})
        assert answered == (400, refusal("The requested model 'foo' does not exist.", "model", "model_not_found"))

    async def test_are_not_there_to_look_at(self, client: Client):
        answered = await ask(client, "GET", "/v1/models/fake/id:1")
        assert answered == (404, refusal("The model 'fake/id:1' does not exist", "model", "model_not_found"))


async def test_unknown_models_fall_to_the_default_otherwise(client: Client):
    status, assistant = await ask(client, "POST", "/v1/assistants", {"model": "gpt-4o"})
    assert (status, assistant["model"]) == (200, "gpt-4o")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/v1/threads/thread_%ff", 404),
        (b"/v1/threads/thread_%ed%a0%80", 404),
        (b"/v1/threads/thread_%00", 404),
        (b"/v1/threads/thread_%2F", 404),
        (b"/v1/assistants?after=%ff&limit=1", 404),
        (b"/v1/assistants?order=%ff", 400),
        (b"/v1/threads?metadata[%ff]=%fe", 200),
    ],
)
async def test_what_is_no_text_is_refused_like_anything_else(client: Client, target: bytes, status: int):
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert int(head.split()[1]) == status, head + body
    assert body.startswith(b"{")
