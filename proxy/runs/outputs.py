"""Taking a client's tool outputs: the checks, the finished step and the run that goes on."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from proxy.runs.lifecycle import Trigger, advance
from proxy.runs.progress import RunProgress
from proxy.schema.events import Event, RunChanged, StepChanged
from proxy.schema.runs import Run, ToolOutput
from proxy.schema.steps import FunctionCallDetails, RunStep, StepToolCall, ToolCallsDetails


def mismatch(run: Run, outputs: Sequence[ToolOutput]) -> str | None:
    """The real service's words when the ids are not exactly those that wait, each once; None when they are."""
    waiting = [call.id for call in run.required_action.submit_tool_outputs.tool_calls] if run.required_action else []
    given = [output.tool_call_id for output in outputs]
    if sorted(waiting) == sorted(given):
        return None
    return f"Expected tool outputs for call_ids {waiting!r}, got {given!r}"


def accept(
    run: Run, progress: RunProgress, step: RunStep, outputs: Sequence[ToolOutput], *, at: int
) -> tuple[list[Event], RunProgress]:
    """The step completed with its outputs, the run queued again. `started_at` and `expires_at` stay as they are."""
    given = {output.tool_call_id: output.output or "" for output in outputs}
    completed = replace(
        step,
        status="completed",
        completed_at=at,
        usage=progress.open_step_usage,
        step_details=ToolCallsDetails(tool_calls=[_answered(call, given) for call in _calls(step)]),
    )
    queued = replace(run, status=advance(run.status, Trigger.OUTPUTS_SUBMITTED), required_action=None)
    events: list[Event] = [
        StepChanged(completed, "thread.run.step.completed", None, progress.shows_contents),
        RunChanged(queued),
    ]
    return events, replace(progress, open_step_usage=None)


def _calls(step: RunStep) -> list[StepToolCall]:
    return step.step_details.tool_calls if isinstance(step.step_details, ToolCallsDetails) else []


def _answered(call: StepToolCall, outputs: Mapping[str, str]) -> StepToolCall:
    if isinstance(call.function, FunctionCallDetails) and call.id in outputs:
        return replace(call, function=replace(call.function, output=outputs[call.id]))
    return call
