"""Files that are empty, too large, broken, hostile, or not what they say: refused in so many words, and nobody harmed.

Each is put into a store together with a good file, which must be read and found all the same; meanwhile the server
answers others, and its memory stays what it was.
"""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.bad_input import makers
from tests.bad_input.visitor import FORM, GOOD, Visitor, form, form_around
from tests.retrieval import files

TOO_LARGE = 513 << 20
MOST_GROWTH_MEGABYTES = 64
SLOWEST_SECONDS = 3.0
"""Of any answer while a file is read, on a machine that has other things to do."""

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)) * 40
UNPACKS = "The file unpacks to more than 256 MB."
INVALID: list[tuple[str, str, Callable[[], bytes], str]] = [
    ("a bomb", "a.docx", lambda: makers.bomb("word/document.xml"), UNPACKS),
    ("a bomb", "a.doc", lambda: makers.bomb("word/document.xml"), UNPACKS),
    ("a bomb", "a.pptx", lambda: makers.bomb("ppt/slides/slide1.xml", "ppt/presentation.xml"), UNPACKS),
    ("a bomb", "a.xlsx", lambda: makers.bomb("xl/sharedStrings.xml", "xl/workbook.xml"), UNPACKS),
    ("a bomb that lies", "a.docx", lambda: makers.liar("word/document.xml"), "damaged"),
    ("a bomb that lies", "a.pptx", lambda: makers.liar("ppt/slides/slide1.xml", "ppt/presentation.xml"), "damaged"),
    ("a bomb that lies", "a.xlsx", lambda: makers.liar("xl/workbook.xml"), "damaged"),
    ("very many entries", "a.docx", makers.crowd, UNPACKS),
    ("entries that overlap", "a.docx", lambda: makers.overlapping("word/document.xml"), UNPACKS),
    ("entities", "a.docx", makers.laughs, "defines entities"),
    ("rows without end", "a.xlsx", lambda: makers.sheet(
        f'<sheetData><row r="999999999999">{makers.cell("A999999999999", "far")}</row></sheetData>'
    ), "rows"),
    ("wide rows", "a.xlsx", lambda: makers.sheet(
        "<sheetData>" + "".join(f'<row r="{n}">{makers.cell(f"XFD{n}", "x")}</row>' for n in range(1, 90_000))
        + "</sheetData>"
    ), "cells"),
    ("ten thousand pages", "a.pdf", lambda: files.pdf(["x"] * 10_000), "The file has 10000 pages, and at most 5000"),
    ("a password", "a.pdf", lambda: files.encrypted_pdf("secret"), "The file is encrypted."),
    ("a stream that unpacks to a gigabyte", "a.pdf", lambda: makers.pdf_bomb(1), ""),
    ("a stream packed thrice", "a.pdf", lambda: makers.pdf_bomb(3), ""),
    ("pages in a circle", "a.pdf", makers.pdf_that_goes_round, ""),
    ("a billion pages, it says", "a.pdf", makers.pdf_that_lies_about_its_pages, ""),
    ("a picture", "a.pdf", lambda: PNG, "The file is not a PDF"),
    ("a picture", "a.txt", lambda: PNG, "The file is not a text file"),
    ("a PDF", "a.txt", lambda: makers.pdf_bomb(1)[:20_000], "The file is not a text file"),
    ("a zip", "a.doc", lambda: files.zipped({"x": b"y"}), "not what its name says"),
    ("a text", "a.docx", lambda: GOOD, "cannot be unpacked"),
    ("a text", "a.xlsx", lambda: GOOD, "cannot be unpacked"),
    ("a line of fifty megabytes", "a.txt", makers.line, "tokens, and at most 5000000 are read"),
    ("spaces only", "a.md", lambda: b" \n" * 100_000, "No text was found"),
]  # fmt: skip

