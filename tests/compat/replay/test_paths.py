"""What a path asks for."""

import pytest

from compat_tests.replay.paths import ids_in, is_asked_here, resource_of, template_of
from tests.compat.replay.builders import RUN, RUNS, THREAD, a_run, asked


@pytest.mark.parametrize(
    ("path", "template", "ids"),
    [
        ("/v1/threads", "/v1/threads", {}),
        ("/v1/threads/runs", "/v1/threads/runs", {}),
        ("/v1/threads/t/runs/", "/v1/threads/{thread_id}/runs/", {"thread_id": "t"}),
        ("/v1/uploads/u/cancel", "/v1/uploads/{upload_id}/cancel", {"upload_id": "u"}),
        (
            "/v1/vector_stores/v/file_batches/b/files",
            "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files",
            {"vector_store_id": "v", "batch_id": "b"},
        ),
        ("/v1/files/f/content", "/v1/files/{file_id}/content", {"file_id": "f"}),
    ],
)
def test_templates(path: str, template: str, ids: dict[str, str]) -> None:
    assert (template_of(path), ids_in(path)) == (template, ids)


@pytest.mark.parametrize(
    ("path", "is_here"),
    [("/v1/threads", True), ("/v1/chat/completions", False), ("/openai/threads", False), ("/v1", False), ("", False)],
)
def test_what_is_of_this_api(path: str, is_here: bool) -> None:
    assert is_asked_here(path) is is_here


def test_what_most_of_a_recording_is_about() -> None:
    poll = asked("GET", f"{RUNS}/{RUN}", a_run("queued"))
    made = asked("POST", "/v1/threads", {"id": THREAD, "object": "thread"})
    assert resource_of([made, poll, poll]) == "runs"
    assert resource_of([asked("GET", "/v1/vector_stores/v/files", {})]) == "vector_stores"
    assert resource_of([made, asked("POST", RUNS, [("done", "[DONE]")])]) == "streams"
    assert resource_of([]) == "others"
