"""Tool outputs: the exact set of ids, and what the run and its step become."""

import pytest

from proxy.runs.inputs import Ended, Started
from proxy.runs.outputs import accept, mismatch
from proxy.schema.events import RunChanged, StepChanged
from proxy.schema.runs import RunStatus, ToolOutput, Usage
from proxy.schema.steps import FunctionCallDetails, ToolCallsDetails
from tests.runs.conftest import Play, Played, finish, fragment, names


@pytest.fixture
def waiting(play: Play) -> Played:
    return play(Started(10), fragment(0, "f", "{}"), fragment(1, "g", "{}"), finish("tool_calls", 5, 5), Ended(12))


def outputs(*ids: str) -> list[ToolOutput]:
    return [ToolOutput(tool_call_id=id, output=f"of {id}") for id in ids]


def test_exactly_the_waiting_ids_in_any_order_match(waiting: Played) -> None:
    assert mismatch(waiting.run, outputs("call_2", "call_1")) is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["call_1"], "['call_1']"),
        ([], "[]"),
        (["call_1", "call_2", "call_3"], "['call_1', 'call_2', 'call_3']"),
        (["call_1", "call_1"], "['call_1', 'call_1']"),
    ],
)
def test_any_other_set_is_a_mismatch_in_the_real_words(waiting: Played, given: list[str], shown: str) -> None:
    assert (
        mismatch(waiting.run, outputs(*given))
        == f"Expected tool outputs for call_ids ['call_1', 'call_2'], got {shown}"
    )


def test_outputs_complete_the_step_and_queue_the_run(waiting: Played) -> None:
    step = waiting.steps["step_1"]
    given = [ToolOutput(tool_call_id="call_2", output="two"), ToolOutput(tool_call_id="call_1")]
    events, progress = accept(waiting.run, waiting.turn.progress, step, given, at=20)
    assert names(events) == ["run.step.completed", "run.queued"]
    completed, queued = events
    assert isinstance(completed, StepChanged)
    assert isinstance(queued, RunChanged)
    assert isinstance(completed.step.step_details, ToolCallsDetails)
    given_calls = completed.step.step_details.tool_calls
    functions = [call.function for call in given_calls if isinstance(call.function, FunctionCallDetails)]
    assert [function.output for function in functions] == ["", "two"]
    assert completed.step.completed_at == 20
    assert completed.step.usage == Usage(prompt_tokens=5, completion_tokens=5, total_tokens=10)
    assert (queued.run.status, queued.run.required_action) == (RunStatus.QUEUED, None)
    assert (queued.run.started_at, queued.run.expires_at) == (10, 605)
    assert progress.open_step_usage is None
    assert progress.usage == completed.step.usage