READ: list[tuple[str, str, Callable[[], bytes], str]] = [
    ("a bomb that nobody opens", "a.docx", makers.nested, "unpacks"),
    ("an owner's password", "a.pdf", makers.pdf_with_owners_password, "secret"),
    ("deep JSON", "a.json", lambda: b"[" * 1_000_000 + b'"pike"' + b"]" * 1_000_000, "pike"),
    ("a deep page", "a.html", lambda: b"<div><b><table>" * 200_000 + b"pike", "pike"),
    ("a page of tags without end", "a.html", lambda: b"pike <" + b"<a " * 200_000, "pike"),
    ("a page of comments without end", "a.html", lambda: b"pike <" + b"<!--" * 200_000, "pike"),
    ("a page of values without end", "a.html", lambda: b"pike " + b"<a b='" * 200_000 + b'<a b="' * 200_000, "pike"),
    ("a page of declarations without end", "a.html", lambda: b"pike " + b"<!a <![CDATA[<?a" * 100_000, "pike"),
    ("a page of scripts without end", "a.html", lambda: b"pike " + b"<script>" * 100_000, "pike"),
    ("invalid UTF-8", "a.txt", lambda: b"A pike \xff\xfe\xfa\xc3( and \xed\xa0\x80.", "pike"),
    ("UTF-16 without a mark", "a.txt", lambda: "A pike and a carp.\n".encode("utf-16-le") * 50, "pike"),
    ("a sheet that says it is endless", "a.xlsx", lambda: makers.sheet(
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="1">' + makers.cell("A1", "pike") + "</row></sheetData>"
    ), "pike"),
    ("a sheet that says it is small", "a.xlsx", lambda: makers.sheet(
        '<dimension ref="A1:A1"/><sheetData><row r="3">' + makers.cell("C3", "pike") + "</row></sheetData>"
    ), "pike"),
]  # fmt: skip


def named(case: tuple[str, str, Callable[[], bytes], str]) -> str:
    return f"{case[0]} as {case[1]}"


@pytest.fixture(autouse=True)
def unharmed(visitor: Visitor) -> Iterator[None]:
    """Nothing that a file does is felt in the server."""
    before = visitor.megabytes()
    visitor.slowest = 0.0
    yield
    assert visitor.say("GET", "/health", None, {})[0] == 200
    assert visitor.megabytes() - before < MOST_GROWTH_MEGABYTES
    assert visitor.slowest < SLOWEST_SECONDS


@pytest.mark.parametrize("case", INVALID, ids=named)
def test_what_cannot_be_read_fails_alone(visitor: Visitor, case: tuple[str, str, Callable[[], bytes], str]) -> None:
    _, name, make, said = case
    bad, good = visitor.upload(name, make()), visitor.upload("good.txt", GOOD)
    store = visitor.store(bad, good)
    ended = visitor.read(store)
    assert ended[good]["status"] == "completed"
    assert (ended[bad]["status"], ended[bad]["usage_bytes"]) == ("failed", 0)
    error = ended[bad]["last_error"]
    assert error["code"] == "invalid_file"
    assert said in error["message"]
    assert visitor.found(store, "otter") == [(good, "good.txt")]
    counts = {"in_progress": 0, "completed": 1, "failed": 1, "cancelled": 0, "total": 2}
    assert visitor.did("GET", store)["file_counts"] == counts


@pytest.mark.parametrize("case", READ, ids=named)
def test_what_looks_worse_than_it_is(visitor: Visitor, case: tuple[str, str, Callable[[], bytes], str]) -> None:
    _, name, make, word = case
    odd = visitor.upload(name, make())
    store = visitor.store(odd)
    file = visitor.read(store)[odd]
    assert (file["status"], file["last_error"]) == ("completed", None)
    assert visitor.found(store, word)[0] == (odd, name)


def test_an_empty_file(visitor: Visitor) -> None:
    before = visitor.on_disk()
    status, body, _ = visitor.say("POST", "/v1/files", form(b'filename="a.txt"', b""), FORM)
    error = json.loads(body)["error"]
    assert (status, error["message"], error["param"]) == (400, "File is empty.", "file")
    assert visitor.on_disk() == before


@pytest.mark.parametrize("has_length", [True, False])
def test_a_file_of_513_megabytes(visitor: Visitor, has_length: bool) -> None:
    """Where its length is said it is refused before any of it comes; otherwise when it has become too large."""
    before, memory, sent = visitor.on_disk(), visitor.megabytes("VmHWM"), 0
    head, tail = form_around(b'filename="a.txt"')
    piece = bytes(1 << 20)

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield head
        while sent < TOO_LARGE and not has_length:
            yield piece
            sent += len(piece)

    length = {"Content-Length": str(TOO_LARGE + len(head) + len(tail))} if has_length else {}
    status, answer, _ = visitor.say("POST", "/v1/files", body(), FORM | length)
    error = json.loads(answer)["error"]
    assert (status, error["type"]) == (413, "invalid_request_error")
    assert error["message"].startswith("Maximum content size limit (536870912) exceeded (")
    assert visitor.on_disk() == before
    assert visitor.megabytes("VmHWM") - memory < MOST_GROWTH_MEGABYTES
