"""Files that mean no good, made when they are wanted: some of them are large."""

import io
import random
import struct
import zlib
from zipfile import ZIP_DEFLATED, ZipFile

from tests.retrieval import files

LARGE = 300 << 20
"""More than is ever unpacked of a file."""


def bomb(part: str, *others: str) -> bytes:
    """One entry that is a thousand times as large as the file."""
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED, compresslevel=1) as file:
        for other in others:
            file.writestr(other, b"<x/>")
        with file.open(part, "w", force_zip64=True) as stream:
            piece = b" " * (1 << 20)
            for _ in range(LARGE // len(piece)):
                stream.write(piece)
    return made.getvalue()


def liar(part: str, *others: str) -> bytes:
    """The same, and its directory says that it is small."""
    made = bytearray(bomb(part, *others))
    for size in (LARGE.to_bytes(8, "little"), LARGE.to_bytes(4, "little")):
        while (place := made.find(size)) >= 0:
            made[place : place + len(size)] = (1000).to_bytes(len(size), "little")
    return bytes(made)


def crowd() -> bytes:
    return files.zipped({"word/document.xml": b"<x/>"} | {f"{n}": b"" for n in range(30_000)})


def overlapping(part: str) -> bytes:
    """A hundred entries that are one and the same."""
    one = files.zipped({part: b" " * (16 << 20)})
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entry = one[start:end]
    return (
        one[:start] + entry * 100 + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 100, 100, len(entry) * 100, start, 0)
    )


def nested() -> bytes:
    inner = files.zipped({"word/document.xml": b" " * (8 << 20)})
    for depth in range(5):
        inner = files.zipped({f"{depth}-{n}.docx": inner for n in range(4)})
    return files.docx_of("<w:p><w:r><w:t>Nothing unpacks what is inside.</w:t></w:r></w:p>", {"word/inner.zip": inner})


def laughs() -> bytes:
    names = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return files.docx(["&l11;"], before=f'<!DOCTYPE w [<!ENTITY l0 "ha">{names}]>')


def sheet(rows: str) -> bytes:
    """A workbook with a sheet of XML that its maker wrote."""
    made = files.xlsx({"Sheet": [["x"]]})
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with ZipFile(io.BytesIO(made)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["xl/worksheets/sheet1.xml"] = f'<worksheet xmlns="{main}">{rows}</worksheet>'.encode()
    return files.zipped(parts)


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def pdf_of(*objects: bytes, root: int = 1) -> bytes:
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(made), len(objects) + 1
    made += b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return made + b"trailer << /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, root, start)


PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"


def pdf_bomb(times: int) -> bytes:
    """A page of a gigabyte of spaces, packed so many times."""
    packer = zlib.compressobj(9)
    piece = b" " * (1 << 20)
    packed = b"".join(packer.compress(piece) for _ in range(1024)) + packer.flush()
    for _ in range(times - 1):
        packed = zlib.compress(packed, 9)
    filters = b"/FlateDecode " * times
    stream = b"<< /Length %d /Filter [%b] >>\nstream\n%b\nendstream" % (len(packed), filters, packed)
    return pdf_of(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", PAGE, stream)


def pdf_that_goes_round() -> bytes:
    inner = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 1 >>"
    return pdf_of(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", inner)


def pdf_that_lies_about_its_pages() -> bytes:
    return pdf_of(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>", PAGE, b"<< >>")


def pdf_with_owners_password() -> bytes:
    return files.encrypted_pdf("")


def line() -> bytes:
    """Fifty megabytes, and nowhere to cut."""
    lot = random.Random(7)
    return b"".join(lot.choice((b"ab", b"cd", b"xyz", b"0")) for _ in range(1 << 16)) * 400
