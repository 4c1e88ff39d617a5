"""Which type an answer has: by method, path and status; and which of the SDK's types that is."""

import importlib
import re
from typing import Any, Final

TYPES: Final = {
    "Assistant": "openai.types.beta",
    "AssistantDeleted": "openai.types.beta",
    "Thread": "openai.types.beta",
    "ThreadDeleted": "openai.types.beta",
    "Message": "openai.types.beta.threads",
    "MessageDeleted": "openai.types.beta.threads",
    "MessageDeltaEvent": "openai.types.beta.threads",
    "Run": "openai.types.beta.threads",
    "RunStep": "openai.types.beta.threads.runs",
    "RunStepDeltaEvent": "openai.types.beta.threads.runs",
    "FileObject": "openai.types",
    "FileDeleted": "openai.types",
    "Upload": "openai.types",
    "UploadPart": "openai.types.uploads",
    "VectorStore": "openai.types",
    "VectorStoreDeleted": "openai.types",
    "VectorStoreSearchResponse": "openai.types",
    "VectorStoreFile": "openai.types.vector_stores",
    "VectorStoreFileDeleted": "openai.types.vector_stores",
    "VectorStoreFileBatch": "openai.types.vector_stores",
    "FileContentResponse": "openai.types.vector_stores",
    "Model": "openai.types",
    "ModelDeleted": "openai.types",
    "ErrorObject": "openai.types",
}
"""The SDK's types of what is answered, and the module that has them."""

EVENTS: Final = "openai.types.beta.assistant_stream_event"
ERROR: Final = "an error"
STREAMS: Final = "/v1/threads/"
"""Streams of runs are at paths that begin so."""

_RUN: Final = "/v1/threads/{thread}/runs/{run}"
_STORE: Final = "/v1/vector_stores/{store}"

# `[X]` is a list of X, `page of X` one in the form of searches. The first row that fits counts.
TABLE: Final = (
    ("POST", "/v1/assistants", "Assistant"),
    ("GET", "/v1/assistants", "[Assistant]"),
    ("GET", "/v1/assistants/{assistant}", "Assistant"),
    ("POST", "/v1/assistants/{assistant}", "Assistant"),
    ("DELETE", "/v1/assistants/{assistant}", "AssistantDeleted"),
    ("POST", "/v1/threads", "Thread"),
    ("POST", "/v1/threads/runs", "Run"),
    ("GET", "/v1/threads/{thread}", "Thread"),
    ("POST", "/v1/threads/{thread}", "Thread"),
    ("DELETE", "/v1/threads/{thread}", "ThreadDeleted"),
    ("POST", "/v1/threads/{thread}/messages", "Message, answered"),
    ("GET", "/v1/threads/{thread}/messages", "[Message, answered]"),
    ("GET", "/v1/threads/{thread}/messages/{message}", "Message, answered"),
    ("POST", "/v1/threads/{thread}/messages/{message}", "Message, answered"),
    ("DELETE", "/v1/threads/{thread}/messages/{message}", "MessageDeleted"),
    ("POST", "/v1/threads/{thread}/runs", "Run"),
    ("GET", "/v1/threads/{thread}/runs", "[Run]"),
    ("GET", _RUN, "Run"),
    ("POST", _RUN, "Run"),
    ("POST", f"{_RUN}/submit_tool_outputs", "Run"),
    ("POST", f"{_RUN}/cancel", "Run"),
    ("GET", f"{_RUN}/steps", "[RunStep]"),
    ("GET", f"{_RUN}/steps/{{step}}", "RunStep"),
    ("POST", "/v1/files", "FileObject"),
    ("GET", "/v1/files", "[FileObject]"),
    ("GET", "/v1/files/{file}", "FileObject"),
    ("DELETE", "/v1/files/{file}", "FileDeleted"),
    ("POST", "/v1/uploads", "Upload"),
    ("POST", "/v1/uploads/{upload}/parts", "UploadPart"),
    ("POST", "/v1/uploads/{upload}/complete", "Upload"),
    ("POST", "/v1/uploads/{upload}/cancel", "Upload"),
    ("POST", "/v1/vector_stores", "VectorStore"),
    ("GET", "/v1/vector_stores", "[VectorStore]"),
    ("GET", _STORE, "VectorStore"),
    ("POST", _STORE, "VectorStore"),
    ("DELETE", _STORE, "VectorStoreDeleted"),
    ("POST", f"{_STORE}/search", "page of VectorStoreSearchResponse"),
    ("POST", f"{_STORE}/files", "VectorStoreFile"),
    ("GET", f"{_STORE}/files", "[VectorStoreFile]"),
    ("GET", f"{_STORE}/files/{{file}}", "VectorStoreFile"),
    ("POST", f"{_STORE}/files/{{file}}", "VectorStoreFile"),
    ("DELETE", f"{_STORE}/files/{{file}}", "VectorStoreFileDeleted"),
    ("GET", f"{_STORE}/files/{{file}}/content", "page of FileContentResponse"),
    ("POST", f"{_STORE}/file_batches", "VectorStoreFileBatch"),
    ("GET", f"{_STORE}/file_batches/{{batch}}", "VectorStoreFileBatch"),
    ("POST", f"{_STORE}/file_batches/{{batch}}/cancel", "VectorStoreFileBatch"),
    ("GET", f"{_STORE}/file_batches/{{batch}}/files", "[VectorStoreFile, of a batch]"),
    ("GET", "/v1/models", "[Model]"),
    ("GET", "/v1/models/{model*}", "Model"),
    ("DELETE", "/v1/models/{model*}", "ModelDeleted"),
)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\*\}", ".+", re.sub(r"\{\w+\}", "[^/]+", template)))


_ROWS: Final = tuple((method, _pattern(template), shape) for method, template, shape in TABLE)


def shape_of(method: str, path: str, status: int) -> str | None:
    """What an answer that is no stream has to be; None where nothing is known of it (a file's content, say)."""
    if status >= 400:
        return ERROR if path.startswith("/v1/") else None
    if status >= 300:
        return None
    return next((shape for verb, pattern, shape in _ROWS if verb == method and pattern.fullmatch(path)), None)


def sdk_types() -> dict[str, Any]:
    """The classes in `TYPES`. Raises `ImportError` where there is no SDK, or one that does not know them."""
    found = {}
    for name, module in TYPES.items():
        held = importlib.import_module(module)
        if not hasattr(held, name):
            raise ImportError(f"{module} has no {name}")
        found[name] = getattr(held, name)
    return found


def sdk_events() -> dict[str, Any]:
    """By name of event, the class of its data."""
    members = importlib.import_module(EVENTS)
    found = {}
    for member in vars(members).values():
        fields = getattr(member, "model_fields", {})
        if fields.keys() >= {"event", "data"}:
            (name,) = fields["event"].annotation.__args__
            found[name] = fields["data"].annotation
    return found
