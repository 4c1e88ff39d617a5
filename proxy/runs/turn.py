"""One model request of a run, from its first chunk to its outcome: inputs in, events out.

Not a pausing generator: a run that waits for tool outputs outlives its process, so a Turn is rebuilt from the stored
run for every request. Inputs carry their own time.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Literal, assert_never

from msgspec.structs import replace

from adapters.chat import Chunk, ToolCallFragment
from adapters.chat import Usage as ChunkUsage
from proxy.runs.citing import Citer, Source
from proxy.runs.draft import Draft
from proxy.runs.failures import for_step
from proxy.runs.inputs import (
    Cancelled,
    Deferred,
    Ended,
    Failed,
    Input,
    OutOfTokens,
    Received,
    Searched,
    SearchesFirst,
    Started,
    TimedOut,
    TokenBudget,
)
from proxy.runs.lifecycle import Trigger, advance
from proxy.runs.progress import RunProgress
from proxy.runs.searching import Offer, arguments_for
from proxy.runs.tool_calls import Results, ToolCalls
from proxy.runs.usage import shown, total
from proxy.schema.events import (
    CallDelta,
    Event,
    MessageChanged,
    RunChanged,
    StepChanged,
    StepDelta,
    StepDeltaDetails,
    ToolCallsDelta,
)
from proxy.schema.messages import IncompleteReason, Message
from proxy.schema.runs import IncompleteDetails, LastError, RequiredAction, Run, RunStatus, SubmitToolOutputs, Usage
from proxy.schema.steps import MessageCreation, MessageCreationDetails, RunStep, StepDetails, ToolCallsDetails

StepEnd = Literal["completed", "cancelled", "failed", "expired"]


class Turn:
    """Feed it inputs, take its events. `run` and `progress` are as they stand after the last input.

    A stored run that is only to be closed is given with what it left open. With `search`, the model may search files,
    and cite what its earlier turns found: the `sources`.
    """

    def __init__(
        self,
        run: Run,
        progress: RunProgress,
        *,
        new_id: Callable[[str], str],
        open_step: RunStep | None = None,
        open_message: Message | None = None,
        search: Offer | None = None,
        sources: Sequence[Source] = (),
    ) -> None:
        self.run = run
        self.progress = progress
        self._started_before = run.started_at
        self._new_id = new_id
        self._step = open_step
        self._draft = None if open_message is None else Draft(open_message)
        self._blank: list[str] = []  # white space before the first word, held back: it may precede a tool call
        self._reasoned = False
        self._reasoning: list[str] = []  # until the step that is open, or opened next, is saved with it
        self._search = search
        self._citer = Citer(sources) if search is not None and search.cites else None
        self._calls = ToolCalls(lambda: new_id("call"), limit=None if run.parallel_tool_calls else 1, search=search)
        self.searches: Mapping[str, str] = {}
        """The searches that wait for what comes of them: arguments, by the id of their call."""
        self._finish: str | None = None
        self._usage: ChunkUsage | None = None

    def feed(self, given: Input) -> list[Event]:
        return list(self._handle(given))

    def _handle(self, given: Input) -> Iterator[Event]:
        match given:
            case Received(chunk, at):
                yield from self._receive(chunk, at)
            case Started(at):
                yield self._move(replace(self.run, started_at=at), Trigger.STARTED)
            case Ended(at):
                yield from self._end(at)
            case SearchesFirst(query, at):
                yield from self._search_first(query, at)
            case Searched(results, at):
                yield from self._receive_results(results, at)
            case OutOfTokens(reason, at):
                yield self._close_incomplete(reason, at)
            case Deferred():
                # A run that waits in its queue has not started, or not since it was last there.
                yield self._move(replace(self.run, started_at=self._started_before), Trigger.DEFERRED)
            case Failed(error, at):
                yield from self._stop("run_failed", "failed", at, error)
                run = replace(self.run, failed_at=at, last_error=error, required_action=None, usage=self._spent())
                yield self._close(run, Trigger.FAILED)
            case Cancelled(at):
                yield from self._stop("run_cancelled", "cancelled", at, None)
                # The client's request was saved by the operation that took it; here the run may not know of it yet.
                if self.run.status is not RunStatus.CANCELLING:
                    self.run = replace(self.run, status=advance(self.run.status, Trigger.CANCEL_REQUESTED))
                run = replace(self.run, cancelled_at=at, required_action=None, usage=self._spent() or Usage())
                yield self._close(run, Trigger.STOPPED)
            case TimedOut(at):
                yield from self._stop("run_expired", "expired", at, None)
                run = replace(self.run, required_action=None, usage=self._spent() or Usage())
                yield self._close(run, Trigger.TIMED_OUT)
            case _:
                assert_never(given)

    # While chunks come

    def _receive(self, chunk: Chunk, at: int) -> Iterator[Event]:
        if chunk.reasoning:
            self._reasoned = True
            self._reasoning.append(chunk.reasoning)
        if chunk.text:
            yield from self._receive_text(chunk.text, at)
        if chunk.refusal and not self._calls:
            draft = yield from self._open_message(at)
            yield draft.refuse(chunk.refusal)
        for fragment in chunk.tool_calls:
            for delta in self._calls.add(fragment):
                yield from self._open_tool_step(at)
                yield self._step_delta(delta)
        if chunk.finish is not None:
            self._finish = chunk.finish
        if chunk.usage is not None:
            self._usage = chunk.usage

    def _receive_text(self, text: str, at: int) -> Iterator[Event]:
        draft = self._draft
        if draft is None:
            if self._calls:
                # Text behind the calls has no place in the order of steps; servers send white space or leaked markup.
                return
            if self._blank or text[0].isspace():
                self._blank.append(text)
                text = "".join(self._blank)
                if not text.strip():
                    return
                self._blank.clear()
                if self._reasoned:
                    text = text.lstrip()  # what follows `</think>` is the gap, not the answer
            draft = yield from self._open_message(at)
        yield from draft.say(text)

    def _step_delta(self, delta: CallDelta) -> StepDelta:
        assert self._step is not None
        return StepDelta(id=self._step.id, delta=StepDeltaDetails(ToolCallsDelta(tool_calls=[delta])))

    # Opening and closing

    def _open_message(self, at: int) -> Generator[Event, None, Draft]:
        if self._draft is not None:
            return self._draft
        message = Message(
            id=self._new_id("msg"),
            created_at=at,
            assistant_id=self.run.assistant_id,
            thread_id=self.run.thread_id,
            run_id=self.run.id,
            status="in_progress",
            role="assistant",
            content=[],
        )
        details = MessageCreationDetails(message_creation=MessageCreation(message_id=message.id))
        yield from self._open_step("message_creation", details, at)
        self._draft = draft = Draft(message, self._citer)
        yield MessageChanged(message, "thread.message.created")
        yield MessageChanged(message, "thread.message.in_progress")
        return draft

    def _open_tool_step(self, at: int) -> Iterator[Event]:
        if self._draft is not None:
            yield from self._close_message(at)
            # The request's tokens are known at its end only; they go to the step that ends then.
            yield from self._close_step("completed", at, usage=Usage())
        if self._step is None:
            self._blank.clear()
            yield from self._open_step("tool_calls", ToolCallsDetails(), at)

    def _open_step(
        self, type: Literal["message_creation", "tool_calls"], details: StepDetails, at: int
    ) -> Iterator[Event]:
        self._step = RunStep(
            id=self._new_id("step"),
            created_at=at,
            run_id=self.run.id,
            assistant_id=self.run.assistant_id,
            thread_id=self.run.thread_id,
            type=type,
            expires_at=self.run.expires_at,
            step_details=details,
        )
        yield StepChanged(self._step, "thread.run.step.created")
        yield StepChanged(self._step, "thread.run.step.in_progress")

    def _close_message(self, at: int, reason: IncompleteReason | None = None) -> Iterator[Event]:
        if self._draft is not None:
            yield from self._draft.close(at, reason)
            self._draft = None

    def _close_step(
        self, status: StepEnd, at: int, *, usage: Usage | None, error: LastError | None = None
    ) -> Iterator[Event]:
        if self._step is None:
            return
        step = replace(self._step, status=status, usage=usage)
        if step.type == "tool_calls" and self._calls:
            step = replace(step, step_details=ToolCallsDetails(tool_calls=list(self._calls.for_step())))
        match status:
            case "completed":
                step = replace(step, completed_at=at)
            case "cancelled":
                step = replace(step, cancelled_at=at)
            case "failed":
                step = replace(step, failed_at=at, last_error=None if error is None else for_step(error))
            case "expired":
                step = replace(step, expired_at=at)
        self._step = None
        yield StepChanged(step, f"thread.run.step.{status}", self._take_reasoning(), self.progress.shows_contents)

    def _take_reasoning(self) -> str | None:
        reasoning = "".join(self._reasoning).strip()
        self._reasoning.clear()
        return reasoning or None

    # Outcomes

    def _end(self, at: int) -> Iterator[Event]:
        """The model's answer is whole. finish_reason alone does not tell what it is: servers say `stop` beside tool
        calls and `tool_calls` without any; only `length` is to be trusted, and forbids to act on calls."""
        if self._finish == "length":
            yield from self._end_cut_short(at)
        elif self._calls:
            yield from self._end_with_calls(at)
        else:
            yield from self._end_with_answer(at)

    def _end_with_answer(self, at: int) -> Iterator[Event]:
        yield from self._open_unopened(at)
        filtered = self._finish == "content_filter"
        yield from self._close_message(at, "content_filter" if filtered else None)
        usage = shown(self._usage)
        yield from self._close_step("completed", at, usage=usage)
        self._count(usage)
        run = replace(self.run, completed_at=at, usage=self.progress.usage)
        yield self._close(run, Trigger.ANSWERED)

    def _end_with_calls(self, at: int) -> Iterator[Event]:
        for delta in self._calls.close():
            yield self._step_delta(delta)
        assert self._step is not None
        details = ToolCallsDetails(tool_calls=list(self._calls.for_step()))
        usage = shown(self._usage)
        self._count(usage)
        self.progress = replace(self.progress, open_step_usage=usage)
        self._step = replace(self._step, step_details=details)
        # Saved with its calls; announced when their outputs complete it.
        yield StepChanged(self._step, None, self._take_reasoning())
        self.searches = self._calls.searches()
        if not self.searches:
            yield self._wait_for_outputs()

    def _wait_for_outputs(self) -> RunChanged:
        action = RequiredAction(submit_tool_outputs=SubmitToolOutputs(tool_calls=self._calls.for_run()))
        return self._move(replace(self.run, required_action=action), Trigger.TOOLS_CALLED)

    def _search_first(self, query: str, at: int) -> Iterator[Event]:
        assert self._search is not None
        yield from self._open_tool_step(at)
        for delta in self._calls.add(ToolCallFragment(index=0, name=self._search.name, arguments=arguments_for(query))):
            yield self._step_delta(delta)
        self.progress = replace(self.progress, searches_first=True, open_step_usage=Usage())
        self.searches = self._calls.searches()

    def _receive_results(self, results: Results, at: int) -> Iterator[Event]:
        """Where nothing else was called, the step is complete and the model has the word again: the run goes on."""
        assert self._step is not None
        self.progress = replace(self.progress, asked={**self.progress.asked, **self.searches})
        self.searches = {}
        details = ToolCallsDetails(tool_calls=self._calls.for_step(results))
        if self._calls.for_run():
            self._step = replace(self._step, step_details=details)
            yield StepChanged(self._step, None)
            yield self._wait_for_outputs()
            return
        usage = self.progress.open_step_usage
        step = replace(self._step, status="completed", completed_at=at, usage=usage, step_details=details)
        self._step = None
        self.progress = replace(self.progress, open_step_usage=None)
        yield StepChanged(step, "thread.run.step.completed", None, self.progress.shows_contents)
        yield RunChanged(self.run, announced=False)

    def _end_cut_short(self, at: int) -> Iterator[Event]:
        usage = shown(self._usage)
        if self._step is None or self._step.type != "tool_calls":
            yield from self._open_unopened(at)
            yield from self._close_message(at, "max_tokens")
            yield from self._close_step("completed", at, usage=usage)
        else:
            # Half a call, whatever it looks like: SGLang closes the JSON of one that was cut.
            yield from self._close_step("cancelled", at, usage=usage)
        self._count(usage)
        yield self._close_incomplete("max_completion_tokens", at)

    def _close_incomplete(self, reason: TokenBudget, at: int) -> RunChanged:
        details = IncompleteDetails(reason=reason)
        run = replace(self.run, completed_at=at, incomplete_details=details, usage=self._spent() or Usage())
        return self._close(run, Trigger.TRUNCATED)

    def _open_unopened(self, at: int) -> Iterator[Event]:
        """An answer without a word is still a message, with one empty text."""
        if self._draft is None:
            text = "" if self._reasoned else "".join(self._blank)
            draft = yield from self._open_message(at)
            yield from draft.say(text)

    def _stop(self, reason: IncompleteReason, status: StepEnd, at: int, error: LastError | None) -> Iterator[Event]:
        """Close what is open, keeping what was said. Tokens of a request that did not end are not known."""
        yield from self._close_message(at, reason)
        usage = self.progress.open_step_usage
        if usage is None and self._usage is not None:
            usage = shown(self._usage)
            self._count(usage)
        self.progress = replace(self.progress, open_step_usage=None)
        yield from self._close_step(status, at, usage=usage, error=error)

    def _count(self, usage: Usage) -> None:
        turns = self.progress.turns + 1
        self.progress = replace(self.progress, turns=turns, usage=total(self.progress.usage, usage))

    def _spent(self) -> Usage | None:
        return self.progress.usage

    def _close(self, run: Run, trigger: Trigger) -> RunChanged:
        return self._move(replace(run, expires_at=None), trigger)

    def _move(self, run: Run, trigger: Trigger) -> RunChanged:
        self.run = replace(run, status=advance(run.status, trigger))
        return RunChanged(self.run)
