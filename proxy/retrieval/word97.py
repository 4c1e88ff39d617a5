"""Word files of 1994 to 2003: their text, out of the pieces that it is stored in, part by part.

By [MS-DOC], whose sections are cited; Word 6 and 95, which it does not describe, by what their files hold.
What a file says of itself is believed only as far as the bytes that are there.
"""

import re
from collections.abc import Iterator, Sequence, Set
from itertools import pairwise
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import Final

from proxy.retrieval.ole import is_encrypted, opened, stream_of
from proxy.retrieval.texts import guessed
from proxy.retrieval.unreadable import Unreadable

MOST_CHARACTERS: Final = 64 << 20

_SHORT: Final = Struct("<H")
_LONG: Final = Struct("<I")

# Offsets in the file information block, which begins the stream WordDocument (2.5.1 and following).
_BASE: Final = Struct("<HH6xH")
"""wIdent, nFib, and the flags."""
_IDENTS: Final = frozenset({0xA5EC, 0xA5DC})
"""wIdent; the second is that of Word 6 and 95."""
_ENCRYPTED: Final = 0x0100
_TABLE_1: Final = 0x0200
"""Which of two tables is meant."""
_FIRST_97: Final = 106
"""nFib. Word 6 and 95 have 101 to 105, one byte for each character, and no table stream."""
_COUNTS: Final = Struct("<76x8I")
"""FibRgLw97: characters of the parts, in the order of their text."""
_PAPX: Final = Struct("<258xII")
"""fcPlcfBtePapx and lcbPlcfBtePapx, in FibRgFcLcb97."""
_CLX: Final = Struct("<418xII")
"""fcClx and lcbClx."""
_COUNTS_95: Final = Struct("<52x8I")
_CLX_95: Final = Struct("<352xII")
_TEXT_95: Final = Struct("<24xI")
"""Where the text begins, if it is in one piece."""
_IS_MAC_95: Final = 18
_PARTS: Final = ("main", "footnotes", "headers", "macros", "comments", "endnotes", "boxes", "boxes in headers")

_SAMPLE: Final = 1 << 16
_MOST_PIECES: Final = 100
"""That the encoding is found out from."""
_PAGE: Final = 512
_IS_ROW_END: Final = bytes.fromhex("172401")
"""The property sprmPFTtp, set (2.6.2)."""

# 2.4.1, and the characters that are special (2.6.1, sprmCFSpec).
_CELL: Final = "\x07"
_SHOWN: Final = str.maketrans(
    {"\r": "\n", "\x0b": "\n", "\x0c": "\n", "\x0e": "\n", "\x1e": "-", "\x1f": None}
    | dict.fromkeys([*map(chr, range(1, 7)), "\x08"])  # pictures, references to notes and comments
)
_FIELD: Final = re.compile("([\x13\x14\x15])")


def text_of_word97(path: Path) -> Iterator[str]:
    """The document, then its notes, headers and so on. Raises `Unreadable`."""
    with path.open("rb") as file, opened(file) as container:
        document, *tables = [stream_of(container, name) for name in ("WordDocument", "0Table", "1Table")]
        if document is None:
            if is_encrypted(container):
                raise Unreadable("The file is encrypted.")
            # Excel and PowerPoint have such containers too.
            raise Unreadable("The file is not what its name says: it has no WordDocument.")
    try:
        ident, version, flags = _BASE.unpack_from(document)
        if ident not in _IDENTS:
            raise Unreadable(
                "Files of this edition of Word cannot be read. Save it as .docx, and upload it again.",
                code="unsupported_file",
            )
        if flags & _ENCRYPTED:
            raise Unreadable("The file is encrypted.")
        if version < _FIRST_97:
            yield from _parts(_pieces_95(document), _COUNTS_95.unpack_from(document))
            return
        table = tables[flags & _TABLE_1 != 0]
        if table is None:
            raise Unreadable("The file is damaged: it has no table stream.")
        yield from _parts(_pieces(document, table), _COUNTS.unpack_from(document))
    except StructError as error:
        raise Unreadable("The file is damaged: it breaks off.") from error


def _parts(pieces: Iterator[str], counts: Sequence[int]) -> Iterator[str]:
    if sum(counts) > MOST_CHARACTERS:
        raise Unreadable(f"The file has more than {MOST_CHARACTERS} characters of text.")
    found, length = [], 0
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length > MOST_CHARACTERS:
            raise Unreadable(f"The file has more than {MOST_CHARACTERS} characters of text.")
    text, start = "".join(found), 0
    for part, count in zip(_PARTS, counts, strict=True):
        if part != "macros" and count:
            yield _shown(text[start : start + count]) + "\n"
        start += count


