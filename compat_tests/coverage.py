"""What the cases must cover between them, by the tags they carry. `tests/compat/test_suite.py` holds them to it."""

from collections.abc import Iterable
from typing import Final

from compat_tests.case import NamedCase

ENDPOINTS: Final = (
    "POST /v1/assistants",
    "GET /v1/assistants",
    "GET /v1/assistants/{assistant_id}",
    "POST /v1/assistants/{assistant_id}",
    "DELETE /v1/assistants/{assistant_id}",
    "POST /v1/threads",
    "GET /v1/threads/{thread_id}",
    "POST /v1/threads/{thread_id}",
    "DELETE /v1/threads/{thread_id}",
    "POST /v1/threads/{thread_id}/messages",
    "GET /v1/threads/{thread_id}/messages",
    "GET /v1/threads/{thread_id}/messages/{message_id}",
    "POST /v1/threads/{thread_id}/messages/{message_id}",
    "DELETE /v1/threads/{thread_id}/messages/{message_id}",
    "POST /v1/threads/runs",
    "POST /v1/threads/{thread_id}/runs",
    "GET /v1/threads/{thread_id}/runs",
    "GET /v1/threads/{thread_id}/runs/{run_id}",
    "POST /v1/threads/{thread_id}/runs/{run_id}",
    "POST /v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs",
    "POST /v1/threads/{thread_id}/runs/{run_id}/cancel",
    "GET /v1/threads/{thread_id}/runs/{run_id}/steps",
    "GET /v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}",
    "POST /v1/files",
    "GET /v1/files",
    "GET /v1/files/{file_id}",
    "DELETE /v1/files/{file_id}",
    "GET /v1/files/{file_id}/content",
    "POST /v1/uploads",
    "POST /v1/uploads/{upload_id}/parts",
    "POST /v1/uploads/{upload_id}/complete",
    "POST /v1/uploads/{upload_id}/cancel",
    "POST /v1/vector_stores",
    "GET /v1/vector_stores",
    "GET /v1/vector_stores/{vector_store_id}",
    "POST /v1/vector_stores/{vector_store_id}",
    "DELETE /v1/vector_stores/{vector_store_id}",
    "POST /v1/vector_stores/{vector_store_id}/search",
    "POST /v1/vector_stores/{vector_store_id}/files",
    "GET /v1/vector_stores/{vector_store_id}/files",
    "GET /v1/vector_stores/{vector_store_id}/files/{file_id}",
    "POST /v1/vector_stores/{vector_store_id}/files/{file_id}",
    "DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}",
    "GET /v1/vector_stores/{vector_store_id}/files/{file_id}/content",
    "POST /v1/vector_stores/{vector_store_id}/file_batches",
    "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}",
    "POST /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel",
    "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files",
    "GET /v1/models",
    "GET /v1/models/{model}",
)

STATUSES: Final = (
    "queued",
    "in_progress",
    "requires_action",
    "cancelling",
    "cancelled",
    "failed",
    "completed",
    "incomplete",
    "expired",
)
"""Of a run."""

EVENTS: Final = (
    "thread.created",
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.requires_action",
    "thread.run.completed",
    "thread.run.incomplete",
    "thread.run.failed",
    "thread.run.cancelling",
    "thread.run.cancelled",
    "thread.run.expired",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.run.step.delta",
    "thread.run.step.completed",
    "thread.run.step.failed",
    "thread.run.step.cancelled",
    "thread.run.step.expired",
    "thread.message.created",
    "thread.message.in_progress",
    "thread.message.delta",
    "thread.message.completed",
    "thread.message.incomplete",
    "error",
    "done",
)

