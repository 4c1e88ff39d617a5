"""What the service sent otherwise than the SDK's types say. Each row is a fact about recorded answers, with its reason.

Types are named as the SDK names them; where two have one name, the module's name stands before it. A type of which the
service had two forms has the second under a name with a comma.
"""

from typing import Any, Final

from compat_tests.pattern import HEX, IDS, LETTERS

JsonSchema = dict[str, Any]
Key = tuple[str, str]

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_COUNTS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
_TOOL_RESOURCES: Final[JsonSchema] = {
    "type": "object",
    "properties": {
        "code_interpreter": {
            "type": "object",
            "properties": {"file_ids": {"type": "array", "items": {"type": "string"}}},
            "required": ["file_ids"],
            "additionalProperties": False,
        },
        "file_search": {
            "type": "object",
            "properties": {"vector_store_ids": {"type": "array", "items": {"type": "string"}}},
            "required": ["vector_store_ids"],
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}

VARIANTS: Final = {"Message, answered": "Message", "VectorStoreFile, of a batch": "VectorStoreFile"}

BESIDE: Final[dict[Key, tuple[JsonSchema, str]]] = {
    ("Assistant", "reasoning_effort"): ({"enum": [*EFFORTS, None]}, "since 2025; the SDK does not know it"),
    ("Run", "reasoning_effort"): ({"enum": [*EFFORTS, None]}, "since 2025; the SDK does not know it"),
    ("Run", "tool_resources"): (_TOOL_RESOURCES, "always sent; the SDK does not know it"),
    ("RunStep", "expires_at"): ({"type": ["integer", "null"]}, "always sent; the SDK has `expired_at` instead"),
    ("Usage", "prompt_token_details"): (_COUNTS, "since 2024; the SDK does not know it"),
    ("Usage", "completion_tokens_details"): (_COUNTS, "since 2024; the SDK does not know it"),
    ("FileSearchResult", "attributes"): ({"type": ["object", "null"]}, "since 2025; the SDK does not know it"),
    ("file_search_tool.FileSearchRankingOptions", "hybrid_search"): (
        {"type": ["object", "null"]},
        "since 2025; the SDK does not know it",
    ),
    ("VectorStore", "description"): ({"type": ["string", "null"]}, "since 2025; the SDK does not know it"),
    ("VectorStore", "embedding_config"): ({}, "a store's embeddings, where a server lets them be chosen"),
}
"""Keys that the SDK's type does not have."""

MAY_BE_ABSENT: Final[dict[Key, str]] = {
    ("Usage", "prompt_token_details"): "not sent for runs before autumn 2024; clients read the three sums",
    ("Usage", "completion_tokens_details"): "not sent for runs before autumn 2024; clients read the three sums",
    ("Message, answered", "status"): "only in streams: answers did not carry it",
    ("Message, answered", "incomplete_details"): "only in streams: answers did not carry it",
    ("Message, answered", "incomplete_at"): "only in streams: answers did not carry it",
    ("Message, answered", "completed_at"): "only in streams: answers did not carry it",
    ("RunStep", "expired_at"): "in the specification and never sent",
    ("RunStep", "metadata"): "in the specification and never sent",
    ("FunctionDefinition", "description"): "echoed where it was given",
    ("file_search_tool.FileSearch", "max_num_results"): "echoed where it was given",
    ("file_search_tool.FileSearch", "ranking_options"): "filled in since the end of 2024",
    ("FileSearchRankingOptions", "hybrid_search"): "since 2025",
    ("FileSearchResult", "content"): "only where `include[]` asks for it",
    ("FileSearchResult", "attributes"): "since 2025",
    ("ToolResources", "code_interpreter"): "only with the tool",
    ("ToolResources", "file_search"): "only with the tool",
    ("AssistantToolChoice", "function"): "only where a function is chosen",
    ("JSONSchema", "description"): "echoed where it was given",
    ("JSONSchema", "schema"): "echoed where it was given",
    ("JSONSchema", "strict"): "echoed where it was given",
    ("ImageFile", "detail"): "not in images that the code interpreter made",
    ("Model", "shutdown_date"): "since 2026, and model servers announce none",
    ("Upload", "file"): "only of a completed upload",
    ("VectorStoreFile, of a batch", "usage_bytes"): "listed by batch, files had fewer keys",
    ("VectorStoreFile, of a batch", "chunking_strategy"): "listed by batch, files had fewer keys",
    ("VectorStoreFile, of a batch", "attributes"): "listed by batch, files had fewer keys",
    ("VectorStore", "embedding_config"): "not the service's",
    ("ErrorObject", "misalignment"): "never sent here",
}
"""Keys of the SDK's types that an answer need not have; every other is required, whether the SDK has it so or not."""

IN_DELTAS: Final = frozenset(
    {
        ("MessageDelta", "content"),
        ("RunStepDelta", "step_details"),
        ("TextDelta", "value"),
        ("TextDeltaBlock", "text"),
        ("ToolCallDeltaObject", "tool_calls"),
        ("FunctionToolCallDelta", "function"),
        ("CodeInterpreterToolCallDelta", "code_interpreter"),
    }
)
"""Of deltas, what the SDK leaves open and the service always sent. Their other keys come when they have something."""

NEVER_NULL: Final = frozenset(
    {"metadata", "temperature", "top_p", "tool_resources", "response_format", "tool_choice", "truncation_strategy"}
    | {"parallel_tool_calls", "last_active_at", "chunking_strategy", "ranking_options", "parameters", "step_details"}
)
"""Keys that the SDK would take as null in some type, and the service never sent so."""

NULLABLE: Final[dict[Key, str]] = {
    ("Run", "instructions"): "where neither the run nor the assistant has any",
    ("VectorStore", "name"): "where none was given",
}
"""Keys that the SDK's type does not allow to be null, and the service sent so."""

OLDER: Final[dict[Key, str]] = {
    ("Assistant", "reasoning_effort"): "before 2025",
    ("Run", "reasoning_effort"): "before 2025",
    ("Run", "parallel_tool_calls"): "before June 2024",
    ("FunctionDefinition", "strict"): "before August 2024",
    ("FileSearchTool", "file_search"): "before summer 2024",
    ("FileObject", "expires_at"): "before 2025",
    ("VectorStore", "description"): "before 2025",
    ("VectorStoreFile", "attributes"): "before 2025",
    ("VectorStoreFile", "chunking_strategy"): "before summer 2024",
    ("Message, answered", "attachments"): "answers to a modified message had `file_ids` instead, a mistake",
}
"""What earlier recordings lack, and a server of today may not."""

MISTAKES: Final[dict[Key, tuple[JsonSchema, str]]] = {
    ("Message, answered", "file_ids"): ({"type": "array"}, "answers to a modified message, instead of `attachments`"),
}
"""What recordings have beside it, and a server need not imitate."""

SPELLINGS: Final[dict[Key, tuple[JsonSchema, str]]] = {
    ("FileSearchRankingOptions", "ranker"): (
        {"enum": ["auto", "default_2024_08_21", "default-2024-08-21"]},
        "written with hyphens for a while in 2025",
    ),
}
"""Values that recordings have, and a server need not imitate."""

OPEN: Final = {"Model": "model servers add keys of their own"}
"""Types whose further keys are nobody's business."""

ID_FORMS: Final = {
    "Assistant": "assistant",
    "AssistantDeleted": "assistant",
    "Thread": "thread",
    "ThreadDeleted": "thread",
    "Message": "message",
    "MessageDeleted": "message",
    "MessageDeltaEvent": "message",
    "Run": "run",
    "RunStep": "step",
    "RunStepDeltaEvent": "step",
    "FileObject": "file",
    "FileDeleted": "file",
    "Upload": "upload",
    "UploadPart": "part",
    "VectorStore": "vector_store",
    "VectorStoreDeleted": "vector_store",
    "VectorStoreFile": "file",
    "VectorStoreFileDeleted": "file",
    "VectorStoreFileBatch": "file_batch",
}
REFERENCES: Final = {
    "assistant_id": "assistant",
    "thread_id": "thread",
    "run_id": "run",
    "message_id": "message",
    "vector_store_id": "vector_store",
    "upload_id": "upload",
}

CONSTANTS: Final[dict[Key, JsonSchema]] = {
    # The specification and the SDK say `vector_store.files_batch`; the service never did.
    ("VectorStoreFileBatch", "object"): {"const": "vector_store.file_batch"},
    # Those that a file could be sent for, in the service's own words, and those of its own files.
    ("FileObject", "purpose"): {
        "enum": [
            *("fine-tune", "assistants", "batch", "user_data", "vision", "evals"),
            *("assistants_output", "batch_output", "fine-tune-results"),
        ]
    },
}
"""What the SDK says otherwise than the service."""

STATUSES: Final = (
    "queued", "in_progress", "requires_action", "cancelling",
    "cancelled", "failed", "completed", "incomplete", "expired",
)  # fmt: skip
TERMINAL: Final = ("completed", "failed", "cancelled", "incomplete", "expired")


def _when(statuses: tuple[str, ...], **keys: JsonSchema) -> JsonSchema:
    return {
        "if": {"properties": {"status": {"enum": [*statuses]}}, "required": ["status"]},
        "then": {"properties": keys},
    }


def _otherwise(statuses: tuple[str, ...], **keys: JsonSchema) -> JsonSchema:
    return _when(tuple(each for each in STATUSES if each not in statuses), **keys)


_NULL: Final[JsonSchema] = {"type": "null"}
_TIME: Final[JsonSchema] = {"type": "integer"}
_OBJECT: Final[JsonSchema] = {"type": "object"}

BY_STATUS: Final[dict[str, tuple[JsonSchema, ...]]] = {
    "Run": (
        _when(("completed",), completed_at=_TIME, usage=_OBJECT),
        _when(("failed",), failed_at=_TIME, last_error=_OBJECT, completed_at=_NULL),
        _when(("cancelled",), cancelled_at=_TIME, completed_at=_NULL),
        _when(("incomplete",), incomplete_details=_OBJECT),
        _when(("requires_action",), required_action=_OBJECT, usage=_NULL),
        _when(("queued", "in_progress", "cancelling"), completed_at=_NULL, failed_at=_NULL, cancelled_at=_NULL),
        _when(TERMINAL, expires_at=_NULL),
        _otherwise(TERMINAL, expires_at=_TIME),
        _otherwise(("requires_action",), required_action=_NULL),
        _otherwise(("failed",), failed_at=_NULL, last_error=_NULL),
        _otherwise(("incomplete",), incomplete_details=_NULL),
    ),
    "RunStep": (
        _when(("completed",), completed_at=_TIME, usage=_OBJECT),
        _when(("failed",), failed_at=_TIME, last_error=_OBJECT),
        _when(("cancelled",), cancelled_at=_TIME),
        _when(("in_progress",), completed_at=_NULL, failed_at=_NULL, cancelled_at=_NULL, usage=_NULL),
        _otherwise(("completed",), completed_at=_NULL),
        _otherwise(("failed",), failed_at=_NULL, last_error=_NULL),
        _otherwise(("cancelled",), cancelled_at=_NULL),
    ),
    "Message": (
        _when(("completed",), incomplete_at=_NULL, incomplete_details=_NULL),
        _when(("in_progress",), completed_at=_NULL, incomplete_at=_NULL, incomplete_details=_NULL),
        _when(("incomplete",), incomplete_at=_TIME, incomplete_details=_OBJECT, completed_at=_NULL),
    ),
}
"""What follows from a status, as the service moved its objects."""


FORMS: Final = IDS | {"file_batch": f"vsfb_(?:ibj_)?(?:{HEX}|{LETTERS})"}
"""Of ids; for a batch, the service had two that do not show when they were used."""


def pattern_of(kind: str) -> str:
    return f"^(?:{FORMS[kind]})$"
