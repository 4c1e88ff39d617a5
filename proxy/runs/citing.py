"""Citations: the marks that a model writes after what it took from a passage, found as they stream. Pure.

A model is asked to write `[[1]]`, which small and large ones manage: four plain characters, and rare in anything else.
Taken as well is what models write by themselves: `[[1, 2]]`, `【1】`, `【1†source】`, and the form `【4:0†name】` that
clients see, which a model may have met elsewhere. A mark becomes the client's form in one piece, with its annotation;
one that cites nothing becomes nothing. What may be the beginning of a mark is held back until that is known, so the
same text gives the same citations however it is cut. Blocks of code are left alone.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from proxy.runs.searching import numbered, one_line
from proxy.schema.steps import RunStep, ToolCallsDetails

_PLAIN: Final = re.compile(r"\[\[([\d ,;-]{1,30})\]\]")
_BRACKETED: Final = re.compile(r"【([\d ,;:-]{1,30})((?:†[^】\n]{0,255})?)】")
_BEGINNING: Final = re.compile(r"`{1,2}|\[(?:\[[\d ,;-]{0,30}\]?)?|【[\d ,;:-]{0,30}(?:†[^】\n]{0,255})?")
"""Whatever, at the end of a text, may become one of the above, or the three backticks of a block of code."""
_HALF: Final = re.compile(r"\[\[[\d ,;-]*\d|【[\d ,;:-]*\d")
_OPENING: Final = re.compile(r"`|\[\[?|【")
_MOST_AT_ONCE: Final = 20

FIRST_PLACE: Final = 3
"""What is before the first search of a thread with one message, as the real service counted: its results were `4:…`."""


class Source(Struct, frozen=True, kw_only=True):
    """A result that can be cited."""

    file_id: str
    marker: str
    """What clients see: the place of the search in the conversation, of the result in it, and the file's name."""
    place: tuple[int, int]


class Citation(Struct, frozen=True):
    source: Source


def sources_of(steps: Sequence[RunStep], *, messages: int) -> list[Source]:
    """All that the run's finished turns found, in the order of their numbers. `messages`: how many were before them."""
    found = []
    places = _places(steps, messages)
    for call, _ in numbered(steps):
        for index, result in enumerate(call.file_search.results if call.file_search else ()):
            place = places[call.id]
            name = one_line(result.file_name).replace("】", ")")
            found.append(
                Source(file_id=result.file_id, marker=f"【{place}:{index}†{name}】", place=(place, index)),
            )
    return found


def _places(steps: Sequence[RunStep], messages: int) -> dict[str, int]:
    """Where the outputs of calls are in the conversation."""
    place = messages + FIRST_PLACE - 1
    places = {}
    for step in steps:
        if isinstance(step.step_details, ToolCallsDetails) and step.status == "completed":
            place += 1
            for call in step.step_details.tool_calls:
                places[call.id] = place
                place += 1
    return places


class Citer:
    """Give it a text in pieces, take words and citations."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._by_place = {source.place: source for source in sources}
        self._held = ""
        self._in_code = False

    def feed(self, text: str) -> list[str | Citation]:
        if not self._held and not _OPENING.search(text):
            return [text]
        return list(_joined(self._take(self._held + text)))

    def close(self, *, cut: bool) -> list[str | Citation]:
        """No more comes. What is held back is words after all; but half a mark, or where it was `cut`, is nothing."""
        held, self._held = self._held, ""
        is_half = _HALF.match(held) or (cut and held.startswith(("[[", "【")))
        could_cite = self._sources or "†" in held
        return [] if not held or (is_half and could_cite) else [held]

    def _take(self, text: str) -> Iterator[str | Citation]:
        self._held = ""
        done = 0
        while opening := _OPENING.search(text, done):
            at = opening.start()
            yield text[done:at]
            if text.startswith("```", at):
                self._in_code = not self._in_code
                yield "```"
                done = at + 3
            elif not self._in_code and (mark := self._mark(text, at)) is not None:
                yield from map(Citation, mark[0])
                done = mark[1]
            elif self._may_go_on(text, at):
                self._held = text[at:]
                return
            else:
                yield text[at]
                done = at + 1
        yield text[done:]

    def _may_go_on(self, text: str, at: int) -> bool:
        beginning = _BEGINNING.match(text, at)
        return beginning is not None and beginning.end() == len(text) and (not self._in_code or text[at] == "`")

    def _mark(self, text: str, at: int) -> tuple[list[Source], int] | None:
        """What a mark at this place cites, and where it ends; None where there is none."""
        found = _PLAIN.match(text, at) or _BRACKETED.match(text, at)
        if found is None or not any(map(str.isdigit, found[1])):
            return None
        is_clients = found.re is _BRACKETED and bool(found[2])
        # Where nothing was found, nothing can be meant to cite it, but for what looks like nothing else.
        if not self._sources and not is_clients:
            return None
        return list(self._cited(found[1]))[:_MOST_AT_ONCE], found.end()

    def _cited(self, inner: str) -> Iterator[Source]:
        if place := re.fullmatch(r" *(\d+):(\d+) *", inner):
            source = self._by_place.get((int(place[1]), int(place[2])))
            if source is not None:
                yield source
            return
        for first, last in re.findall(r"(\d+)(?: *- *(\d+))?", inner):
            for number in range(int(first), min(int(last or first), int(first) + _MOST_AT_ONCE) + 1):
                if 1 <= number <= len(self._sources):
                    yield self._sources[number - 1]


def _joined(pieces: Iterator[str | Citation]) -> Iterator[str | Citation]:
    """Words that follow each other as one piece, and no empty ones."""
    words = ""
    for piece in pieces:
        if isinstance(piece, str):
            words += piece
            continue
        if words:
            yield words
        words = ""
        yield piece
    if words:
        yield words
