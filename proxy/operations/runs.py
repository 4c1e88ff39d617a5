"""Runs: create (also with a thread), look at, modify, cancel, and hand in tool outputs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import UNSET, Raw
from msgspec.structs import replace

from proxy.engine import Follower
from proxy.errors import InvalidRequest, NotFound, ThreadIsBusy, not_found
from proxy.ids import check_id, new_id
from proxy.operations.active import cancel, stored_run, when_free
from proxy.operations.hosted import check_choice, check_required, note_hosted
from proxy.operations.messages import add_messages, new_message
from proxy.operations.models import check_model
from proxy.operations.searched_stores import searched_stores
from proxy.operations.threads import new_thread, save_thread
from proxy.operations.tool_resources import modified_resources
from proxy.operations.tools import answered_tools
from proxy.runs.lifecycle import is_terminal
from proxy.runs.outputs import accept, mismatch
from proxy.runs.progress import RunProgress, decode_progress, encode_progress
from proxy.schema.assistants import Assistant
from proxy.schema.events import Event, RunChanged, RunCreated, StepChanged, ThreadCreated
from proxy.schema.pages import ListParams, Page
from proxy.schema.runs import (
    CreateRun,
    CreateThreadAndRun,
    FollowRunParams,
    ModifyRun,
    Run,
    RunStatus,
    SubmitToolOutputsToRun,
    TruncationStrategy,
)
from proxy.schema.steps import IncludeParams
from proxy.schema.tools import Tool, ToolResources
from proxy.services import Services
from proxy.store import assistants, messages, runs, steps, threads
from proxy.store.database import Connection

_BARE: Final = IncludeParams()


async def create_run(
    services: Services,
    *,
    project: str,
    thread_id: str,
    body: CreateRun,
    params: IncludeParams = _BARE,
    gone: asyncio.Future[None] | None = None,
) -> Run | Follower:
    check_id(body.assistant_id, "assistant_id")
    check_model(services, body.model)
    check_choice(body.tool_choice)
    tools = None if body.tools is None else answered_tools(body.tools)
    given = [
        new_message(message, thread_id=thread_id, at=0, param=f"additional_messages[{i}]")
        for i, message in enumerate(body.additional_messages or [])
    ]

    async def save(db: Connection) -> list[Event]:
        now = services.clock.now()  # it may have waited
        state = await threads.thread_state(db, project, thread_id)
        if state is None:
            raise not_found("thread", thread_id)
        assistant = await _assistant(db, project, body.assistant_id)
        run = _new_run(services, assistant, body, tools, thread_id=thread_id, at=now)
        if state.active_run is not None:  # last, as it may be cancelled for the sake of this one
            await searched_stores(db, project, run, assistant)
            refusal = f"Thread {thread_id} already has an active run {state.active_run}."
            raise ThreadIsBusy(refusal, run_id=state.active_run)
        await add_messages(db, project, thread_id, [replace(message, created_at=now) for message in given])
        await _save_new_run(services, db, project, run, assistant, shows_contents=params.contents)
        return [RunCreated(run), RunChanged(run)]

    async def begin() -> Run | Follower:
        return await _begin(services, project, save, stream=body.stream)

    return await when_free(services, project, thread_id, begin, gone=gone)


async def create_thread_and_run(services: Services, *, project: str, body: CreateThreadAndRun) -> Run | Follower:
    check_id(body.assistant_id, "assistant_id")
    check_model(services, body.model)
    check_choice(body.tool_choice)
    tools = None if body.tools is None else answered_tools(body.tools)
    now = services.clock.now()
    new = new_thread(body.thread, at=now, param="thread")
    if body.tool_resources is not None:
        # The run's own resources stand in for those of its thread where both are given.
        given = modified_resources(body.tool_resources, ToolResources(), code_interpreter=False)
        new = replace(new, resources=given, thread=replace(new.thread, tool_resources=given.answered))

    async def save(db: Connection) -> list[Event]:
        assistant = await _assistant(db, project, body.assistant_id)
        run = _new_run(services, assistant, body, tools, thread_id=new.thread.id, at=now)
        thread = await save_thread(db, project, new)
        await _save_new_run(services, db, project, run, assistant)
        return [ThreadCreated(thread), RunCreated(run), RunChanged(run)]

    return await _begin(services, project, save, stream=body.stream)


async def get_run(services: Services, *, project: str, thread_id: str, run_id: str) -> Raw:
    run = await services.store.read(lambda db: runs.run_json(db, project, thread_id, run_id))
    if run is None:
        raise await _missing(services, project, thread_id, run_id)
    return run


async def follow_run(
    services: Services, *, project: str, thread_id: str, run_id: str, params: FollowRunParams
) -> Follower:
    """Ours: what a run says from a frame on, for a client whose connection broke."""
    stored = await services.store.read(lambda db: stored_run(db, project, thread_id, run_id))
    published = services.engine.published(run_id)
    if published is not None and params.starting_after > published:
        raise InvalidRequest(
            f"Invalid 'starting_after': integer above maximum value. Expected a value <= {published}, "
            f"but got {params.starting_after} instead.",
            param="starting_after",
            code="integer_above_max_value",
        )
    return services.engine.resume(stored.run, after=params.starting_after)


async def list_runs(services: Services, *, project: str, thread_id: str, params: ListParams) -> Page:
    async def read(db: Connection) -> Page:
        if await threads.thread_state(db, project, thread_id) is None:
            raise not_found("thread", thread_id)
        return await runs.list_runs(db, project, thread_id, params)

    return await services.store.read(read)


async def modify_run(services: Services, *, project: str, thread_id: str, run_id: str, body: ModifyRun) -> Run:
    async def save(db: Connection) -> Run:
        run = (await stored_run(db, project, thread_id, run_id)).run
        if not is_terminal(run.status):
            raise InvalidRequest(f"Cannot update run with status '{run.status.value}'.")
        if body.metadata is UNSET:
            return run
        modified = replace(run, metadata=body.metadata or {})
        await runs.save_run_metadata(db, project, modified)
        return modified

    return await services.store.write(save)


async def cancel_run(services: Services, *, project: str, thread_id: str, run_id: str) -> Run:
    return await cancel(services, project, thread_id, run_id)


async def submit_tool_outputs_to_run(
    services: Services, *, project: str, thread_id: str, run_id: str, body: SubmitToolOutputsToRun
) -> Run | Follower:
    now = services.clock.now()

    async def save(db: Connection) -> list[Event]:
        stored = await stored_run(db, project, thread_id, run_id)
        run = stored.run
        if run.status is not RunStatus.REQUIRES_ACTION:
            raise InvalidRequest(f'Runs in status "{run.status.value}" do not accept tool outputs.')
        if (wrong := mismatch(run, body.tool_outputs)) is not None:
            raise InvalidRequest(wrong)
        step = next(step for step in await steps.steps_of_run(db, run_id) if step.status == "in_progress")
        events, progress = accept(run, decode_progress(stored.progress), step, body.tool_outputs, at=now)
        for event in events:
            match event:
                case StepChanged(step=changed):
                    await steps.save_step(db, project, changed)
                case RunChanged(run=queued):
                    await runs.save_run(db, queued, was=run.status, progress=encode_progress(progress))
        await runs.claim_run(
            db,
            run_id,
            owner=services.engine.owner,
            lease_until=services.engine.lease_until(),
            now=services.clock.precise(),
        )
        return events

    return await _begin(services, project, save, stream=body.stream)


async def _begin(
    services: Services, project: str, save: Callable[[Connection], Awaitable[list[Event]]], *, stream: bool | None
) -> Run | Follower:
    """Play what was saved as `queued`. The answer is the run as it was saved, whatever it has become since."""
    events = await services.store.write(save)
    services.ingestion.wake()
    run = next(event.run for event in events if isinstance(event, RunChanged))
    position = services.engine.begin(run, project, events)
    return services.engine.follow(run.id, since=position) if stream else run


def _new_run(
    services: Services,
    assistant: Assistant,
    body: CreateRun | CreateThreadAndRun,
    tools: list[Tool] | None,
    *,
    thread_id: str,
    at: int,
) -> Run:
    """The assistant's settings, with the body's in their place; later changes of the assistant do not reach the run.

    But for its tool resources: runs of the real service showed none, whatever their assistants and threads had.
    """
    instructions = assistant.instructions if body.instructions is None else body.instructions
    if isinstance(body, CreateRun) and body.additional_instructions:
        instructions = "\n".join(filter(None, [instructions, body.additional_instructions]))
    tools = assistant.tools if tools is None else tools
    note_hosted(tools)
    check_required(body.tool_choice or "auto", tools)
    truncation = body.truncation_strategy
    if truncation is not None and truncation.type == "last_messages" and truncation.last_messages is None:
        raise InvalidRequest(
            "Missing required parameter: 'truncation_strategy.last_messages'.",
            param="truncation_strategy.last_messages",
            code="missing_required_parameter",
        )
    return Run(
        id=new_id("run"),
        created_at=at,
        assistant_id=assistant.id,
        thread_id=thread_id,
        expires_at=at + services.settings.runs.expires_after_seconds,
        model=assistant.model if body.model is None else body.model,
        instructions=instructions or None,
        tools=tools,
        metadata=body.metadata or {},
        temperature=assistant.temperature if body.temperature is None else body.temperature,
        top_p=assistant.top_p if body.top_p is None else body.top_p,
        reasoning_effort=assistant.reasoning_effort if body.reasoning_effort is None else body.reasoning_effort,
        max_completion_tokens=body.max_completion_tokens,
        max_prompt_tokens=body.max_prompt_tokens,
        truncation_strategy=TruncationStrategy()
        if truncation is None
        else TruncationStrategy(type=truncation.type, last_messages=truncation.last_messages),
        response_format=assistant.response_format if body.response_format is None else body.response_format,
        tool_choice="auto" if body.tool_choice is None else body.tool_choice,
        parallel_tool_calls=True if body.parallel_tool_calls is None else body.parallel_tool_calls,
    )


async def _save_new_run(
    services: Services,
    db: Connection,
    project: str,
    run: Run,
    assistant: Assistant,
    *,
    shows_contents: bool = False,
) -> None:
    """The run, claimed by this process, and the thread's lock; in the transaction of whatever it is created with."""
    if not run.instructions and not await messages.has_user_message(db, run.thread_id):
        raise InvalidRequest(
            "Run creation requires a Thread with a user message or an assistant with instructions.",
            code="invalid_thread",
        )
    stores = await searched_stores(db, project, run, assistant)
    progress = RunProgress(stores=stores.of_assistant, thread_stores=stores.of_thread, shows_contents=shows_contents)
    await runs.insert_run(
        db,
        project,
        run,
        progress=encode_progress(progress),
        owner=services.engine.owner,
        lease_until=services.engine.lease_until(),
    )
    await threads.lock_thread(db, run.thread_id, run.id)


async def _assistant(db: Connection, project: str, assistant_id: str) -> Assistant:
    assistant = await assistants.find_assistant(db, project, assistant_id)
    if assistant is None:
        raise not_found("assistant", assistant_id)
    return assistant


async def _missing(services: Services, project: str, thread_id: str, run_id: str) -> NotFound:
    thread = await services.store.read(lambda db: threads.thread_state(db, project, thread_id))
    return not_found("thread", thread_id) if thread is None else not_found("run", run_id)
