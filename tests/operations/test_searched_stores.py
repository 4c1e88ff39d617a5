"""The vector stores of a run: found when it is created, used by that, and refused where they have expired."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, hang
from config.settings import RunSettings, Settings, UpstreamSettings
from proxy.errors import InvalidRequest
from proxy.operations.assistants import create_assistant
from proxy.operations.runs import create_run, create_thread_and_run
from proxy.operations.searched_stores import ACTIVE_SECONDS
from proxy.runs.progress import RunProgress, decode_progress
from proxy.schema.assistants import CreateAssistant
from proxy.schema.runs import CreateRun, CreateThreadAndRun, RunStatus
from proxy.schema.vector_stores import ExpiresAfter, VectorStore
from proxy.services import Services
from proxy.store import runs, vector_stores
from tests.operations.conftest import AWAY, HOME
from tests.serving import serving
from tests.shelves import a_shelf

SEARCH = [{"type": "file_search"}]
A_DAY = ExpiresAfter(anchor="last_active_at", days=1)


async def progress_of(services: Services, shelf: str | None, **given: Any) -> RunProgress:
    """Of a run on a thread with this store, whose assistant has `vs_1`."""
    body: dict[str, Any] = {"model": "tiny", "tools": SEARCH, "tool_resources": resources("vs_1")}
    assistant = await create_assistant(services, project=HOME, body=msgspec.convert(body, CreateAssistant))
    thread = {
        "messages": [{"role": "user", "content": "Hi"}],
        "tool_resources": None if shelf is None else resources(shelf),
    }
    asked = msgspec.convert({"assistant_id": assistant.id, "thread": thread} | given, CreateThreadAndRun)
    run: Any = await create_thread_and_run(services, project=HOME, body=asked)
    stored = await services.store.read(lambda db: runs.load_run(db, run.id))
    assert stored is not None
    return decode_progress(stored.progress)


def resources(*ids: str) -> dict[str, Any]:
    return {"file_search": {"vector_store_ids": list(ids)}}


async def store_of(services: Services, id: str) -> VectorStore:
    found = await services.store.read(lambda db: vector_stores.find_store(db, HOME, id))
    assert found is not None
    return found


async def test_those_of_assistant_and_thread(services: Services, upstream: ScriptedUpstream) -> None:
    progress = await progress_of(services, "vs_2")
    assert (progress.stores, progress.thread_stores) == (("vs_1",), ("vs_2",))
    await upstream.received()
    assert [tool["function"]["name"] for tool in upstream.requests[0]["tools"]] == ["file_search"]


async def test_none_for_a_run_without_the_tool(services: Services, upstream: ScriptedUpstream) -> None:
    progress = await progress_of(services, "vs_2", tools=[])
    assert (progress.stores, progress.thread_stores) == ((), ())
    await upstream.received()


async def test_one_that_was_deleted_is_passed_over(services: Services, upstream: ScriptedUpstream) -> None:
    shelf = await a_shelf(services.store, HOME)
    body: dict[str, Any] = {"model": "tiny", "tools": SEARCH, "tool_resources": resources(shelf)}
    assistant = await create_assistant(services, project=HOME, body=msgspec.convert(body, CreateAssistant))
    await services.store.write(lambda db: vector_stores.delete_store(db, HOME, shelf))
    thread = {"messages": [{"role": "user", "content": "Hi"}]}
    asked = msgspec.convert({"assistant_id": assistant.id, "thread": thread}, CreateThreadAndRun)
    await create_thread_and_run(services, project=HOME, body=asked)
    await upstream.received()
    assert "tools" not in upstream.requests[0]


async def test_a_run_uses_its_stores(services: Services, upstream: ScriptedUpstream) -> None:
    now = services.clock.now()
    long_ago = now - ACTIVE_SECONDS - 10
    shelf = await a_shelf(services.store, HOME, expires_after=A_DAY, last_active_at=long_ago, expires_at=now + 50)
    await progress_of(services, shelf)
    used = await store_of(services, shelf)
    assert used.last_active_at >= now
    assert used.expires_at == used.last_active_at + 86_400
    await upstream.received()


async def test_one_that_has_expired_is_refused(services: Services) -> None:
    shelf = await a_shelf(services.store, HOME, expires_after=A_DAY, expires_at=services.clock.now() - 1)
    with pytest.raises(InvalidRequest) as refused:
        await progress_of(services, shelf)
    assert str(refused.value) == f"Vector store '{shelf}' has expired."
    await progress_of(services, shelf, tools=[])  # a run that does not search does not mind


async def test_another_projects_are_nobodys(services: Services) -> None:
    shelf = await a_shelf(services.store, AWAY)
    progress = await progress_of(services, None)
    assert shelf not in (*progress.stores, *progress.thread_stores)


async def test_nothing_is_cancelled_for_one_that_has_expired(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Where a new run takes the place of the one that a thread has, it must be one that can be."""
    settings = Settings(runs=RunSettings(when_thread_is_busy="cancel"))
    server = UpstreamSettings(url=upstream.url, dialect="generic")
    upstream.reply(hang())
    async with serving(tmp_path / "other", server, settings) as services:
        shelf = await a_shelf(services.store, HOME, expires_after=A_DAY, expires_at=services.clock.now() - 1)
        body: dict[str, Any] = {"model": "tiny", "tools": SEARCH, "tool_resources": resources(shelf)}
        assistant = await create_assistant(services, project=HOME, body=msgspec.convert(body, CreateAssistant))
        thread = {"messages": [{"role": "user", "content": "Hi"}]}
        given = {"assistant_id": assistant.id, "thread": thread, "tools": []}
        first: Any = await create_thread_and_run(
            services, project=HOME, body=msgspec.convert(given, CreateThreadAndRun)
        )
        with pytest.raises(InvalidRequest, match="has expired"):
            await create_run(
                services, project=HOME, thread_id=first.thread_id, body=CreateRun(assistant_id=assistant.id)
            )
        stored = await services.store.read(lambda db: runs.load_run(db, first.id))
        assert stored is not None
        assert stored.run.status in {RunStatus.QUEUED, RunStatus.IN_PROGRESS}
