"""Paths taken apart: the template, and the kinds of what their ids name."""

from collections.abc import Sequence
from typing import Final

from compat_tests.exchange import Exchange, Request

PLACES: Final = {
    "assistants": "assistant_id",
    "threads": "thread_id",
    "messages": "message_id",
    "runs": "run_id",
    "steps": "step_id",
    "files": "file_id",
    "vector_stores": "vector_store_id",
    "file_batches": "batch_id",
    "uploads": "upload_id",
    "models": "model",
}
"""What stands behind a collection."""
ASKED_HERE: Final = {"assistants", "threads", "files", "vector_stores", "uploads", "models"}
"""What this API has below `/v1`; anything else in somebody's cassette is not ours to compare."""


def template_of(path: str) -> str:
    """`/v1/threads/{thread_id}/runs` of `/v1/threads/thread_abc/runs`."""
    parts = path.split("/")
    for place, before in enumerate(parts[:-1]):
        if before in PLACES and parts[place + 1] and (before, parts[place + 1]) != ("threads", "runs"):
            parts[place + 1] = f"{{{PLACES[before]}}}"
    return "/".join(parts)


def ids_in(path: str) -> dict[str, str]:
    """`{"thread_id": "thread_abc"}`."""
    names = zip(template_of(path).split("/"), path.split("/"), strict=True)
    return {name[1:-1]: value for name, value in names if name.startswith("{")}


def is_asked_here(path: str) -> bool:
    parts = path.split("/")
    return len(parts) > 2 and parts[1] == "v1" and parts[2] in ASKED_HERE


def resource_of(exchanges: Sequence[Exchange]) -> str:
    """What most of them are about."""
    if any(each.answer.is_stream for each in exchanges):
        return "streams"
    asked: dict[str, int] = {}
    for each in exchanges:
        names = [part for part in template_of(each.request.path).split("/") if part in PLACES]
        name = "others" if not names else names[0] if names[0] == "vector_stores" else names[-1]
        asked[name] = asked.get(name, 0) + 1
    return max(reversed(asked), key=lambda name: asked[name]) if asked else "others"


def asks(request: Request, method: str, template: str) -> bool:
    return request.method == method and template_of(request.path) == template


def creates_run(request: Request) -> bool:
    return request.method == "POST" and template_of(request.path) in {
        "/v1/threads/{thread_id}/runs",
        "/v1/threads/runs",
    }


def submits(request: Request) -> bool:
    return asks(request, "POST", "/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs")
