"""Word and PowerPoint files: zipped XML, of which the text is read as it streams by, and never more than so much."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile, ZipInfo

from proxy.retrieval.ole import is_encrypted_package
from proxy.retrieval.unreadable import Unreadable

MOST_BYTES: Final = 256 << 20
"""Of a file, unpacked: as much as its directory says, and no more is ever unpacked than that."""
MOST_ENTRIES: Final = 20_000
_PIECE: Final = 1 << 16

# What an element is in text: at its start, and at its end. Both formats write text into elements named `t`.
_AT_START: Final = {"tab": "\t", "br": "\n", "cr": "\n"}
_AT_END: Final = {"p": "\n", "tc": "\t", "tr": "\n"}

_HIDDEN: Final = frozenset({"Fallback", "tabs", "tabLst"})
"""What stands there once more for programs that cannot show the better form; and where tabs lead, which are none."""

_SLIDE: Final = re.compile(r"ppt/(slides/slide|notesSlides/notesSlide)(\d+)\.xml")
_DIAGRAM: Final = re.compile(r"(?:word|ppt)/diagrams/data\d+\.xml")
_MARGIN: Final = re.compile(r"word/(?:header|footer)\d+\.xml")


def text_of_docx(path: Path) -> str:
    """The document, then its notes, diagrams, headers and footers."""
    return _text(path, "word/document.xml", _parts)


def text_of_pptx(path: Path) -> str:
    """Slide by slide, each with its notes; then diagrams."""
    return _text(path, "ppt/presentation.xml", _slides)


def text_of_xml(path: Path) -> Iterator[str]:
    """A Word document in one file of XML, as Word 2003 wrote them."""
    with path.open("rb") as stream:
        try:
            yield from _texts(stream)
        except expat.ExpatError as error:
            raise Unreadable("The file is damaged: its XML cannot be read.") from error


_DOCX_PARTS: Final = ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml", "word/comments.xml")


def _parts(names: Iterable[str]) -> list[str]:
    there = sorted(names)
    return [
        *(name for name in _DOCX_PARTS if name in there),
        *filter(_DIAGRAM.fullmatch, there),
        *filter(_MARGIN.fullmatch, there),
    ]


def _slides(names: Iterable[str]) -> list[str]:
    there = sorted(names)
    found = [match for name in there if (match := _SLIDE.fullmatch(name))]
    slides = [match[0] for match in sorted(found, key=lambda match: (int(match[2]), match[1] != "slides/slide"))]
    return [*slides, *filter(_DIAGRAM.fullmatch, there)]


def _text(path: Path, needed: str, parts_of: Callable[[Iterable[str]], list[str]]) -> str:
    with opened_zip(path) as file:
        names = set(file.namelist())
        if needed not in names:
            raise Unreadable(f"The file is not what its name says: it has no {needed}.")
        # Sections mostly have the same header.
        return "\n".join(dict.fromkeys("".join(_part(file, name)) for name in parts_of(names)))


def opened_zip(path: Path) -> ZipFile:
    """Raises `Unreadable` for what is none, is encrypted, or would unpack to too much."""
    try:
        file = ZipFile(path)
    except (BadZipFile, ValueError, NotImplementedError) as error:
        if is_encrypted_package(path):
            raise Unreadable("The file is encrypted.") from None
        raise Unreadable("The file is not what its name says, or it is damaged: it cannot be unpacked.") from error
    entries: list[ZipInfo] = file.infolist()
    refusal = None
    if any(entry.flag_bits & 1 for entry in entries):
        refusal = "The file is encrypted."
    elif len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        refusal = f"The file unpacks to more than {MOST_BYTES >> 20} MB."
    if refusal is not None:
        file.close()
        raise Unreadable(refusal)
    return file


def _part(file: ZipFile, name: str) -> Iterator[str]:
    try:
        with file.open(name) as stream:
            yield from _texts(stream)
    except (BadZipFile, EOFError, expat.ExpatError, NotImplementedError) as error:
        raise Unreadable(f"The file is damaged: {name} cannot be read.") from error


def _texts(stream: IO[bytes]) -> Iterator[str]:
    found: list[str] = []
    within = hidden = cells = 0
    ended = False  # a paragraph of a cell: if it was the last, the cell's end stands for its own

    def show(text: str) -> None:
        nonlocal ended
        if ended:
            found.append("\n")
            ended = False
        found.append(text)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal within, hidden, cells
        local = name.rpartition(" ")[2]
        within += local == "t"
        hidden += local in _HIDDEN
        cells += local == "tc"
        if not hidden and local in _AT_START:
            show(_AT_START[local])

    def end(name: str) -> None:
        nonlocal within, hidden, cells, ended
        local = name.rpartition(" ")[2]
        within -= local == "t"
        hidden -= local in _HIDDEN
        cells -= local == "tc"
        if hidden or local not in _AT_END:
            return
        if local == "p" and cells:
            ended = True
            return
        ended = False
        found.append(_AT_END[local])

    def characters(data: str) -> None:
        if within and not hidden:
            show(data)

    def refuse(*_: object) -> None:
        raise Unreadable("The file defines entities, which no document of its kind does.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    while piece := stream.read(_PIECE):
        parser.Parse(piece, False)
        yield "".join(found)
        found.clear()
    parser.Parse(b"", True)
    yield "".join(found)
