"""Run steps: the object and its details."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from proxy.schema.runs import LastError, Usage

StepStatus = Literal["in_progress", "cancelled", "failed", "completed", "expired"]


class _Answer(Struct, frozen=True):
    pass


class FunctionCallDetails(_Answer, frozen=True, kw_only=True):
    name: str
    arguments: str
    output: str | None = None


class CodeInterpreterCallDetails(_Answer, frozen=True, kw_only=True):
    input: str
    outputs: list[dict[str, Any]] = []


class FileSearchCallDetails(_Answer, frozen=True, kw_only=True):
    ranking_options: dict[str, Any] | UnsetType = UNSET
    results: list[dict[str, Any]] | UnsetType = UNSET


class StepToolCall(_Answer, frozen=True, kw_only=True):
    """A call of any kind: the key with the name of its type holds the rest.

    One Struct for all, because msgspec writes the tag of a union first, and the real service wrote `id` first.
    """

    id: str
    type: Literal["function", "code_interpreter", "file_search"]
    function: FunctionCallDetails | UnsetType = UNSET
    code_interpreter: CodeInterpreterCallDetails | UnsetType = UNSET
    file_search: FileSearchCallDetails | UnsetType = UNSET


class MessageCreation(_Answer, frozen=True, kw_only=True):
    message_id: str


class MessageCreationDetails(_Answer, frozen=True, tag="message_creation", kw_only=True):
    message_creation: MessageCreation


class ToolCallsDetails(_Answer, frozen=True, tag="tool_calls", kw_only=True):
    tool_calls: list[StepToolCall] = []


StepDetails = MessageCreationDetails | ToolCallsDetails


class RunStep(_Answer, frozen=True, kw_only=True):
    id: str
    object: Literal["thread.run.step"] = "thread.run.step"
    created_at: int
    run_id: str
    assistant_id: str
    thread_id: str
    type: Literal["message_creation", "tool_calls"]
    status: StepStatus = "in_progress"
    cancelled_at: int | None = None
    completed_at: int | None = None
    expires_at: int | None
    expired_at: int | None = None
    failed_at: int | None = None
    last_error: LastError | None = None
    step_details: StepDetails
    usage: Usage | None = None
    metadata: dict[str, str] = {}


class StepReasoning(_Answer, frozen=True, kw_only=True):
    """Ours: what the model thought before a step or in it. Never part of the step itself."""

    object: Literal["thread.run.step.reasoning"] = "thread.run.step.reasoning"
    step_id: str
    text: str | None
