"""Text that comes in pieces, read as if it were whole: what the grammars of call markup are written in.

A grammar is a generator that yields None where it needs more text, so it reads like the format that it knows. It raises
NotMarkup as soon as the text cannot be that format.
"""

import re
from collections.abc import Generator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
Reading = Generator[None, None, T]
"""Yields whenever it needs more text; returns what it has read."""

SPACE: Final = frozenset(" \t\r\n")


class NotMarkup(Exception):
    """What began like markup is text."""


class Reader:
    """Pieces are kept, not joined: long arguments come token by token, and adding them up would be quadratic."""

    def __init__(self) -> None:
        self.ended = False
        """No more text will come."""
        self.sure = False
        """The text is a call, or the beginning of one that was cut off: it is nothing that people should read."""
        self._kept: list[str] = []
        self._kept_length = 0
        self._piece = ""
        self._at = 0

    def supply(self, piece: str) -> None:
        """The next piece; the one before has been read to its end."""
        if self._piece:
            self._kept.append(self._piece)
            self._kept_length += len(self._piece)
        self._piece, self._at = piece, 0

    @property
    def position(self) -> int:
        """Characters read since the last `forget`."""
        return self._kept_length + self._at

    def between(self, start: int, end: int) -> str:
        return "".join([*self._kept, self._piece])[start:end]

    def forget(self) -> None:
        """What has been read is settled."""
        self._piece = self._piece[self._at :]
        self._kept.clear()
        self._kept_length = self._at = 0

    def all_of_it(self) -> str:
        """All since the last `forget`, read or not."""
        return "".join([*self._kept, self._piece])

    # Parts of grammars

    def peek(self) -> Reading[str]:
        """The next character, unread; none at the end."""
        while self._at == len(self._piece):
            if self.ended:
                return ""
            yield
        return self._piece[self._at]

    def take(self) -> Reading[str]:
        char = yield from self.peek()
        if not char:
            raise NotMarkup
        self._at += 1
        return char

    def space(self) -> Reading[str]:
        """Read over white space; the character behind it, unread."""
        while (char := (yield from self.peek())) in SPACE:
            self._at += 1
        return char

    def expect(self, literal: str) -> Reading[None]:
        for expected in literal:
            if (yield from self.take()) != expected:
                raise NotMarkup

    def up_to(self, stop: re.Pattern[str]) -> Reading[str]:
        """Read up to a character that `stop` matches; that character, unread."""
        while True:
            if not (yield from self.peek()):
                raise NotMarkup
            if found := stop.search(self._piece, self._at):
                self._at = found.start()
                return found[0]
            self._at = len(self._piece)

    def one_of(self, literals: Sequence[str]) -> Reading[str | None]:
        """The literal that comes next, read. None where none does; what looked like one until then is read too."""
        read = ""
        while read not in literals:
            char = yield from self.peek()
            if not char or not any(literal.startswith(read + char) for literal in literals):
                return None
            read += char
            self._at += 1
        return read

    def known(self, words: frozenset[str], *, until: str) -> Reading[str]:
        """One of `words`, and then one of the characters `until`, unread. Fails with the first letter that is wrong."""
        word = ""
        while not (char := (yield from self.peek())) or char not in until or word not in words:
            word += char
            if not char or not any(known.startswith(word) for known in words):
                raise NotMarkup
            self._at += 1
        return word
