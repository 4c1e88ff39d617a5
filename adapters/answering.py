"""The answer to one attempt, as it comes: what of it may go out, and what is wrong with it in the end. Pure."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from adapters.asking import MadeCall
from adapters.attempts import Attempt
from adapters.chat import Chunk, FinishReason, ToolCallFragment, Usage
from adapters.fitting import is_object, misfit, schema_of, unfenced


class Fault(Struct, frozen=True, kw_only=True):
    """Why an answer is not what was asked for."""

    of: Literal["text", "call", "arguments"]
    why: str
    """For the model."""
    words: str
    """For people."""


class _Call:
    __slots__ = ("arguments", "fragments", "id", "name")

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []
        self.fragments: list[ToolCallFragment] = []
        """What has not gone out yet."""

    def add(self, fragment: ToolCallFragment) -> None:
        self.id = self.id or fragment.id
        self.name = self.name or fragment.name
        self.arguments.append(fragment.arguments)
        self.fragments.append(fragment)

    def take(self) -> list[ToolCallFragment]:
        fragments, self.fragments = self.fragments, []
        return fragments

    def made(self, wrong: str | None) -> MadeCall:
        return MadeCall(id=self.id, name=self.name or "", arguments="".join(self.arguments), wrong=wrong)


class Answer:
    """Give it every chunk, then look for its `fault`. Without one, `rest` is what is left to go out."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._said: list[str] = []
        self._calls: dict[int, _Call] = {}
        """By index; without those of functions that were not to be called, and of functions that have no name yet."""
        self._others: dict[int, _Call] = {}
        self._wrong: dict[int, str] = {}
        self.characters = 0
        """That it has said."""
        self.usage: Usage | None = None
        self._finish: FinishReason | None = None
        self._is_refused = False

    def receive(self, chunk: Chunk) -> Chunk | None:
        """What of this chunk may go out. Its finish and usage wait for the end."""
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.finish is not None:
            self._finish = chunk.finish
        if chunk.refusal:
            self._is_refused = True
        text = chunk.text
        if text:
            self._said.append(text)
            self.characters += len(text)
            if self._attempt.holds_text:
                text = ""
        calls = self._received(chunk.tool_calls) if chunk.tool_calls else ()
        if not (text or calls or chunk.reasoning or chunk.refusal):
            return None
        return Chunk(text=text, reasoning=chunk.reasoning, refusal=chunk.refusal, tool_calls=calls)

    def _received(self, fragments: Sequence[ToolCallFragment]) -> tuple[ToolCallFragment, ...]:
        passed: list[ToolCallFragment] = []
        for fragment in fragments:
            call = self._calls.get(fragment.index) or self._others.setdefault(fragment.index, _Call())
            call.add(fragment)
            if call.name is None or (self._attempt.forced and call.name not in self._attempt.forced):
                continue
            self._calls[fragment.index] = call
            self._others.pop(fragment.index, None)
            if not self._attempt.holds_calls:
                passed += call.take()
        return tuple(passed)

    @property
    def text(self) -> str:
        return "".join(self._said)

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    def made_calls(self) -> list[MadeCall]:
        """With what was found to be wrong with each."""
        return [call.made(self._wrong.get(index)) for index, call in self._calls.items()]

    def fault(self) -> Fault | None:
        """What is wrong with the whole answer."""
        if self._finish in ("length", "content_filter") or self._is_refused:
            return None
        if self._attempt.forced and not self._calls:
            names = " or ".join(sorted(self._attempt.forced))
            others = ", ".join(sorted({call.name for call in self._others.values() if call.name}))
            why = f"the call of {others}" if others else "no call"
            return Fault(of="call", why=why, words=f"tool_choice requires a call of {names}, and what came was {why}.")
        if self._calls:
            return self._fault_of_calls()
        if self._attempt.text == "text":
            return None
        misfits = misfit(unfenced(self.text), schema_of(self._attempt.text))
        if misfits is None:
            return None
        return Fault(of="text", why=misfits, words=f"its answer does not fit the response_format: {misfits}.")

    def _fault_of_calls(self) -> Fault | None:
        calls = list(self._calls.items())
        if not self._attempt.request.parallel_tool_calls:
            calls = calls[:1]  # the others are not made
        for index, call in calls:
            parameters = self._attempt.strict.get(call.name or "")
            if parameters is None:
                continue
            arguments = "".join(call.arguments)
            if self._attempt.holds_calls:
                why = misfit(arguments or "{}", parameters)
            else:
                why = None if is_object(arguments or "{}") else "they are no JSON object"
            if why is not None:
                self._wrong[index] = why
        if not self._wrong:
            return None
        all_of_it = "; ".join(f"{self._calls[index].name}: {why}" for index, why in self._wrong.items())
        words = f"the arguments of its calls do not fit the parameters of strict functions: {all_of_it}."
        return Fault(of="arguments", why=all_of_it, words=words)

    def rest(self, usage: Usage | None, *, after_words: bool) -> list[Chunk]:
        rest = []
        if self._attempt.holds_text and self._said and not self._calls:
            text = self.text
            if self._attempt.text != "text" and self._finish not in ("length", "content_filter"):
                text = unfenced(text)
            rest.append(Chunk(text=f"\n\n{text}" if after_words else text))
        if held := tuple(fragment for call in self._calls.values() for fragment in call.take()):
            rest.append(Chunk(tool_calls=held))
        if self._finish is not None or usage is not None:
            rest.append(Chunk(finish=self._finish, usage=usage))
        return rest
