"""Files that end in .doc and are something else: each is read as what it is."""

import time
from pathlib import Path

import pytest

from tests.retrieval import files
from tests.retrieval.test_parsing import EAST, WEST, parsed, refused

RTF = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Arial;}{\f2\fcharset128 Mincho;}}
{\stylesheet{\s0 Normal;}}{\info{\title Nobody sees this}}{\*\generator Nothing;}
{\header Top\par}\pard\plain\f0 Gr\'f6\'dfe {\b bold} \{braces\} \endash  dash\par
{\f1 \'d0\'e5\'ea\'e0} {\f2\'93\'8c\'8b\'9e} \u8364?5 \uc2\u55356??\u57097??\uc1 x\line
{\field{\*\fldinst HYPERLINK "https://x"}{\fldrslt the link}}{\footnote A note.}\par
a\cell b\cell\row {\pict\bin4 }}{}{\pngblip 89504e47}}{\*\shpinst{\sp{\sn k}{\sv v}}{\shptxt Box\par}}{\*\unknown gone}
}"""


def test_rtf(tmp_path: Path) -> None:
    assert parsed(tmp_path, "a.doc", RTF).splitlines() == [
        "Top",
        "Gr\u00f6\u00dfe bold {braces} \u2013 dash",
        "\u0420\u0435\u043a\u0430 \u6771\u4eac \u20ac5 \U0001f309x",
        "the link A note.",
        "a\tb\t",
        "Box",
    ]


@pytest.mark.parametrize(
    "made",
    [
        b"{\\rtf1 " + b"{" * 200_000 + b"x" + b"}" * 200_000,
        b"{\\rtf1 x" + b"{\\field{\\*\\fldinst{HYPERLINK " * 20_000,
        b"{\\rtf1 x" + b"\\u" * 100_000 + b"\\",
        b"{\\rtf1 x}}}}" + b"\\f1\\fcharset" * 20_000,
        b"{\\rtf1 x\\bin9999999999 y",
        b"{\\rtf1 x\\bin-5 y\\uc-3\\u-99999999 ",
    ],
)
def test_rtf_that_means_no_good_takes_no_time(tmp_path: Path, made: bytes) -> None:
    began = time.monotonic()
    assert "x" in parsed(tmp_path, "a.doc", made)
    assert time.monotonic() - began < 2


MHTML = b"""MIME-Version: 1.0
Content-Type: multipart/related; boundary="edge"

--edge
Content-Type: text/html; charset="windows-1251"
Content-Transfer-Encoding: quoted-printable

<html><body><p>=D0=E5=EA=E0</p></body></html>
--edge
Content-Type: image/png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--edge--
"""
WORD_2003 = (
    '<?xml version="1.0"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">'
    "<w:body><w:p><w:r><w:t>2003</w:t></w:r></w:p></w:body></w:wordDocument>"
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (files.docx(["One"]), "One"),
        (b"<html><body><p>A &amp; B</p>", "A & B"),
        (b"<!DOCTYPE HTML>\n<p>A &amp; B</p>", "A & B"),
        (MHTML, "\u0420\u0435\u043a\u0430"),
        (WORD_2003.encode(), "2003"),
        (b"Just text about <html>.", "Just text about <html>."),
        (WEST.encode("utf-16"), WEST),
        (EAST.encode("cp1251"), EAST),
        (b"Date: today\n\nA text", "Date: today\n\nA text"),
    ],
)
def test_what_else_is_called_doc(tmp_path: Path, content: bytes, text: str) -> None:
    assert parsed(tmp_path, "a.doc", content).strip() == text


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"\xdb\xa5\x2d\0" + bytes(100), ("unsupported_file", "Word 2 and older")),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 9, ("invalid_file", "not a text file")),
        (files.zipped({"a": b"b"}), ("invalid_file", "has no word/document.xml")),
        (files.zipped({"a": b"b"})[:-9], ("invalid_file", "not a text file")),
        (WORD_2003.encode()[:-20], ("invalid_file", "damaged")),
        (b"", ("invalid_file", "No text")),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, refusal: tuple[str, str]) -> None:
    code, message = refused(tmp_path, "a.doc", content)
    assert (code, refusal[1] in message) == (refusal[0], True), message
