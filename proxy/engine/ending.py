"""Ends that the model does not bring about: a run is stopped, has lost its store to another, or is failed anyhow."""

import logging
from collections.abc import Sequence
from typing import assert_never

from proxy.engine.saving import Record
from proxy.engine.stopping import Stop
from proxy.engine.stored import open_turn
from proxy.runs import failures
from proxy.runs.inputs import Cancelled, Failed, Input, TimedOut
from proxy.runs.lifecycle import is_terminal
from proxy.schema.events import ErrorBody, Event, RunChanged, StreamError
from proxy.schema.runs import RunStatus
from proxy.store import runs

log = logging.getLogger(__name__)


async def end_by(record: Record, reason: Stop) -> None:
    """End the run as whoever stopped it wants: closed, or left as it is saved."""
    parts = record.parts
    match reason:
        case Stop.CANCEL:
            record.seen = RunStatus.CANCELLING
            await _close(record, Cancelled(parts.now()))
        case Stop.EXPIRE:
            await _close(record, TimedOut(parts.now()))
        case Stop.SHUT_DOWN:
            await parts.store.write(lambda db: runs.release_run(db, record.run.id, parts.owner))
        case Stop.ABANDON:
            pass
        case _:
            assert_never(reason)


async def _close(record: Record, given: Input) -> None:
    if record.turn is None:
        await close_stored(record, given)
    else:
        await record.emit(record.turn.feed(given))


async def close_stored(record: Record, given: Input) -> None:
    """Close the run with what the store has open of it, unless it is over."""
    turn = await record.parts.store.read(lambda db: open_turn(db, record.run.id))
    if turn is not None and not is_terminal(turn.run.status):
        record.begin(turn)
        await record.emit(turn.feed(given))


async def give_way(record: Record, lost: Sequence[Event]) -> None:
    """The stored run is not what it was. A cancel is obeyed, unless the run had ended; anything else wins."""
    stored = await record.parts.store.read(lambda db: runs.load_run(db, record.run.id))
    turn = record.turn
    if stored is None or stored.run.status is not RunStatus.CANCELLING or turn is None:
        return
    record.seen = RunStatus.CANCELLING
    if is_terminal(turn.run.status):
        await record.emit(lost)
    else:
        kept: list[Event] = [event for event in lost if not isinstance(event, RunChanged)]
        await record.emit(kept + turn.feed(Cancelled(record.parts.now())))


async def fail_anyhow(record: Record) -> bool:
    """A fault of ours, or of the disk. The run fails; False where not even that is saved, and followers are told."""
    parts, run_id = record.parts, record.run.id
    try:
        await close_stored(record, Failed(failures.internal_error(), parts.now()))
    except Exception:
        log.exception("run %s: its failure could not be saved", run_id)
        parts.broadcast.publish(run_id, [StreamError(ErrorBody(message=failures.SORRY))])
        return False
    return True