def _pieces(document: bytes, table: bytes) -> Iterator[str]:
    """The text in its order (2.4.1), with tabs and line ends for the marks of cells and rows."""
    row_ends = _row_ends(document, table)
    for length, where in _piece_table(table, *_CLX.unpack_from(document)):
        # 2.9.73, FcCompressed: bytes of Windows' Latin alphabet, at half of what is said, or UTF-16.
        narrow = bool(where & 1 << 30)
        start, width = (where & 0x3FFFFFFF) >> narrow, 1 if narrow else 2
        data = document[start : start + length * width]
        if len(data) < length * width:
            raise Unreadable("The file is damaged: it breaks off.")
        text = data.decode("cp1252", "replace") if narrow else data.decode("utf-16-le", "surrogatepass")
        if len(text) < length:  # counts are of UTF-16 units, and two pieces may share a pair
            text = "".join(map(chr, Struct(f"<{length}H").unpack(data)))
        yield _with_rows(text, start, width, row_ends)


def _pieces_95(document: bytes) -> Iterator[str]:
    start, length = _CLX_95.unpack_from(document)
    whole = [(sum(_COUNTS_95.unpack_from(document)), *_TEXT_95.unpack_from(document))]
    pieces = list(_piece_table(document, start, length)) if length else whole
    # Fonts say what their bytes mean; what the text itself says is easier to find out, and is right as often.
    sample = b"".join(document[where : where + size] for size, where in pieces[:_MOST_PIECES])[:_SAMPLE]
    encoding = "mac_roman" if document[_IS_MAC_95 : _IS_MAC_95 + 1] == b"\x01" else guessed(sample)
    for size, where in pieces:
        yield _with_rows(document[where : where + size].decode(encoding, "replace"), where, 1, frozenset())


def _with_rows(text: str, start: int, width: int, row_ends: Set[int]) -> str:
    if _CELL not in text:
        return text
    if not row_ends:  # what tells them is not there, or is not understood; empty cells end rows then
        return text.replace(2 * _CELL, "\t\n").replace(_CELL, "\t")
    runs = text.split(_CELL)
    at, parts = start, [runs[0]]
    for before, run in pairwise(runs):
        at += (len(before) + 1) * width
        parts += ["\n" if at in row_ends else "\t", run]
    return "".join(parts)


def _piece_table(table: bytes, start: int, length: int) -> Iterator[tuple[int, int]]:
    """How many characters each piece has, and where they are.

    In the Clx (2.9.38): behind property modifiers, each of which says how long it is.
    """
    clx = table[start : start + length]
    at = 0
    while clx[at : at + 1] == b"\x01":
        (size,) = _SHORT.unpack_from(clx, at + 1)
        at += 3 + size
    if clx[at : at + 1] != b"\x02":
        raise Unreadable("The file is damaged: it does not say where its text is.")
    (size,) = _LONG.unpack_from(clx, at + 1)
    pieces = clx[at + 5 : at + 5 + size]
    # 2.8.35, PlcPcd: where in the text pieces begin, and its end; then the pieces, 8 bytes each.
    count = (len(pieces) - 4) // 12
    places = Struct(f"<{count + 1}I").unpack_from(pieces)
    for number in range(count):
        if places[number] > places[number + 1]:  # or a small file could have any number of characters
            raise Unreadable("The file is damaged: its pieces of text overlap.")
        (where,) = _LONG.unpack_from(pieces, 4 * (count + 1) + 8 * number + 2)
        yield places[number + 1] - places[number], where


def _row_ends(document: bytes, table: bytes) -> set[int]:
    """Where paragraphs end that end a row: the mark of a row is that of a cell, and only its properties differ."""
    start, length = _PAPX.unpack_from(document)
    plc = table[start : start + length]
    count = (len(plc) - 4) // 8  # 2.8.6, PlcBtePapx: positions, then the numbers of pages, 4 bytes each
    ends: set[int] = set()
    for (number,) in set(_LONG.iter_unpack(plc[4 * (count + 1) : 4 * (count + 1) + 4 * count])):
        # PapxFkp: where paragraphs begin and end; for each, where its properties are in the page, and 12 bytes.
        page = document[(number & 0x3FFFFF) * _PAGE :][:_PAGE]
        if len(page) < _PAGE or page[-1] > (_PAGE - 5) // 17:
            continue
        runs = page[-1]
        for run in range(runs):
            at = 2 * page[4 * (runs + 1) + 13 * run]
            # PapxInFkp: half of the length, or where that is zero, half of a length that counts one less.
            properties = page[at + 1 : at + 2 * page[at]] if page[at] else page[at + 2 : at + 2 + 2 * page[at + 1]]
            if at and _IS_ROW_END in properties:
                ends.add(_LONG.unpack_from(page, 4 * (run + 1))[0])
    return ends


def _shown(text: str) -> str:
    """As a reader sees it: of fields their results, and no marks."""
    found: list[str] = []
    open_fields: list[bool] = []  # for each, whether its code is still being told
    codes = 0
    for run in _FIELD.split(text):
        match run:
            case "\x13":  # 2.8.25, Plcfld: a field begins, then its code, 0x14, its result, 0x15
                open_fields.append(True)
                codes += 1
            case "\x14" if open_fields:
                codes -= open_fields[-1]
                open_fields[-1] = False
            case "\x15" if open_fields:
                codes -= open_fields.pop()
            case "\x14" | "\x15":
                pass
            case _ if not codes:
                found.append(run)
    if open_fields:  # a field that never ends would take the rest with it
        found = [_FIELD.sub("", text)]
    whole = "".join(found).translate(_SHOWN)
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
