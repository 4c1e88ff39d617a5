"""Threads: create, list, look at, modify, delete."""

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from proxy.errors import not_found
from proxy.ids import new_id
from proxy.operations.attachments import attach
from proxy.operations.filling import EXPIRY_OF_HELPERS
from proxy.operations.messages import new_message
from proxy.operations.references import check_files_of
from proxy.operations.tool_resources import Resources, modified_resources, resources_of
from proxy.schema.fields import Deleted
from proxy.schema.messages import Message
from proxy.schema.pages import ListThreadsParams, Page
from proxy.schema.runs import Run
from proxy.schema.threads import CreateThread, ModifyThread, Thread
from proxy.schema.tools import ToolResources
from proxy.services import Services
from proxy.store import Connection, messages, runs, threads


async def create_thread(services: Services, *, project: str, body: CreateThread) -> Thread:
    new = new_thread(body, at=services.clock.now())
    thread = await services.store.write(lambda db: save_thread(db, project, new))
    services.ingestion.wake()
    return thread


async def list_threads(services: Services, *, project: str, params: ListThreadsParams) -> Page:
    """Ours: the real service had no list of threads, which those who keep their own data miss.

    An item shows `active_run_id` beside the thread's own keys, which the thread itself never does.
    """
    return await services.store.read(lambda db: threads.list_threads(db, project, params))


async def get_thread(services: Services, *, project: str, thread_id: str) -> Raw:
    thread = await services.store.read(lambda db: threads.thread_json(db, project, thread_id))
    if thread is None:
        raise not_found("thread", thread_id)
    return thread


async def modify_thread(services: Services, *, project: str, thread_id: str, body: ModifyThread) -> Thread:
    now = services.clock.now()

    async def save(db: Connection) -> Thread:
        thread = await threads.find_thread(db, project, thread_id)
        if thread is None:
            raise not_found("thread", thread_id)
        modified, resources = _modified(thread, body)
        await resources.save(db, project, at=now)
        await threads.save_thread(db, project, modified)
        return modified

    return await services.store.write(save)


async def delete_thread(services: Services, *, project: str, thread_id: str) -> Deleted:
    """With all that is in it. A run that is under way is hung up on: nobody could read what it says."""

    async def delete(db: Connection) -> Run | None:
        state = await threads.thread_state(db, project, thread_id)
        if state is None:
            raise not_found("thread", thread_id)
        active = None
        if state.active_run is not None:
            active = await runs.find_run(db, project, thread_id, state.active_run)
        await threads.delete_thread(db, project, thread_id)
        return None if active is None else active.run

    abandoned = await services.store.write(delete)
    if abandoned is not None:
        services.engine.abandon(abandoned, project)
    return Deleted(id=thread_id, object="thread.deleted")


class NewThread(Struct, frozen=True, kw_only=True):
    """A thread and its first messages, not saved yet."""

    thread: Thread
    resources: Resources
    messages: list[Message]


def new_thread(body: CreateThread | None, *, at: int, param: str = "") -> NewThread:
    """`param` is where the body stands in the request."""
    given = body or CreateThread()
    resources = resources_of(given.tool_resources, at=at, code_interpreter=False, expires_after=EXPIRY_OF_HELPERS)
    thread = Thread(
        id=new_id("thread"), created_at=at, metadata=given.metadata or {}, tool_resources=resources.answered
    )
    inside = f"{param}.messages" if param else "messages"
    first_messages = [
        new_message(message, thread_id=thread.id, at=at, param=f"{inside}[{place}]")
        for place, message in enumerate(given.messages or ())
    ]
    return NewThread(thread=thread, resources=resources, messages=first_messages)


async def save_thread(db: Connection, project: str, new: NewThread) -> Thread:
    """With its messages, and what they bring along; the thread as it is then."""
    at = new.thread.created_at
    await new.resources.save(db, project, at=at)
    await check_files_of(db, project, new.messages, at=at)
    thread = await attach(db, project, new.thread, new.messages, at=at)
    await threads.insert_thread(db, project, thread)
    await messages.insert_messages(db, project, new.messages)
    return thread


def _modified(thread: Thread, body: ModifyThread) -> tuple[Thread, Resources]:
    """Absent keeps, null clears."""
    given = body.tool_resources or None
    over = ToolResources() if body.tool_resources is None else thread.tool_resources
    resources = modified_resources(given, over, code_interpreter=False)
    if body.metadata is not UNSET:
        thread = replace(thread, metadata=body.metadata or {})
    return replace(thread, tool_resources=resources.answered), resources
