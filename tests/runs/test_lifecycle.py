"""The table is complete, and says what the real service did."""

import pytest

from proxy.runs.lifecycle import TRANSITIONS, IllegalTransition, Trigger, advance, allows, is_terminal
from proxy.schema.runs import RunStatus


def test_every_status_has_a_row() -> None:
    assert set(TRANSITIONS) == set(RunStatus)


def test_every_trigger_is_used() -> None:
    assert {trigger for row in TRANSITIONS.values() for trigger in row} == set(Trigger)


def test_every_status_can_be_reached() -> None:
    reached = {RunStatus.QUEUED} | {status for row in TRANSITIONS.values() for status in row.values()}
    assert reached == set(RunStatus)


def test_terminal_statuses() -> None:
    assert {status for status in RunStatus if is_terminal(status)} == {
        RunStatus.COMPLETED,
        RunStatus.FAILED,
        RunStatus.CANCELLED,
        RunStatus.INCOMPLETE,
        RunStatus.EXPIRED,
    }


@pytest.mark.parametrize("status", [s for s in RunStatus if not is_terminal(s)])
def test_whatever_is_not_terminal_can_expire_and_fail(status: RunStatus) -> None:
    assert advance(status, Trigger.TIMED_OUT) is RunStatus.EXPIRED
    assert advance(status, Trigger.FAILED) is RunStatus.FAILED


def test_what_can_be_cancelled() -> None:
    cancellable = {status for status in RunStatus if allows(status, Trigger.CANCEL_REQUESTED)}
    assert cancellable == {RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION}


def test_an_illegal_transition_names_status_and_trigger() -> None:
    with pytest.raises(IllegalTransition, match=r"completed.*asked to cancel"):
        advance(RunStatus.COMPLETED, Trigger.CANCEL_REQUESTED)
