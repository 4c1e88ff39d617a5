"""Takes calls of offered functions out of the text of an answer, as it comes. What is no call stays text, letter for
letter, and goes out as soon as it cannot become one.
"""

from collections.abc import Callable
from itertools import count
from typing import Final

from adapters.chat import Chunk, ToolCallFragment
from adapters.markup import forms
from adapters.markup.offered import Call, Offered
from adapters.markup.reader import NotMarkup, Reader

MOST_IN_VAIN: Final = 200_000
"""Characters read as markup that turned out to be text, after which nothing is looked for any more. Text can be made so
that each of its beginnings fails only at the end of all; nothing else comes near."""
_SLICE: Final = 16_384
"""What is left of a text is copied at each beginning, so it must not be long."""

_LONGEST_MARKER: Final = max(map(len, forms.CLOSERS))


class Recogniser:
    """For one answer. `bare`: calls without any marker are recognised too, where the answer begins with them.

    A `new_index` numbers calls, for those who have others to number beside them.
    """

    def __init__(self, offered: Offered, *, bare: bool, new_index: Callable[[], int] | None = None) -> None:
        self.found = False
        """A call has been recognised."""
        self._offered = offered
        self._new_index = new_index or count().__next__
        self._beginning = bare  # nothing has come yet but white space
        self._held = ""  # may become a marker
        self._form: forms.Form | None = None
        self._reader = Reader()
        self._settled = False  # the form has yielded calls
        self._in_vain = 0
        self._gap: str | None = None  # white space behind a call, which is text only if text follows
        self._said: list[str | list[Call]] = []
        self._is_idle = not bare

    def passes(self, text: str) -> bool:
        """Whether feeding this text would give it back as it is. Cheaper than feeding, for most text by far."""
        return self._is_idle and "<" not in text and "[" not in text

    def feed(self, text: str) -> list[Chunk]:
        pending = [text]
        while pending:
            text = pending.pop()
            if len(text) > _SLICE:
                pending += [text[at : at + _SLICE] for at in range(0, len(text), _SLICE)][::-1]
            elif text:
                pending.append(self._look_at(text))
        self._is_idle = not (self._beginning or self._held or self._form or self._gap is not None)
        return self._chunks()

    def end(self, *, cut: bool) -> list[Chunk]:
        """The answer is over; `cut` off in the middle, then half a call is neither a call nor text."""
        if self._form is None:
            # A bracket alone is more likely to be one than to be half a marker.
            rest = "" if cut and len(self._held) > 1 else self._held
        elif cut:
            rest = "" if self._settled or self._reader.sure else self._reader.all_of_it()
        else:
            self._reader.ended = True
            rest = self._go_on("")
        self._say(rest)
        self._held, self._form, self._beginning, self._is_idle = "", None, False, True
        return self._chunks()

    # Each takes text and returns what is left of it, to be looked at in another way

    def _look_at(self, text: str) -> str:
        if self._form is not None:
            return self._go_on(text)
        text, self._held = self._held + text, ""
        return self._begin(text) if self._beginning else self._search(text)

    def _begin(self, text: str) -> str:
        rest = text.lstrip()
        self._say(text[: len(text) - len(rest)])
        if rest and forms.may_become_marker(rest):
            self._held = rest
            return ""
        if rest:
            self._beginning = False
            if rest[0] in "{[" and forms.MARKER.match(rest) is None:
                self._start(forms.bare(reader := Reader(), self._offered), reader)
        return rest

    def _search(self, text: str) -> str:
        if self._in_vain > MOST_IN_VAIN:
            self._say(text)
            return ""
        marker = forms.MARKER.search(text)
        if marker is None:
            end = _start_of_half_a_marker(text)
            self._say(text[:end])
            self._held = text[end:]
            return ""
        self._say(text[: marker.start()])
        self._start(forms.marked(reader := Reader(), self._offered, marker[0]), reader)
        return text[marker.start() :]

    def _start(self, form: forms.Form, reader: Reader) -> None:
        self._form, self._reader, self._settled = form, reader, False

    def _go_on(self, text: str) -> str:
        assert self._form is not None
        reader = self._reader
        reader.supply(text)
        try:
            for calls in self._form:
                if calls is None:
                    return ""
                self._call(calls)
                reader.forget()
        except NotMarkup:
            self._in_vain += reader.position
        self._form = None
        rest = reader.all_of_it()
        if self._settled:
            return rest
        self._say(rest[:1])  # it is no marker, but there may be one in the rest
        return rest[1:]

    def _call(self, calls: list[Call]) -> None:
        self.found = self._settled = True
        self._gap = ""
        self._said.append(calls)

    def _say(self, text: str) -> None:
        if self._gap is not None and text:
            text = self._gap + text
            self._gap = text if text.isspace() else None
            if self._gap is not None:
                return
        if text:
            self._said.append(text)

    def _chunks(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        text: list[str] = []
        for said in [*self._said, []]:
            if isinstance(said, str):
                text.append(said)
                continue
            if text:
                chunks.append(Chunk(text="".join(text)))
                text.clear()
            if said:
                chunks.append(Chunk(tool_calls=tuple(map(self._fragment, said))))
        self._said.clear()
        return chunks

    def _fragment(self, call: Call) -> ToolCallFragment:
        return ToolCallFragment(index=self._new_index(), name=call.name, arguments=call.arguments)


def _start_of_half_a_marker(text: str) -> int:
    for start in range(max(0, len(text) - _LONGEST_MARKER), len(text)):
        if text[start] in "<[" and forms.may_become_marker(text[start:]):
            return start
    return len(text)
