"""Sorts what a server left in the text of an answer: thinking, tool calls, and what the model says."""

from msgspec.structs import replace

from adapters.chat import Chunk
from adapters.markup.recogniser import Recogniser
from adapters.thinking import Thinking


class Sorter:
    """For one answer, between its reading and everybody else."""

    def __init__(self, thinking: Thinking, recogniser: Recogniser | None) -> None:
        self._thinking: Thinking | None = thinking
        self._recogniser = recogniser
        self._found = False

    @property
    def is_over(self) -> bool:
        """All further chunks would be given back as they are."""
        return self._thinking is None and self._recogniser is None and not self._found

    def passes(self, chunk: Chunk) -> bool:
        """Whether this chunk would be given back as it is: cheap to ask, and so for nearly every token."""
        return (
            self._thinking is None
            and chunk.finish is None
            and not chunk.tool_calls
            and (self._recogniser is None or self._recogniser.passes(chunk.text))
        )

    def sort(self, chunk: Chunk) -> list[Chunk]:
        """The same in one or more chunks, in the order in which it was said; some may say nothing."""
        is_last = chunk.finish is not None
        reasoning, text = self._split(chunk, is_last=is_last)
        parts = [Chunk(text=text)]
        if self._recogniser is not None:
            parts = self._recogniser.feed(text)
            # A server that gives calls of its own has a parser: what is held back then is a piece that it let slip.
            if is_last or chunk.tool_calls:
                parts += self._recogniser.end(cut=bool(chunk.tool_calls) or chunk.finish == "length")
                self._found = self._recogniser.found
                self._recogniser = None
            parts = parts or [Chunk()]
        parts[0] = replace(parts[0], reasoning=reasoning, refusal=chunk.refusal)
        parts[-1] = replace(
            parts[-1],
            tool_calls=parts[-1].tool_calls + chunk.tool_calls,
            finish="tool_calls" if chunk.finish == "stop" and self._found else chunk.finish,
            usage=chunk.usage,
        )
        if is_last:
            self._found = False
        return parts

    def end(self) -> list[Chunk]:
        """The answer ended without saying why."""
        if self._thinking is None and self._recogniser is None:
            return []
        return [replace(part, finish=None) for part in self.sort(Chunk(finish="stop"))]

    def _split(self, chunk: Chunk, *, is_last: bool) -> tuple[str, str]:
        """What is thought in this chunk, and what is said."""
        thinking, reasoning, text = self._thinking, chunk.reasoning, chunk.text
        if thinking is None:
            return reasoning, text
        if reasoning:  # the server tells them apart itself
            self._thinking = None
            thought, said = thinking.end()
            return thought + reasoning, said + text
        thought, said = thinking.feed(text)
        if is_last or chunk.tool_calls:
            rest = thinking.end()
            thought, said = thought + rest[0], said + rest[1]
        if thinking.is_over:
            self._thinking = None
        return thought, said
