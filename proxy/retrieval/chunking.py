"""Cuts text into chunks of at most so many tokens, each beginning with the last tokens of the one before it.

The text is first divided into small units, which are never cut: lines, and of longer lines sentences. Tokens are
counted once for each unit, so time grows with the text and not faster, whatever it consists of. What a chunk has of
tokens is the sum of its units', which is as many as its text has, or a few more.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from proxy.retrieval.analysis import terms_of
from proxy.retrieval.unreadable import Unreadable

MOST_CHARACTERS: Final = 240
"""Of a unit."""

# How good a place the end of a unit is to cut at.
_PARAGRAPH, _LINE, _SENTENCE, _WORD, _NONE = 4, 3, 2, 1, 0

_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\n)+")
_SENTENCE_END: Final = re.compile("[.!?\u2026]+[\"')\\]\u201d\u2019]*\\s|[\u3002\uff01\uff1f]+")


class Chunk(Struct, frozen=True, kw_only=True):
    text: str
    repeated: int
    """How many characters at its beginning the chunk before it has, too."""
    terms: list[str]


class _Unit(Struct, frozen=True):
    start: int
    end: int
    rank: int


def chunks_of(
    text: str, *, most_tokens: int, overlap_tokens: int, count: Callable[[str], int], most_in_all: int
) -> Iterator[Chunk]:
    """The chunks of a text that is `tidy`. Raises `Unreadable` if it has more than `most_in_all` tokens."""
    units = list(_units(text, most_tokens, count))
    total = [0]
    for _, tokens in units:
        total.append(total[-1] + tokens)
    if total[-1] > most_in_all:
        raise Unreadable(f"The file has {total[-1]} tokens, and at most {most_in_all} are read.")
    cutter = _Cutter([unit for unit, _ in units], total, most_tokens, overlap_tokens)
    shared = _Terms(text, [unit for unit, _ in units])
    end = 0
    for first, last in cutter.spans():
        start = units[first][0].start
        stop = units[last - 1][0].end
        yield Chunk(text=text[start:stop], repeated=max(0, end - start), terms=shared.of(first, last))
        end = stop


def tidy(text: str) -> str:
    """Without what no reader sees: other line ends, control characters, and more than one blank line in a row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub(" ", text)
    return _MANY_LINES.sub("\n\n", text)


_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ufffe\uffff\ud800-\udfff]")
_MANY_LINES: Final = re.compile(r"\n(?:[ \t]*\n){2,}")


class _Cutter:
    """Chooses where chunks begin and end, by the tokens before each unit."""

    def __init__(self, units: Sequence[_Unit], total: Sequence[int], most: int, overlap: int) -> None:
        self._units = units
        self._total = total
        self._most = most
        self._overlap = overlap

    def spans(self) -> Iterator[tuple[int, int]]:
        """Pairs of the first unit of a chunk and the first after it."""
        first, before = 0, 0
        while before < len(self._units):
            last = self._end(first, before)
            yield first, last
            first, before = self._start(first, last), last

    def _end(self, first: int, before: int) -> int:
        """As late as it fits, or at a better place shortly before; beyond where the last chunk ended."""
        latest = bisect_right(self._total, self._total[first] + self._most) - 1
        if latest >= len(self._units):
            return len(self._units)
        earliest = bisect_left(self._total, self._total[first] + self._most * 7 // 8)
        return max(self._places(earliest, latest, after=before), key=lambda place: (self._rank(place), place))

    def _start(self, first: int, last: int) -> int:
        """As early as the overlap allows, or at a better place shortly after; beyond where this chunk began."""
        earliest = bisect_left(self._total, self._total[last] - self._overlap)
        latest = bisect_right(self._total, self._total[last] - self._overlap * 3 // 4) - 1
        return max(self._places(earliest, latest, after=first), key=lambda place: (self._rank(place), -place))

    def _rank(self, place: int) -> int:
        """How good it is to cut before this unit."""
        return self._units[place - 1].rank

    def _places(self, earliest: int, latest: int, *, after: int) -> range:
        """Those units, as far as they come after this one; or just the next."""
        latest = max(latest, after + 1)
        return range(min(max(earliest, after + 1), latest), latest + 1)


class _Terms:
    """The terms of chunks, without looking at a text twice for what two of them have in common.

    Only where words end with their unit; otherwise the chunk's text is looked at as a whole, as it will be again when
    the chunk is taken out of the index.
    """

    def __init__(self, text: str, units: Sequence[_Unit]) -> None:
        self._text = text
        self._units = units
        self._kept: dict[int, list[str] | None] = {}

    def of(self, first: int, last: int) -> list[str]:
        for place in [place for place in self._kept if place < first]:
            del self._kept[place]
        found: list[str] = []
        for place in range(first, last):
            if place not in self._kept:
                self._kept[place] = self._by_itself(self._units[place])
            terms = self._kept[place]
            if terms is None:
                return terms_of(self._text[self._units[first].start : self._units[last - 1].end])
            found += terms
        return found

    def _by_itself(self, unit: _Unit) -> list[str] | None:
        text = self._text[unit.start : unit.end]
        return terms_of(text) if text.isascii() and not text[-1].isalnum() else None


def _units(text: str, most_tokens: int, count: Callable[[str], int]) -> Iterator[tuple[_Unit, int]]:
    """Units and their tokens: none has so many that a chunk could not hold a few."""
    most = max(1, most_tokens // 4)
    waiting: list[_Unit] = []
    start = 0
    while waiting or start < len(text):
        if waiting:
            unit = waiting.pop()
        else:
            unit = _unit(text, start, min(MOST_CHARACTERS, most_tokens))
            start = unit.end
        tokens = count(text[unit.start : unit.end])
        if tokens > most and unit.end - unit.start > 1:
            middle = _middle(text, unit)
            waiting += [_Unit(middle, unit.end, unit.rank), _Unit(unit.start, middle, _NONE)]
        else:
            yield unit, tokens


def _unit(text: str, start: int, most: int) -> _Unit:
    limit = start + most
    newline = text.find("\n", start, limit)
    if newline >= 0:
        blank = _BLANK_LINES.match(text, newline + 1)
        return _Unit(start, blank.end(), _PARAGRAPH) if blank else _Unit(start, newline + 1, _LINE)
    if limit >= len(text):
        return _Unit(start, len(text), _PARAGRAPH)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, start, limit)]
    if ends:
        return _Unit(start, ends[-1], _SENTENCE)
    space = text.rfind(" ", start, limit)
    return _Unit(start, space + 1, _WORD) if space > start else _Unit(start, limit, _NONE)


def _middle(text: str, unit: _Unit) -> int:
    """Where to divide a unit that has too many tokens."""
    middle = (unit.start + unit.end) // 2
    space = text.rfind(" ", unit.start + 1, middle)
    return space + 1 if space > 0 else middle
