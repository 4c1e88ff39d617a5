"""The table of what can be asked: method, path, operation. And the matcher that finds a row.

A path is matched by its parts, so the base path with or without `/v1`, doubled slashes and a slash at the end all lead
to the same row. Nothing is redirected: clients would lose their bodies on the way.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from proxy.operations import (
    assistants,
    files,
    messages,
    models,
    runs,
    steps,
    threads,
    uploads,
    vector_store_batches,
    vector_store_files,
    vector_stores,
)

Operation = Callable[..., Any]
T = TypeVar("T")

_IN_STORES: Final[tuple[tuple[str, str, Operation], ...]] = (
    ("POST", "files", vector_store_files.create_vector_store_file),
    ("GET", "files", vector_store_files.list_vector_store_files),
    ("GET", "files/{file_id}", vector_store_files.get_vector_store_file),
    ("POST", "files/{file_id}", vector_store_files.update_vector_store_file_attributes),
    ("DELETE", "files/{file_id}", vector_store_files.delete_vector_store_file),
    ("GET", "files/{file_id}/content", vector_store_files.retrieve_vector_store_file_content),
    ("POST", "file_batches", vector_store_batches.create_vector_store_file_batch),
    ("GET", "file_batches/{batch_id}", vector_store_batches.get_vector_store_file_batch),
    ("POST", "file_batches/{batch_id}/cancel", vector_store_batches.cancel_vector_store_file_batch),
    ("GET", "file_batches/{batch_id}/files", vector_store_batches.list_files_in_vector_store_batch),
)

TABLE: Final[tuple[tuple[str, str, Operation], ...]] = (
    ("POST", "/assistants", assistants.create_assistant),
    ("GET", "/assistants", assistants.list_assistants),
    ("GET", "/assistants/{assistant_id}", assistants.get_assistant),
    ("POST", "/assistants/{assistant_id}", assistants.modify_assistant),
    ("DELETE", "/assistants/{assistant_id}", assistants.delete_assistant),
    ("POST", "/threads", threads.create_thread),
    ("GET", "/threads", threads.list_threads),
    ("POST", "/threads/runs", runs.create_thread_and_run),  # before the rows that would take `runs` for an id
    ("GET", "/threads/{thread_id}", threads.get_thread),
    ("POST", "/threads/{thread_id}", threads.modify_thread),
    ("DELETE", "/threads/{thread_id}", threads.delete_thread),
    ("POST", "/threads/{thread_id}/messages", messages.create_message),
    ("GET", "/threads/{thread_id}/messages", messages.list_messages),
    ("GET", "/threads/{thread_id}/messages/{message_id}", messages.get_message),
    ("POST", "/threads/{thread_id}/messages/{message_id}", messages.modify_message),
    ("DELETE", "/threads/{thread_id}/messages/{message_id}", messages.delete_message),
    ("POST", "/threads/{thread_id}/runs", runs.create_run),
    ("GET", "/threads/{thread_id}/runs", runs.list_runs),
    ("GET", "/threads/{thread_id}/runs/{run_id}", runs.get_run),
    ("POST", "/threads/{thread_id}/runs/{run_id}", runs.modify_run),
    ("POST", "/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", runs.submit_tool_outputs_to_run),
    ("POST", "/threads/{thread_id}/runs/{run_id}/cancel", runs.cancel_run),
    ("GET", "/threads/{thread_id}/runs/{run_id}/events", runs.follow_run),
    ("GET", "/threads/{thread_id}/runs/{run_id}/steps", steps.list_run_steps),
    ("GET", "/threads/{thread_id}/runs/{run_id}/steps/{step_id}", steps.get_run_step),
    ("GET", "/threads/{thread_id}/runs/{run_id}/steps/{step_id}/reasoning", steps.get_run_step_reasoning),  # ours
    ("POST", "/files", files.create_file),
    ("GET", "/files", files.list_files),
    ("GET", "/files/{file_id}", files.get_file),
    ("DELETE", "/files/{file_id}", files.delete_file),
    ("GET", "/files/{file_id}/content", files.download_file),
    ("POST", "/uploads", uploads.create_upload),
    ("POST", "/uploads/{upload_id}/parts", uploads.add_upload_part),
    ("POST", "/uploads/{upload_id}/complete", uploads.complete_upload),
    ("POST", "/uploads/{upload_id}/cancel", uploads.cancel_upload),
    ("POST", "/vector_stores", vector_stores.create_vector_store),
    ("GET", "/vector_stores", vector_stores.list_vector_stores),
    ("GET", "/vector_stores/{vector_store_id}", vector_stores.get_vector_store),
    ("POST", "/vector_stores/{vector_store_id}", vector_stores.modify_vector_store),
    ("DELETE", "/vector_stores/{vector_store_id}", vector_stores.delete_vector_store),
    ("POST", "/vector_stores/{vector_store_id}/search", vector_stores.search_vector_store),
    *((method, f"/vector_stores/{{vector_store_id}}/{path}", operation) for method, path, operation in _IN_STORES),
    ("GET", "/models", models.list_models),
    ("GET", "/models/{model*}", models.get_model),  # names of self-hosted models contain slashes
)

NEEDS_BETA: Final = frozenset({"assistants", "threads"})


class Match(Struct, Generic[T], frozen=True):
    """What stands at a path: by method, with the ids that the path holds."""

    targets: dict[str, T]
    ids: dict[str, str]

    def target(self, method: str) -> T | None:
        return self.targets.get("GET" if method == "HEAD" else method)


class Routes(Generic[T]):
    def __init__(self, rows: Iterable[tuple[str, str, T]]) -> None:
        self._paths: dict[tuple[str, ...], dict[str, T]] = {}
        for method, path, target in rows:
            self._paths.setdefault(parts_of(path), {})[method] = target

    def match(self, parts: tuple[str, ...]) -> Match[T] | None:
        """What stands at the first path that fits."""
        for pattern, targets in self._paths.items():
            ids = _fit(pattern, parts)
            if ids is not None:
                return Match(targets, ids)
        return None


def parts_of(path: str) -> tuple[str, ...]:
    """`/v1//threads/` and `/threads` are both `("threads",)`."""
    parts = tuple(part for part in path.split("/") if part)
    return parts[1:] if parts[:1] == ("v1",) else parts


def _fit(pattern: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    """The ids at the places of `{names}`; `{name*}` takes all that is left."""
    greedy = bool(pattern) and pattern[-1].endswith("*}")
    if len(parts) < len(pattern) if greedy else len(parts) != len(pattern):
        return None
    ids: dict[str, str] = {}
    for place, expected in enumerate(pattern):
        if not expected.startswith("{"):
            if parts[place] != expected:
                return None
        elif expected.endswith("*}"):
            ids[expected[1:-2]] = "/".join(parts[place:])
        else:
            ids[expected[1:-1]] = parts[place]
    return ids
