"""RTF files, which many a .doc is: what a reader sees of them, in one pass.

By the Rich Text Format Specification 1.9.1. Destinations that hold no text of the document are passed over; footnotes,
headers and text boxes are part of it, where they stand.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

MAGIC: Final = b"{\\rtf"

_MOST_DEPTH: Final = 10_000
"""Of groups within groups; those that are deeper are no groups."""
_TOKEN: Final = re.compile(
    rb"\\(?:([A-Za-z]{1,32})(-?\d{1,10})? ?|'([0-9A-Fa-f]{2})|([^A-Za-z]))|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_WORDS: Final = {
    **dict.fromkeys((b"par", b"line", b"row", b"sect", b"page", b"column", b"nestrow"), "\n"),
    **dict.fromkeys((b"tab", b"cell", b"nestcell"), "\t"),
    **dict.fromkeys((b"footnote", b"annotation"), " "),
    b"emdash": "\u2014",
    b"endash": "\u2013",
    b"emspace": "\u2003",
    b"enspace": "\u2002",
    b"qmspace": "\u2005",
    b"bullet": "\u2022",
    b"lquote": "\u2018",
    b"rquote": "\u2019",
    b"ldblquote": "\u201c",
    b"rdblquote": "\u201d",
}
_SYMBOLS: Final = {
    b"~": "\xa0",
    b"_": "-",
    b"\n": "\n",
    b"\r": "\n",
    b"\\": "\\",
    b"{": "{",
    b"}": "}",
}
_UNSEEN: Final = frozenset(
    b"fonttbl colortbl stylesheet info pict fldinst object listtable listoverridetable revtbl rsidtbl filetbl "
    b"generator bkmkstart bkmkend xe tc themedata colorschememapping latentstyles datastore sp nonshppict "
    b"atnid atnauthor atndate atnref atrfstart atrfend atntime atnparent pnseclvl pntxtb pntxta xmlnstbl ftnsep "
    b"ftnsepc ftncn aftnsep aftnsepc aftncn private template operator docvar".split()
)
"""Destinations without text. Others that may be passed over begin with `\\*`."""
_SEEN: Final = frozenset(b"shpinst shptxt footnote annotation shppict".split())
"""Those of them that hold text all the same."""
_CHARSETS: Final = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
    255: "cp850",
}  # fmt: skip
"""Encodings of fonts, by `\\fcharset`; others have that of the document."""


class _Group(Struct, frozen=True):
    seen: bool = True
    font: int = -1
    fallback: int = 1
    """How many characters stand in for one of Unicode, for those who know none."""
    in_fonts: bool = False


def text_of_rtf(data: bytes) -> str:
    return "".join(_Reader(data).read()).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._group = _Group()
        self._outer: list[_Group] = []
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._optional = False
        """`\\*` was the last token."""
        self._skip = 0
        """Characters to come that only stand in for one that was told."""

    def read(self) -> Iterator[str]:
        waiting = bytearray()  # bytes in the encoding of the font: a character may be several of them
        at = 0
        while (token := _TOKEN.match(self._data, at)) is not None:
            at = token.end()
            word, number, code, symbol, brace, text = token.groups()
            if code is not None or text is not None:
                data = bytes.fromhex(code.decode()) if code is not None else text
                skipped, self._skip = data[self._skip :], max(0, self._skip - len(data))
                if self._group.seen:
                    waiting += skipped
                continue
            if waiting:
                yield waiting.decode(self._fonts.get(self._group.font, self._encoding), "replace")
                waiting.clear()
            if brace is not None:
                self._brace(brace)
            elif word is not None:
                if word == b"bin":
                    at += max(0, int(number or 0))
                yield self._word(word, None if number is None else int(number))
            elif symbol == b"*":
                self._optional = True
            elif symbol is not None and self._group.seen:
                yield _SYMBOLS.get(symbol, "")
        yield waiting.decode(self._fonts.get(self._group.font, self._encoding), "replace")

    def _brace(self, brace: bytes) -> None:
        self._optional, self._skip = False, 0
        if brace == b"{" and len(self._outer) < _MOST_DEPTH:
            self._outer.append(self._group)
        elif brace == b"}" and self._outer:
            self._group = self._outer.pop()

    def _word(self, word: bytes, number: int | None) -> str:
        group = self._group
        optional, self._optional = self._optional, False
        if word == b"fonttbl":
            self._group = _Group(False, group.font, group.fallback, True)
        elif word in _UNSEEN or (optional and word not in _SEEN):
            self._group = _Group(False, group.font, group.fallback)
        elif word == b"ansicpg":
            self._encoding = _known(f"cp{number}", "cp1252")
        elif word in {b"mac", b"pc", b"pca"}:
            self._encoding = {b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}[word]
        elif word == b"f":
            self._group = _Group(group.seen, number or 0, group.fallback, group.in_fonts)
        elif word == b"fcharset" and group.in_fonts:
            self._fonts[group.font] = _CHARSETS.get(number or 0, self._encoding)
        elif word == b"uc":
            self._group = _Group(group.seen, group.font, max(0, number or 0), group.in_fonts)
        elif word == b"u":
            self._skip = group.fallback
            return chr((number or 0) & 0xFFFF) if group.seen else ""
        elif group.seen:
            return _WORDS.get(word, "")
        return ""


def _known(encoding: str, otherwise: str) -> str:
    try:
        "".encode(encoding)
    except LookupError:
        return otherwise
    return encoding
