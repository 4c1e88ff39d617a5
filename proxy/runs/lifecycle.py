"""The state machine of a run as a table, and the only way through it.

Rule 1: a status changes by a trigger that the table names; anything else is a programming error and raises.
Rule 2: a run is terminal when nothing leads on from its status. Terminal runs hold no lock and are never written again
(but for their metadata).

Source: the transitions that recorded runs of the real service show. Two are ours: a run whose process died starts its
turn again, and so does one that its model server had no room for.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from proxy.schema.runs import RunStatus


class Trigger(Enum):
    STARTED = "a worker began a turn"
    ANSWERED = "the model finished its answer"
    TRUNCATED = "a token budget was used up"
    TOOLS_CALLED = "the model called functions"
    OUTPUTS_SUBMITTED = "the client answered the calls"
    CANCEL_REQUESTED = "the client asked to cancel"
    STOPPED = "the worker stopped for a cancel"
    FAILED = "the model server or a tool failed"
    TIMED_OUT = "expires_at has passed"
    INTERRUPTED = "the worker's process died"
    DEFERRED = "the model server was busy"


TRANSITIONS: Final[Mapping[RunStatus, Mapping[Trigger, RunStatus]]] = {
    RunStatus.QUEUED: {
        Trigger.STARTED: RunStatus.IN_PROGRESS,
        Trigger.CANCEL_REQUESTED: RunStatus.CANCELLING,
        Trigger.FAILED: RunStatus.FAILED,
        Trigger.TIMED_OUT: RunStatus.EXPIRED,
    },
    RunStatus.IN_PROGRESS: {
        Trigger.ANSWERED: RunStatus.COMPLETED,
        Trigger.TRUNCATED: RunStatus.INCOMPLETE,
        Trigger.TOOLS_CALLED: RunStatus.REQUIRES_ACTION,
        Trigger.CANCEL_REQUESTED: RunStatus.CANCELLING,
        Trigger.FAILED: RunStatus.FAILED,
        Trigger.TIMED_OUT: RunStatus.EXPIRED,
        Trigger.INTERRUPTED: RunStatus.QUEUED,
        Trigger.DEFERRED: RunStatus.QUEUED,
    },
    RunStatus.REQUIRES_ACTION: {
        Trigger.OUTPUTS_SUBMITTED: RunStatus.QUEUED,
        Trigger.CANCEL_REQUESTED: RunStatus.CANCELLING,
        Trigger.FAILED: RunStatus.FAILED,
        Trigger.TIMED_OUT: RunStatus.EXPIRED,
    },
    # A cancel is attempted, not guaranteed: the answer may have been complete when it came.
    RunStatus.CANCELLING: {
        Trigger.STOPPED: RunStatus.CANCELLED,
        Trigger.ANSWERED: RunStatus.COMPLETED,
        Trigger.TRUNCATED: RunStatus.INCOMPLETE,
        Trigger.FAILED: RunStatus.FAILED,
        Trigger.TIMED_OUT: RunStatus.EXPIRED,
    },
    RunStatus.CANCELLED: {},
    RunStatus.FAILED: {},
    RunStatus.COMPLETED: {},
    RunStatus.INCOMPLETE: {},
    RunStatus.EXPIRED: {},
}


class IllegalTransition(Exception):
    """A trigger that the table does not name for this status."""

    def __init__(self, status: RunStatus, trigger: Trigger) -> None:
        super().__init__(f"a run that is {status.value} cannot move on because {trigger.value}")
        self.status = status
        self.trigger = trigger


def advance(status: RunStatus, trigger: Trigger) -> RunStatus:
    try:
        return TRANSITIONS[status][trigger]
    except KeyError:
        raise IllegalTransition(status, trigger) from None


def allows(status: RunStatus, trigger: Trigger) -> bool:
    return trigger in TRANSITIONS[status]


def is_terminal(status: RunStatus) -> bool:
    return not TRANSITIONS[status]
