"""Every kind of file, as it should be, and as it should not."""

import sys
from pathlib import Path

import pytest

from proxy.retrieval import documents, pdf, texts
from proxy.retrieval.formats import SUPPORTED, check_readable, extension_of
from proxy.retrieval.parsing import parse
from proxy.retrieval.unreadable import Unreadable
from tests.retrieval import files


def parsed(directory: Path, name: str, content: bytes) -> str:
    path = directory / "blob"
    path.write_bytes(content)
    return parse(path, name)


def refused(directory: Path, name: str, content: bytes) -> tuple[str, str]:
    with pytest.raises(Unreadable) as error:
        parsed(directory, name, content)
    return error.value.code, error.value.message


WEST = "Gr\u00f6\u00dfe und \u00c4rger"
EAST = (
    "\u0420\u0435\u043a\u0430 \u0442\u0435\u0447\u0451\u0442 \u0447\u0435\u0440\u0435\u0437 "
    "\u0433\u043e\u0440\u043e\u0434, \u0438 \u043d\u0430\u0434 \u043d\u0435\u0439 "
    "\u0441\u0442\u043e\u0438\u0442 \u043c\u043e\u0441\u0442. \u041b\u044e\u0434\u0438 "
    "\u0433\u0443\u043b\u044f\u044e\u0442 \u043f\u043e \u0431\u0435\u0440\u0435\u0433\u0443 "
    "\u043a\u0430\u0436\u0434\u044b\u0439 \u0432\u0435\u0447\u0435\u0440, \u043a\u043e\u0433\u0434\u0430 "
    "\u0441\u0432\u0435\u0442\u043b\u043e."
)
"""Russian."""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"plain", "plain"),
        (WEST.encode(), WEST),
        (WEST.encode("utf-8-sig"), WEST),
        (WEST.encode("utf-16"), WEST),
        (b"\xfe\xff" + WEST.encode("utf-16-be"), WEST),
        (WEST.encode("utf-16-le"), WEST),
        (WEST.encode("utf-16-be"), WEST),
        (WEST.encode("utf-32"), WEST),
        (WEST.encode("cp1252"), WEST),
        (EAST.encode(), EAST),
        (EAST.encode("cp1251"), EAST),
        (b"a\r\nb\x0cc", "a\nb c"),
    ],
)
def test_texts_of_any_encoding(tmp_path: Path, content: bytes, text: str) -> None:
    assert parsed(tmp_path, "a.txt", content) == text


def test_every_text_is_read_as_it_is(tmp_path: Path) -> None:
    code = '{"a": "<b>"}\n'
    for extension in sorted(SUPPORTED - {".html", ".pdf", ".doc", ".docx", ".pptx", ".xlsx"}):
        assert parsed(tmp_path, f"x{extension}", code.encode()) == code


def test_a_page_is_read_as_it_is_seen(tmp_path: Path) -> None:
    page = (
        b"<html><head><title>Rivers</title><style>p {}</style><script>var x = '<p>';</script></head>"
        b"<body><h1>The <b>Danube</b></h1><p>flows&nbsp;&amp; flows<br>on</body>"
    )
    words = parsed(tmp_path, "a.html", page).split()
    assert words == ["Rivers", "The", "Danube", "flows", "&", "flows", "on"]


def test_lines_of_a_page_are_those_that_are_seen(tmp_path: Path) -> None:
    page = b"<p>One\n\t line <i>of</i>\n text</p><table><tr><td>a<td>b</tr></table><pre>as\n  written</pre>"
    lines = [line for line in parsed(tmp_path, "a.html", page).splitlines() if line.strip()]
    assert lines == ["One line of text", "\ta\tb", "as", "  written"]


def test_word(tmp_path: Path) -> None:
    assert parsed(tmp_path, "a.docx", files.docx(["One &amp; two", "Three"])) == "One & two\nThree\n"


def test_a_table_in_word_has_a_line_for_each_row(tmp_path: Path) -> None:
    cells = "".join(f"<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>" for text in ("a", "", "c"))
    inner = f"<w:tc><w:tbl><w:tr>{cells}</w:tr></w:tbl><w:p/></w:tc>"
    two = "<w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p><w:p><w:r><w:t>y</w:t></w:r></w:p></w:tc>"
    made = files.docx_of(f"<w:tbl><w:tr>{cells}</w:tr><w:tr>{two}{inner}</w:tr></w:tbl>")
    assert parsed(tmp_path, "a.docx", made) == "a\t\tc\t\nx\ny\ta\t\tc\t\n\t\n"