ERRORS: Final = {
    "no-key": "no `Authorization`",
    "wrong-key": "a key that is none",
    "beta-missing": "no `OpenAI-Beta` header",
    "beta-v1": "`assistants=v1`, which had been switched off before",
    "unknown-url": "a path that does not exist",
    "assistant-not-found": "an assistant that does not exist",
    "thread-not-found": "a thread that does not exist",
    "step-not-found": "a run step that does not exist",
    "vector-store-not-found": "a vector store that does not exist",
    "file-not-in-store": "a file that is not in that vector store",
    "file-not-found": "a file that does not exist",
    "files-not-found": "an unknown file in attachments, tool resources or a batch",
    "model-not-found": "a model that does not exist, asked for under /models",
    "wrong-prefix": "an id of another kind",
    "thread-locked-message": "a message while a run is active",
    "thread-locked-run": "a second run on the thread",
    "nothing-to-do": "a run without a user message or instructions",
    "outputs-in-wrong-state": "tool outputs for a run that wants none",
    "outputs-mismatch": "tool outputs for other calls than those asked for",
    "cancel-in-wrong-state": "cancelling a run that has ended",
    "modify-in-wrong-state": "modifying a run that is under way",
    "missing-parameter": "a body without a required key",
    "wrong-type": "a value of another type",
    "string-too-long": "a text above its limit",
    "integer-out-of-range": "a number above its limit",
    "metadata-too-many": "more than 16 keys of metadata",
    "metadata-key-too-long": "a key of metadata above 64 characters",
    "metadata-value-too-long": "a value of metadata above 512 characters",
    "metadata-no-object": "metadata that is no object",
    "bad-json": "a body that is no JSON",
    "bad-purpose": "a file for a purpose that does not exist",
    "unsupported-extension": "a file of a kind that cannot be searched",
    "server-error-in-run": "a model server that fails: `last_error` of the run",
    "rate-limit-in-run": "a model server that asks for patience for too long, or for money",
}
"""Errors that were seen on the wire or in what clients match on, by the name that tags give them."""

UNTESTED_ERRORS: Final = {
    "beta-unknown": "`Unknown beta requested`, seen on another API only",
    "unsupported-model-v1": "newer models under v1: v1 as a whole is refused",
    "unsupported-model": "`cannot be used with the Assistants API`: which models could was the service's business",
    "model-lacks-tool": "likewise for the models that knew no file search",
    "download-refused": "files may be downloaded here whatever their purpose (a setting refuses as the service did)",
    "vector-store-expired": "takes a day at least",
    "request-rate-limit": "HTTP 429 and 503: limits are an operator's settings, and no client can bring them about",
    "server-error": "HTTP 500: no client can bring it about",
    "invalid-function-parameters": "seen on chat completions only",
}
"""Errors that were seen and have no case, and why."""

NORMALISATIONS: Final = {
    "defaults-echoed": "what was left out is answered with its default",
    "null-on-create": "null on creation is as if it were left out",
    "null-on-update": "null on an update clears",
    "metadata-replaced": "metadata is replaced as a whole",
    "function-parameters": "a function without parameters gets an empty object schema",
    "function-strict": "a function without `strict` gets false",
    "file-search-tool": "the file search tool gets its ranking options",
    "tool-resources-code-interpreter": "code interpreter in the tools makes an empty list of files",
    "vector-stores-helper": "`vector_stores` is answered with the id of the store made for it",
    "string-content": "a text as content becomes one text part",
    "text-part": "a text part is answered with value and annotations",
    "image-detail": "an image without `detail` gets `auto`",
    "attachments-verbatim": "attachments are answered as they were given",
    "additional-instructions": "additional instructions are answered joined to the others",
    "inherited-settings": "a run has its assistant's settings where it has none of its own",
    "empty-additional-messages": "an empty list of additional messages is as none",
    "tool-choice-echo": "`tool_choice` is answered as it was given",
    "truncation-default": "truncation is answered as `auto` with null",
    "include-spelling": "`include` and `include[]`, brackets and star percent-encoded or not",
    "empty-body": "a body of no bytes is as an empty object",
    "chunking-auto": "`auto` chunking is answered as static, 800 and 400",
    "file-id-of-store-file": "a file in a store has the id of the file",
    "upload-expiry": "an upload ends an hour after it began",
}

GROUPS: Final = {
    "endpoint": ENDPOINTS,
    "status": STATUSES,
    "event": EVENTS,
    "error": tuple(ERRORS),
    "normalisation": tuple(NORMALISATIONS),
}
FREE: Final = ("optional", "step-status")
"""Kinds of tags that say something else."""


def uncovered(cases: Iterable[NamedCase]) -> list[str]:
    """Tags that no case carries and one must."""
    carried = {tag for each in cases for tag in each.case.tags}
    return [f"{group}:{name}" for group, names in GROUPS.items() for name in names if f"{group}:{name}" not in carried]


def unknown(cases: Iterable[NamedCase]) -> list[str]:
    """Tags that mean nothing: `slug: tag`."""
    known = {f"{group}:{name}" for group, names in GROUPS.items() for name in names}
    return [
        f"{each.resource}/{each.slug}: {tag}"
        for each in cases
        for tag in each.case.tags
        if tag not in known and tag.partition(":")[0] not in FREE
    ]
