"""What is deleted again after a case: what it made, and what was made for it on the way."""

from typing import Any

import pytest

from compat_tests.cleaning import Cleaner
from compat_tests.exchange import Answer, Body, Event, Part, Request
from compat_tests.target import Target


async def asked(target: Target, cleaner: Cleaner, path: str, body: Body = None) -> dict[str, Any]:
    request = Request(method="POST", path=path, body=body)
    answer = await target.client.ask(request)
    assert answer.status == 200, answer
    cleaner.note(request, answer)
    found: dict[str, Any] = answer.body
    return found


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_is_left(target: Target) -> None:
    cleaner = Cleaner()
    assistant = await asked(target, cleaner, "/v1/assistants", {"model": "tiny"})
    thread = await asked(
        target, cleaner, "/v1/threads", {"tool_resources": {"file_search": {"vector_stores": [{"metadata": {}}]}}}
    )
    upload = await asked(
        target,
        cleaner,
        "/v1/uploads",
        {"filename": "dough.txt", "purpose": "assistants", "bytes": 3, "mime_type": "text/plain"},
    )
    part = await asked(
        target, cleaner, f"/v1/uploads/{upload['id']}/parts", (Part(name="data", data=b"rye", filename="blob"),)
    )
    completed = await asked(target, cleaner, f"/v1/uploads/{upload['id']}/complete", {"part_ids": [part["id"]]})
    (store_id,) = thread["tool_resources"]["file_search"]["vector_store_ids"]
    made = [
        f"/v1/assistants/{assistant['id']}",
        f"/v1/threads/{thread['id']}",
        f"/v1/files/{completed['file']['id']}",
        f"/v1/vector_stores/{store_id}",
    ]

    async def statuses() -> list[int]:
        return [(await target.client.ask(Request(method="GET", path=path))).status for path in made]

    assert await statuses() == [200] * 4
    await cleaner.clean(target.client)
    assert await statuses() == [404] * 4


def test_what_a_server_says_is_not_trusted() -> None:
    """Whatever comes, nothing is raised; and only what was created is noted."""
    cleaner = Cleaner()
    posted = Request(method="POST", path="/v1/threads/runs")
    for body in ("text", None, [1], {"object": ["thread"], "id": 1}, {"object": "upload", "file": None}):
        cleaner.note(posted, Answer(status=200, body=body))
    cleaner.note(posted, Answer(status=200, body={"tool_resources": {"file_search": {"vector_store_ids": None}}}))
    cleaner.note(Request(method="GET", path="/v1/threads/t"), Answer(status=200, body={"object": "thread", "id": "t"}))
    assert cleaner.noted == []
    run = {"object": "thread.run", "id": "run_1", "thread_id": "thread_1"}
    cleaner.note(posted, Answer(status=200, events=(Event("thread.run.created", run), Event("done", "[DONE]"))))
    assert cleaner.noted == ["/v1/threads/thread_1"]
