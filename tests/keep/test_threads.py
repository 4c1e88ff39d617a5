"""Threads of a tenant: listed, and deleted with what was uploaded for them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from compat_tests.scripted_upstream import tool_calls
from tests.keep import installed
from tests.keep.models import Model
from tests.keep.seeding import new_assistant
from tests.processes import Server


@pytest.fixture
def tenant(server: Server, api: httpx.Client, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A provider of a tenant that nobody else is."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    config = {"base_url": server.url, "assistant_id": new_assistant(api, tools=[tool])}
    made = installed.provider(config, tenant=request.node.name)
    yield made
    made.dispose()


def test_a_thread_goes_with_what_was_uploaded_for_it(tenant: Any, says: Model, api: httpx.Client) -> None:
    theirs = api.post("/files", files={"file": ("x.txt", b"x")}, data={"purpose": "assistants"}).json()["id"]
    attachments = [{"name": f"{number}.txt", "content": str(number)} for number in range(18)]
    result = tenant.query(prompt="Why?", attachments=attachments[:9])
    more = tenant.query(prompt="And?", thread_id=result["thread_id"], attachments=[*attachments[9:], theirs])
    gone = tenant.notify(operation="delete_thread", thread_id=result["thread_id"])
    assert gone == {"thread_id": result["thread_id"], "deleted": True, "files_deleted": 18}
    assert api.get(f"/threads/{result['thread_id']}").status_code == 404
    for id in [*result["uploaded"], *more["uploaded"]]:
        assert api.get(f"/files/{id}").status_code == 404
    assert api.get(f"/files/{theirs}").status_code == 200


def test_idle_threads_go(tenant: Any, says: Model, api: httpx.Client) -> None:
    idle = tenant.query(prompt="Hello")["thread_id"]
    says.script(tool_calls([("f", {})]))
    busy = tenant.query(prompt="Wait")["thread_id"]
    stranger = api.post("/threads").json()["id"]
    assert {thread["id"] for thread in tenant.list_threads()} == {idle, busy}
    assert tenant.notify(operation="delete_idle_threads")["deleted"] == []
    assert tenant.notify(operation="delete_idle_threads", idle_days="0")["deleted"] == [idle]
    assert [thread["id"] for thread in tenant.list_threads()] == [busy]
    assert api.get(f"/threads/{stranger}").status_code == 200
