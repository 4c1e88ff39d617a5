"""The closed union of what a run says: durable events, whose object changed and is saved, and deltas, which are not.

Events are a run's only output. The store applies the durable ones, then all are published, in the same order.
The name of an event is the `event:` line of its frame; its object is the `data:` line.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from proxy.schema.messages import Message
from proxy.schema.runs import Run
from proxy.schema.steps import FileSearchCallDetails, RunStep, without_contents
from proxy.schema.threads import Thread

MESSAGE_DELTA = "thread.message.delta"
STEP_DELTA = "thread.run.step.delta"


class ThreadCreated(Struct, frozen=True):
    thread: Thread
    name: str = "thread.created"


class RunCreated(Struct, frozen=True):
    """The run's birth. Its row is written by the operation that made it."""

    run: Run
    name: str = "thread.run.created"


class RunChanged(Struct, frozen=True):
    """The run moved to the status it shows; the name follows from that."""

    run: Run
    announced: bool = True
    """False where the run stays as it is, and what is kept beside it is saved."""

    @property
    def name(self) -> str | None:
        return f"thread.run.{self.run.status.value}" if self.announced else None


class StepChanged(Struct, frozen=True):
    step: RunStep
    name: str | None
    """None: saved, not announced."""
    reasoning: str | None = None
    """What the model thought before the step or in it: saved beside it and never announced. None changes nothing."""
    with_contents: bool = False
    """Whether the stream shows the contents of search results; they are saved in any case."""

    @property
    def shown(self) -> RunStep:
        return self.step if self.with_contents else without_contents(self.step)


class MessageChanged(Struct, frozen=True):
    message: Message
    name: str


# gc=False, for the structs that a token is made of: they cannot be part of a cycle, and the garbage collector, which
# thousands of them at once set off again and again, took a quarter of a token's time.


class QuotedFile(Struct, frozen=True, kw_only=True, gc=False):
    """The real service sent a `quote`, empty, in deltas and nowhere else."""

    file_id: str
    quote: str = ""


class FileCitationDelta(Struct, frozen=True, kw_only=True, gc=False):
    index: int
    type: Literal["file_citation"] = "file_citation"
    text: str
    start_index: int
    end_index: int
    file_citation: QuotedFile


class TextDelta(Struct, frozen=True, kw_only=True, gc=False):
    value: str | UnsetType = UNSET
    annotations: list[FileCitationDelta] | UnsetType = UNSET


class TextDeltaPart(Struct, frozen=True, kw_only=True, gc=False):
    index: int
    type: Literal["text"] = "text"
    text: TextDelta


class RefusalDeltaPart(Struct, frozen=True, kw_only=True, gc=False):
    index: int
    type: Literal["refusal"] = "refusal"
    refusal: str


class MessageDeltaContent(Struct, frozen=True, gc=False):
    content: list[TextDeltaPart | RefusalDeltaPart]  # never decoded, so the two need no tag


class MessageDelta(Struct, frozen=True, kw_only=True, gc=False):
    id: str
    object: Literal["thread.message.delta"] = "thread.message.delta"
    delta: MessageDeltaContent

    @property
    def name(self) -> str:
        return MESSAGE_DELTA


class FunctionDelta(Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET
    output: UnsetType | None = UNSET


class FunctionCallDelta(Struct, frozen=True, kw_only=True):
    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] = "function"
    function: FunctionDelta


class FileSearchCallDelta(Struct, frozen=True, kw_only=True):
    """The only one of its call: the queries were never shown, and results come with the completed step."""

    index: int
    id: str
    type: Literal["file_search"] = "file_search"
    file_search: FileSearchCallDetails


CallDelta = FunctionCallDelta | FileSearchCallDelta


class ToolCallsDelta(Struct, frozen=True, kw_only=True):
    type: Literal["tool_calls"] = "tool_calls"
    tool_calls: list[CallDelta]  # never decoded, so the two need no tag


class StepDeltaDetails(Struct, frozen=True):
    step_details: ToolCallsDelta


class StepDelta(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["thread.run.step.delta"] = "thread.run.step.delta"
    delta: StepDeltaDetails

    @property
    def name(self) -> str:
        return STEP_DELTA


class ErrorBody(Struct, frozen=True, kw_only=True):
    message: str
    type: str = "server_error"
    param: str | None = None
    code: str | None = None


class StreamError(Struct, frozen=True):
    """A failure that no run status can tell. Wrapped in `error`, because the official client only sees it so."""

    error: ErrorBody

    @property
    def name(self) -> str:
        return "error"


Durable = RunChanged | StepChanged | MessageChanged
Event = ThreadCreated | RunCreated | Durable | MessageDelta | StepDelta | StreamError
