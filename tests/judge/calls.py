"""Which call of the official client sends a request: by method and path, with arguments from query and body.

Standard library only: clients of either generation are asked in environments of their own.
"""

import base64
import inspect
import re
from typing import Any

CALLS = {
    "POST /v1/assistants": "beta.assistants.create",
    "GET /v1/assistants": "beta.assistants.list",
    "GET /v1/assistants/{assistant_id}": "beta.assistants.retrieve",
    "POST /v1/assistants/{assistant_id}": "beta.assistants.update",
    "DELETE /v1/assistants/{assistant_id}": "beta.assistants.delete",
    "POST /v1/threads": "beta.threads.create",
    "POST /v1/threads/runs": "beta.threads.create_and_run",
    "GET /v1/threads/{thread_id}": "beta.threads.retrieve",
    "POST /v1/threads/{thread_id}": "beta.threads.update",
    "DELETE /v1/threads/{thread_id}": "beta.threads.delete",
    "POST /v1/threads/{thread_id}/messages": "beta.threads.messages.create",
    "GET /v1/threads/{thread_id}/messages": "beta.threads.messages.list",
    "GET /v1/threads/{thread_id}/messages/{message_id}": "beta.threads.messages.retrieve",
    "POST /v1/threads/{thread_id}/messages/{message_id}": "beta.threads.messages.update",
    "DELETE /v1/threads/{thread_id}/messages/{message_id}": "beta.threads.messages.delete",
    "POST /v1/threads/{thread_id}/runs": "beta.threads.runs.create",
    "GET /v1/threads/{thread_id}/runs": "beta.threads.runs.list",
    "GET /v1/threads/{thread_id}/runs/{run_id}": "beta.threads.runs.retrieve",
    "POST /v1/threads/{thread_id}/runs/{run_id}": "beta.threads.runs.update",
    "POST /v1/threads/{thread_id}/runs/{run_id}/cancel": "beta.threads.runs.cancel",
    "POST /v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs": "beta.threads.runs.submit_tool_outputs",
    "GET /v1/threads/{thread_id}/runs/{run_id}/steps": "beta.threads.runs.steps.list",
    "GET /v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}": "beta.threads.runs.steps.retrieve",
    "POST /v1/files": "files.create",
    "GET /v1/files": "files.list",
    "GET /v1/files/{file_id}": "files.retrieve",
    "DELETE /v1/files/{file_id}": "files.delete",
    "GET /v1/files/{file_id}/content": "files.content",
    "POST /v1/uploads": "uploads.create",
    "POST /v1/uploads/{upload_id}/parts": "uploads.parts.create",
    "POST /v1/uploads/{upload_id}/complete": "uploads.complete",
    "POST /v1/uploads/{upload_id}/cancel": "uploads.cancel",
    "POST /v1/vector_stores": "vector_stores.create",
    "GET /v1/vector_stores": "vector_stores.list",
    "GET /v1/vector_stores/{vector_store_id}": "vector_stores.retrieve",
    "POST /v1/vector_stores/{vector_store_id}": "vector_stores.update",
    "DELETE /v1/vector_stores/{vector_store_id}": "vector_stores.delete",
    "POST /v1/vector_stores/{vector_store_id}/search": "vector_stores.search",
    "POST /v1/vector_stores/{vector_store_id}/files": "vector_stores.files.create",
    "GET /v1/vector_stores/{vector_store_id}/files": "vector_stores.files.list",
    "GET /v1/vector_stores/{vector_store_id}/files/{file_id}": "vector_stores.files.retrieve",
    "POST /v1/vector_stores/{vector_store_id}/files/{file_id}": "vector_stores.files.update",
    "DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}": "vector_stores.files.delete",
    "GET /v1/vector_stores/{vector_store_id}/files/{file_id}/content": "vector_stores.files.content",
    "POST /v1/vector_stores/{vector_store_id}/file_batches": "vector_stores.file_batches.create",
    "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}": "vector_stores.file_batches.retrieve",
    "POST /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel": "vector_stores.file_batches.cancel",
    "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files": "vector_stores.file_batches.list_files",
    "GET /v1/models": "models.list",
    "GET /v1/models/{model}": "models.retrieve",
    "DELETE /v1/models/{model}": "models.delete",
}
STREAMS = {
    "beta.threads.create_and_run": "beta.threads.create_and_run_stream",
    "beta.threads.runs.create": "beta.threads.runs.stream",
    "beta.threads.runs.submit_tool_outputs": "beta.threads.runs.submit_tool_outputs_stream",
}
"""What is given an event handler, where the body asks for a stream."""


class NoCall(Exception):
    """Why the client cannot send such a request."""


def call_of(template: str, ids: dict[str, str], request: dict[str, Any], client: Any) -> tuple[str, dict[str, Any]]:
    """Name and arguments. `template` is `POST /v1/threads/{thread_id}`. Raises `NoCall`."""
    if template not in CALLS:
        raise NoCall("it has no call for that path")
    name = CALLS[template]
    body = form_of(request["form"]) if request["form"] is not None else request["body"]
    if not isinstance(body, dict | None):
        raise NoCall("it sends nothing but objects and forms")
    given = dict(body or {})
    if given.get("stream") is True and name in STREAMS:
        name = STREAMS[name]
        del given["stream"]
    method = getting(client, name)
    known = inspect.signature(method).parameters
    arguments: dict[str, Any] = {**ids, "extra_body": {}, "extra_query": {}, "extra_headers": headers_of(request, name)}
    for key, value in given.items():
        (arguments if key in known else arguments["extra_body"])[key] = value
    for key, value in query_of(request["query"]).items():
        (arguments if key in known else arguments["extra_query"])[key] = value
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as refusal:
        raise NoCall(f"it refuses that itself: {refusal}") from refusal
    return name, arguments


def getting(client: Any, name: str) -> Any:
    for each in name.split("."):
        client = getattr(client, each)
    return client


def query_of(pairs: list[list[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key.endswith("[]"):
            found.setdefault(key[:-2], []).append(value)
        else:
            found[key] = int(value) if key == "limit" and value.isdigit() else value
    return found


def form_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Fields of a form as arguments: files as the client takes them, `expires_after[anchor]` as objects."""
    found: dict[str, Any] = {}
    for part in parts:
        data = base64.b64decode(part["base64"])
        is_file = part["filename"] is not None
        value: Any = (part["filename"], data, part["content_type"]) if is_file else data.decode()
        if inner := re.fullmatch(r"(\w+)\[(\w+)\]", part["name"]):
            found.setdefault(inner[1], {})[inner[2]] = value
        else:
            found[part["name"]] = value
    return found


def headers_of(request: dict[str, Any], name: str) -> dict[str, Any]:
    from openai import Omit

    headers = request["headers"]
    if name.startswith("beta.") and headers.get("openai-beta", "") is None:
        raise NoCall("it sends its beta header always")
    if name.startswith("beta.") and "openai-beta" in headers:
        raise NoCall("it sends its own beta header")
    if "content-type" in headers:
        raise NoCall("it sends its own content type")
    if "authorization" not in headers:
        return {}
    return {"Authorization": Omit() if headers["authorization"] is None else headers["authorization"]}
