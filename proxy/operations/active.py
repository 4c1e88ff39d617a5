"""The active run of a thread: found, cancelled, or waited for by those who need the thread without one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from msgspec.structs import replace

from proxy.errors import InvalidRequest, ThreadIsBusy, not_found
from proxy.runs.lifecycle import Trigger, advance, allows
from proxy.schema.runs import Run
from proxy.services import Services
from proxy.store import runs, threads
from proxy.store.database import Connection
from proxy.store.runs import StoredRun

T = TypeVar("T")


async def stored_run(db: Connection, project: str, thread_id: str, run_id: str) -> StoredRun:
    """Raises `NotFound` for the thread before it does for the run."""
    stored = await runs.find_run(db, project, thread_id, run_id)
    if stored is None:
        if await threads.thread_state(db, project, thread_id) is None:
            raise not_found("thread", thread_id)
        raise not_found("run", run_id)
    return stored


async def cancel(services: Services, project: str, thread_id: str, run_id: str) -> Run:
    """The run as `cancelling`; it is ended by the engine. Raises `InvalidRequest` where there is nothing to cancel."""

    async def save(db: Connection) -> Run:
        run = (await stored_run(db, project, thread_id, run_id)).run
        if not allows(run.status, Trigger.CANCEL_REQUESTED):
            raise InvalidRequest(f"Cannot cancel run with status '{run.status.value}'.")
        cancelling = replace(run, status=advance(run.status, Trigger.CANCEL_REQUESTED), required_action=None)
        await runs.save_run(db, cancelling, was=run.status)
        return cancelling

    run = await services.store.write(save)
    services.engine.cancel(run, project)
    return run


async def when_free(
    services: Services,
    project: str,
    thread_id: str,
    attempt: Callable[[], Awaitable[T]],
    *,
    gone: asyncio.Future[None] | None,
) -> T:
    """Do what needs a thread without an active run; where it has one, `runs.when_thread_is_busy` says what happens.

    `attempt` finds out in its own transaction, and raises `ThreadIsBusy`; none is held while it is waited for. Those
    who wait go in the order in which they came. When `gone` is done nobody is left to do it for, and it is not done.
    """
    settings = services.settings.runs
    if settings.when_thread_is_busy == "reject":
        return await attempt()
    cancelled: str | None = None
    with services.engine.waiting.place(thread_id, seconds=settings.busy_wait_seconds, gone=gone) as place:
        await place.first()
        while not place.is_left:
            try:
                return await attempt()
            except ThreadIsBusy as busy:
                if settings.when_thread_is_busy == "cancel" and busy.run_id != cancelled:
                    cancelled = busy.run_id
                    with suppress(InvalidRequest):  # it has just ended by itself, or somebody else cancelled it
                        await cancel(services, project, thread_id, busy.run_id)
                if not await place.news():
                    raise
    raise InvalidRequest(f"The request was given up while it waited for {thread_id}.")