def test_a_text_box_is_read_once_and_tab_stops_are_no_tabs(tmp_path: Path) -> None:
    box = "<w:p><w:r><w:t>Mind the current!</w:t></w:r></w:p>"
    made = files.docx_of(
        '<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="709"/></w:tabs></w:pPr><w:r><w:t>a</w:t><w:tab/></w:r>'
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:p>"
    )
    assert parsed(tmp_path, "a.docx", made) == "a\tMind the current!\n\n"


def test_headers_of_word_are_read_once(tmp_path: Path) -> None:
    def part(text: str) -> bytes:
        return f'<x xmlns:w="w"><w:p><w:t>{text}</w:t></w:p></x>'.encode()

    margins = {
        "word/footnotes.xml": part("note"),
        "word/header1.xml": part("top"),
        "word/header2.xml": part("top"),
        "word/footer1.xml": part("bottom"),
        "word/diagrams/data1.xml": part("box"),
        "word/styles.xml": part("not this"),
    }
    made = files.docx_of("<w:p><w:r><w:t>text</w:t></w:r></w:p>", margins)
    assert parsed(tmp_path, "a.docx", made).split() == ["text", "note", "box", "bottom", "top"]


def test_powerpoint_in_the_order_of_its_slides(tmp_path: Path) -> None:
    made = files.pptx([f"Slide {n}" for n in range(1, 12)], notes=["Note 1"])
    lines = [line for line in parsed(tmp_path, "a.pptx", made).splitlines() if line]
    assert lines == ["Slide 1", "Note 1", *(f"Slide {n}" for n in range(2, 12))]


def test_excel(tmp_path: Path) -> None:
    made = files.xlsx({"People": [["name", "age"], ["Ann", 31], [None, None]], "Empty": [], "More": [["x", None, 1.5]]})
    assert parsed(tmp_path, "a.xlsx", made) == "People\nname\tage\nAnn\t31\n\nEmpty\n\nMore\nx\t\t1.5\n\n"


def test_pdf(tmp_path: Path) -> None:
    text = parsed(tmp_path, "a.PDF", files.pdf(["First page", "Second page"]))
    assert text.split() == ["First", "page", "Second", "page"]


def test_a_pdf_that_anybody_may_open(tmp_path: Path) -> None:
    assert parsed(tmp_path, "a.pdf", files.encrypted_pdf("")).strip() == "Secret rivers"


PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a<a title=\"x>y\" b='>'>b</a>c", "abc"),
        ("a<a title=don't>b</a>c", "abc"),
        ('a<a title="never closed>b', "ab"),
        ("1 < 2 > 3 &lt; 4 &unknown; &#x41;", "1 < 2 > 3 < 4 &unknown; A"),
        ("a<!-- <p> -- > -->b<!DOCTYPE html>c<?pi?>d</ >e", "abcde"),
        ("a<script>if (b<c) '</p>'</SCRIPT >d<style>p>e</style>f", "a\n\nd\n\nf"),
        ("a<script>b", "a"),
        ("a<!-- b", "a"),
        ("a <b", "a <b"),
        ("<template>a<p>b</template>c", "c"),
    ],
)
def test_pages(tmp_path: Path, page: str, text: str) -> None:
    assert parsed(tmp_path, "a.html", page.encode()).strip() == text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "No text"),
        ("a.txt", b" \n\t", "No text"),
        ("a.txt", PNG, "not a text file"),
        ("a.md", files.docx(["One"]), "not a text file"),
        ("a.pdf", b"", "not a PDF"),
        ("a.pdf", b"Just text.", "not a PDF"),
        ("a.pdf", b"%PDF-1.7\nand nothing else", "damaged"),
        ("a.pdf", files.pdf(["x"])[:300], "damaged"),
        ("a.pdf", files.pdf([""]), "No text"),
        ("a.pdf", files.encrypted_pdf("secret"), "encrypted"),
        ("a.docx", b"PK\x03\x04 and nothing else", "cannot be unpacked"),
        ("a.docx", files.docx(["One"])[:-30], "cannot be unpacked"),
        ("a.docx", files.xlsx({"A": [["x"]]}), "has no word/document.xml"),
        ("a.docx", files.zipped({"word/document.xml": b"<w><unclosed>"}), "damaged"),
        ("a.docx", files.docx(["&x;"], before='<!DOCTYPE w [<!ENTITY x "yyyy">]>'), "entities"),
        ("a.pptx", files.docx(["One"]), "has no ppt/presentation.xml"),
        ("a.pptx", files.pptx([]), "No text"),
        ("a.xlsx", b"a,b,c", "cannot be unpacked"),
        ("a.xlsx", files.docx(["One"]), "damaged"),
    ],
)
def test_what_is_broken_or_lies(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    code, message = refused(tmp_path, name, content)
    assert (code, said in message) == ("invalid_file", True), message


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    content = bytearray(files.docx(["One two three"] * 50))
    content[content.index(b"word/document.xml") + 60] ^= 0xFF
    assert refused(tmp_path, "a.docx", bytes(content))[0] == "invalid_file"


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(documents, "MOST_BYTES", 1 << 20)
    bomb = files.zipped({"word/document.xml": b" " * (2 << 20), "xl/workbook.xml": b""})
    assert len(bomb) < 10_000
    assert refused(tmp_path, name, bomb) == ("invalid_file", "The file unpacks to more than 1 MB.")


def test_a_bomb_that_lies_about_its_size_is_cut_off(tmp_path: Path) -> None:
    """What an entry says of its size is all that is read of it, and then its checksum is wrong."""
    honest = bytearray(files.zipped({"word/document.xml": b" " * (2 << 20)}))
    size = (2 << 20).to_bytes(4, "little")
    while size in honest:
        place = honest.index(size)
        honest[place : place + 4] = (100).to_bytes(4, "little")
    assert refused(tmp_path, "a.docx", bytes(honest))[0] == "invalid_file"


def test_a_zip_of_very_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_ENTRIES", 10)
    assert refused(tmp_path, "a.docx", files.zipped({f"{n}": b"" for n in range(11)}))[0] == "invalid_file"


def test_a_pdf_of_ten_thousand_pages(tmp_path: Path) -> None:
    code, message = refused(tmp_path, "a.pdf", files.pdf(["x"] * 10_000))
    assert (code, message) == ("invalid_file", f"The file has 10000 pages, and at most {pdf.MOST_PAGES} are read.")


def test_a_text_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.retrieval.texts.MOST_BYTES", 10)
    assert refused(tmp_path, "a.txt", b"x" * 11)[0] == "invalid_file"
    monkeypatch.setattr("proxy.retrieval.parsing.MOST_CHARACTERS", 10)
    assert refused(tmp_path, "a.docx", files.docx(["x" * 11]))[0] == "invalid_file"


def test_without_the_packages_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    code, message = refused(tmp_path, "a.pdf", files.pdf(["x"]))
    assert (code, "lacks the package pypdf" in message) == ("unsupported_file", True)
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    assert parsed(tmp_path, "a.txt", EAST.encode("cp1251"))


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.PDF", ".pdf"),
        ("a.tar.gz", ".gz"),
        ("a", ""),
        ("a.", ""),
        (".txt", ""),
        ("dir.d/name", ""),
        ("C:\\x.y\\b.Md", ".md"),
        ("\u6771\u4eac.txt", ".txt"),
        ("../../etc/passwd", ""),
    ],
)
def test_extensions(name: str, extension: str) -> None:
    assert extension_of(name) == extension


def test_what_is_not_supported_is_named_at_once() -> None:
    check_readable(f"x{extension}" for extension in SUPPORTED)
    with pytest.raises(Exception, match=r"^Files with extensions \[none, \.exe, \.png\] are not supported") as refusal:
        check_readable(["b.png", "a.txt", "c.exe", "d"])
    assert (refusal.value.param, refusal.value.code) == ("file_ids", "unsupported_file")  # type: ignore[attr-defined]


def test_bytes_of_any_kind_are_text_or_refused(tmp_path: Path) -> None:
    for n in range(256):
        content = bytes([n]) * 50
        try:
            assert texts.text_of(content)
        except Unreadable:
            assert n < 32 or n > 126
