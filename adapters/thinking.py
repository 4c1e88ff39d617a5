"""Splits what a model thought from what it says, where the server leaves both in the text. Only at its beginning.

Servers started without a reasoning parser do (recordings vllm and transformers-serve, stream_reasoning).
"""

import re
from typing import Final

MARKS: Final = {"<think>": "</think>", "<thinking>": "</thinking>", "[THINK]": "[/THINK]"}
"""DeepSeek, Qwen and most others; some tunes; Mistral's Magistral."""

_ENDS: Final = tuple(MARKS.values())


class Thinking:
    """For one answer. `begins_inside`: the chat template has written the opening mark, only the closing one comes."""

    def __init__(self, *, begins_inside: bool = False) -> None:
        self.is_over = False
        """All further text is said aloud."""
        self._begins_inside = begins_inside
        self._end: re.Pattern[str] | None = None
        self._ends: tuple[str, ...] = ()
        self._held = ""  # may become a mark

    def feed(self, text: str) -> tuple[str, str]:
        """What is thought in it, and what is said."""
        if self.is_over:
            return "", text
        text, self._held = self._held + text, ""
        if self._end is not None:
            return self._inside(text)
        rest = text.lstrip()
        space = text[: len(text) - len(rest)]
        thought, said = (space, "") if self._begins_inside else ("", space)
        if any(mark.startswith(rest) for mark in MARKS):  # nothing but space, too
            self._held = rest
            return thought, said
        mark = next((mark for mark in MARKS if rest.startswith(mark)), None)
        if mark is None and not self._begins_inside:
            self.is_over = True
            return "", text
        self._go_inside(_ENDS if mark is None else (MARKS[mark],))
        more, answer = self._inside(rest if mark is None else rest.removeprefix(mark))
        return thought + more, said + answer

    def end(self) -> tuple[str, str]:
        """The answer is over: what was held back is what it looked like before."""
        held, self._held, self.is_over = self._held, "", True
        return ("", held) if self._end is None else (held, "")

    def _go_inside(self, ends: tuple[str, ...]) -> None:
        self._ends = ends
        self._end = re.compile("|".join(map(re.escape, ends)))

    def _inside(self, text: str) -> tuple[str, str]:
        assert self._end is not None
        if found := self._end.search(text):
            self.is_over = True
            return text[: found.start()], text[found.end() :]
        for start in range(max(0, len(text) - max(map(len, self._ends))), len(text)):
            if any(end.startswith(text[start:]) for end in self._ends):
                self._held = text[start:]
                return text[:start], ""
        return text, ""
