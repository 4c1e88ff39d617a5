"""Runs as the store left them: rebuilt to be closed, or put back to the end of their last finished turn."""

from msgspec.structs import replace

from proxy.ids import new_id
from proxy.runs.lifecycle import Trigger, advance
from proxy.runs.progress import decode_progress, encode_progress
from proxy.runs.turn import Turn
from proxy.schema.messages import Message
from proxy.schema.runs import RunStatus
from proxy.schema.steps import MessageCreationDetails, RunStep
from proxy.store import messages, runs, steps
from proxy.store.database import Connection
from proxy.store.runs import StoredRun


async def open_turn(db: Connection, run_id: str) -> Turn | None:
    """A turn that holds what the stored run has open, to be closed; None when the run is gone."""
    stored = await runs.load_run(db, run_id)
    if stored is None:
        return None
    step = next((step for step in await steps.steps_of_run(db, run_id) if step.status == "in_progress"), None)
    return Turn(
        stored.run,
        decode_progress(stored.progress),
        new_id=new_id,
        open_step=step,
        open_message=None if step is None else await _open_message(db, stored, step),
    )


async def _open_message(db: Connection, stored: StoredRun, step: RunStep) -> Message | None:
    if not isinstance(step.step_details, MessageCreationDetails):
        return None
    message_id = step.step_details.message_creation.message_id
    message = await messages.find_message(db, stored.project, stored.run.thread_id, message_id)
    return message if message is not None and message.status == "in_progress" else None


async def put_back(db: Connection, stored: StoredRun) -> StoredRun:
    """Undo the turn that a dead process left half done: its steps and its message go, the run is queued again.

    Only calls that were answered end a turn without ending the run, so all that came after the last of them belongs to
    the turn that is undone.
    """
    run = stored.run
    if run.status is not RunStatus.IN_PROGRESS:
        return stored
    for step in reversed(await steps.steps_of_run(db, run.id)):
        if step.type == "tool_calls" and step.status == "completed":
            break
        if isinstance(step.step_details, MessageCreationDetails):
            message_id = step.step_details.message_creation.message_id
            await messages.delete_message(db, stored.project, run.thread_id, message_id)
        await steps.delete_step(db, step.id)
    queued = replace(run, status=advance(run.status, Trigger.INTERRUPTED))
    progress = encode_progress(replace(decode_progress(stored.progress), open_step_usage=None))
    await runs.save_run(db, queued, was=run.status, progress=progress)
    return replace(stored, run=queued)
