"""Run steps: the object and its details."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from proxy.schema.pages import ListParams
from proxy.schema.runs import LastError, Usage
from proxy.schema.vector_stores import AttributeValue, TextPart

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


class SearchRanking(_Answer, frozen=True, kw_only=True):
    """How a search ranked; without the `hybrid_search` that the tool has."""

    ranker: str
    score_threshold: float


class FileSearchResult(_Answer, frozen=True, kw_only=True):
    file_id: str
    file_name: str
    score: float
    attributes: dict[str, AttributeValue] = {}
    content: list[TextPart] | UnsetType = UNSET
    """Stored with every result, and shown to those who ask for it."""


class FileSearchCallDetails(_Answer, frozen=True, kw_only=True):
    ranking_options: SearchRanking
    results: list[FileSearchResult] = []


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


def without_contents(step: RunStep) -> RunStep:
    """The step as it is shown to those who did not ask for the contents of search results; itself if it has none."""
    if not isinstance(step.step_details, ToolCallsDetails):
        return step
    calls = [_without_contents(call) for call in step.step_details.tool_calls]
    if all(bare is call for bare, call in zip(calls, step.step_details.tool_calls, strict=True)):
        return step
    return replace(step, step_details=ToolCallsDetails(tool_calls=calls))


def _without_contents(call: StepToolCall) -> StepToolCall:
    search = call.file_search
    if search is UNSET or all(result.content is UNSET for result in search.results):
        return call
    results = [replace(result, content=UNSET) for result in search.results]
    return replace(call, file_search=replace(search, results=results))


# What clients ask for

CONTENTS: Final = "step_details.tool_calls[*].file_search.results[*].content"
Included = Annotated[list[Literal["step_details.tool_calls[*].file_search.results[*].content"]], Meta(max_length=16)]


class IncludeParams(Struct, frozen=True, kw_only=True):
    """The query of what shows steps. `include[]` is how the official clients write it."""

    include: Included = []

    @property
    def contents(self) -> bool:
        return CONTENTS in self.include


class ListStepsParams(ListParams, frozen=True, kw_only=True):
    include: Included = []

    @property
    def contents(self) -> bool:
        return CONTENTS in self.include
