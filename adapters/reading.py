"""Reading one answer: the decoded events of a stream become Chunks, in the same terms whichever server sent them."""

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from adapters.chat import ChatRequest, Chunk, FinishReason, ToolCallFragment
from adapters.dialect import Dialect
from adapters.errors import Broken, SpokeNonsense, UpstreamError
from adapters.failures import failure_of_body
from adapters.markup.offered import offered_by
from adapters.markup.recogniser import Recogniser
from adapters.sorting import Sorter
from adapters.thinking import Thinking
from adapters.wire import ABORTED, FINISH, WireChunk, WireToolCall, decode_chunk, text_of, usage_of
from config.settings import ToolCallParsing

log = logging.getLogger(__name__)
DONE: Final = b"[DONE]"


class Reading:
    """The state of one answer: which tool calls have begun, and whether it has come to its end.

    `request` is what it answers: calls of the functions that it offers are looked for in the text, where servers leave
    them when they have no parser for the model, or theirs fails.
    """

    def __init__(
        self,
        dialect: Dialect,
        request: ChatRequest | None = None,
        *,
        parse_tool_calls: ToolCallParsing = "auto",
        begins_thinking: bool = False,
    ) -> None:
        self._normalise = dialect.normalise
        self._calls = CallIndexes()
        offered = offered_by(request) if request is not None and parse_tool_calls != "never" else None
        # A call without a marker looks like any JSON or list, so it is looked for only where nobody else does.
        bare = parse_tool_calls == "always" or not dialect.parses_tool_calls
        recogniser = Recogniser(offered, bare=bare, new_index=self._calls.new_index) if offered is not None else None
        self._sorter: Sorter | None = Sorter(Thinking(begins_inside=begins_thinking), recogniser)
        self.finished = False
        """A finish_reason has come."""
        self.done = False
        """`[DONE]` has come."""
        self.failure: UpstreamError | None = None
        """What ended it before its time; the chunks that came before are good."""

    def feed(self, events: Sequence[bytes]) -> list[Chunk]:
        """The chunks of these events, without those that say nothing. Look at `done` and `failure` afterwards."""
        chunks: list[Chunk] = []
        for event in events:
            if event == DONE:
                self.done = True
                if self._sorter is not None:
                    chunks += filter(_says_something, self._sorter.end())
                break
            try:
                chunk = self._chunk(event) if event else None
            except UpstreamError as failure:
                self.failure = failure
                break
            if chunk is None:
                continue
            if self._sorter is None or self._sorter.passes(chunk):
                chunks.append(chunk)
            else:
                chunks += self._sorted(chunk)
        return chunks

    def whole(self, body: bytes) -> list[Chunk]:
        """An answer that came as one `chat.completion`, from a server that does not stream. Raises UpstreamError."""
        chunk = self._chunk(body)
        if not self.finished:
            raise SpokeNonsense("the model server answered with JSON that is not a chat completion")
        return self._sorted(chunk) if chunk is not None else []

    def check_end(self) -> None:
        """The connection is at its end: was the answer? A finish will do: transformers serve 5.19 sends no `[DONE]`."""
        if not (self.done or self.finished):
            raise SpokeNonsense("the model server closed the connection in mid-stream")

    def _sorted(self, chunk: Chunk) -> list[Chunk]:
        if self._sorter is None:
            return [chunk]
        chunks = [each for each in self._sorter.sort(chunk) if _says_something(each)]
        if self._sorter.is_over:
            self._sorter = None
        return chunks

    def _chunk(self, event: bytes) -> Chunk | None:
        try:
            wire = decode_chunk(event)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("cannot read a chunk of the model server (%s): %r", error, event[:500])
            raise SpokeNonsense(f"the model server sent a chunk that cannot be read: {error}") from None
        if wire.error is not None or (wire.object == "error" and wire.choices is None):
            raise failure_of_body(None, event)

        usage = usage_of(wire.usage) if wire.usage is not None else None
        # `n` is never asked for, so there is one choice, or none beside usage.
        choice = wire.choices[0] if wire.choices else None
        said = (choice.delta or choice.message) if choice is not None else None
        finish = self._finish(choice.finish_reason) if choice is not None and choice.finish_reason else None
        if said is None:
            if usage is None and finish is None:
                self._log_empty(wire, event)
                return None
            chunk = Chunk(finish=finish, usage=usage)
        else:
            chunk = Chunk(
                text=said.content if isinstance(said.content, str) else text_of(said.content),
                reasoning=said.reasoning_content or said.reasoning or "",
                refusal=said.refusal or "",
                tool_calls=self._calls.fragments(said.tool_calls) if said.tool_calls else (),
                finish=finish,
                usage=usage,
            )
        if self._normalise is not None:
            chunk = self._normalise(chunk)
        return chunk if _says_something(chunk) else None

    def _finish(self, reason: str) -> FinishReason:
        if reason in ABORTED:
            raise Broken(f"the model server gave the request up (finish_reason {reason})")
        self.finished = True
        if reason not in FINISH:
            log.warning("unknown finish_reason %r counts as stop", reason)
        return FINISH.get(reason, "stop")

    def _log_empty(self, wire: WireChunk, event: bytes) -> None:
        if wire.choices is None:
            log.debug("ignored an event that is no chunk: %r", event[:200])


class CallIndexes:
    """Tells tool calls apart, and gives `id` and `name` out once for each.

    Servers number them by `index`. Some leave it out (https://github.com/ollama/ollama/issues/7881), and Ollama 0.20
    gives every parallel call the index 0 (https://github.com/ollama/ollama/issues/15457): another id at a known
    index is another call.
    """

    def __init__(self) -> None:
        self._calls: list[_Begun] = []
        self._by_index: dict[int, _Begun] = {}

    def new_index(self) -> int:
        """For a call that is whole."""
        return self._begin().index

    def fragments(self, given: Sequence[WireToolCall]) -> tuple[ToolCallFragment, ...]:
        return tuple(self._fragment(wire) for wire in given)

    def _fragment(self, wire: WireToolCall) -> ToolCallFragment:
        call = self._call(wire)
        function = wire.function
        id = wire.id if wire.id and call.id is None else None
        call.id = call.id or id
        name, arguments = (function.name, function.arguments) if function is not None else (None, None)
        name = name if name and not call.named else None
        call.named = call.named or name is not None
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        return ToolCallFragment(index=call.index, id=id, name=name, arguments=arguments or "")

    def _call(self, wire: WireToolCall) -> "_Begun":
        latest = self._calls[-1] if self._calls else None
        known = latest if wire.index is None else self._by_index.get(wire.index)
        if known is None and wire.index is not None:
            known = self._begin()  # also where its id is another call's: ids are for the model server, ours are our own
        elif known is None or (wire.id and known.id is not None and wire.id != known.id):
            known = next((call for call in self._calls if wire.id and call.id == wire.id), None) or self._begin()
        if wire.index is not None:
            self._by_index[wire.index] = known
        return known

    def _begin(self) -> "_Begun":
        call = _Begun(len(self._calls))
        self._calls.append(call)
        return call


class _Begun:
    __slots__ = ("id", "index", "named")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.named = False


def _says_something(chunk: Chunk) -> bool:
    return bool(
        chunk.text or chunk.reasoning or chunk.tool_calls or chunk.finish or chunk.usage is not None or chunk.refusal
    )
