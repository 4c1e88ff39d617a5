"""OLE containers and Word files, written by hand: for what no program writes today, or should ever write."""

import struct
from collections.abc import Mapping, Sequence

from proxy.retrieval.ole import MAGIC

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
SECTOR = 512
LEAST = 4096
"""Of a stream; smaller ones would be elsewhere, and are filled up here."""


def container(streams: Mapping[str, bytes]) -> bytes:
    """[MS-CFB], with one sector of FAT: up to 64 KB."""
    contents = [content.ljust(LEAST, b"\0") for content in streams.values()]
    sizes = [-(-len(content) // SECTOR) for content in contents]
    directory = 1 + sum(sizes)
    fat, starts = [FAT], []
    for size in sizes:
        starts.append(len(fat))
        fat += [*range(len(fat) + 1, len(fat) + size), END]
    fat.append(END)
    assert len(streams) < 4
    assert len(fat) <= SECTOR // 4
    entries = [_entry("Root Entry", 5, child=1, start=END, size=0)]
    for number, (name, content) in enumerate(zip(streams, contents, strict=True), 1):
        right = number + 1 if number < len(streams) else FREE
        entries.append(_entry(name, 2, right=right, start=starts[number - 1], size=len(content)))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII", MAGIC, 0x3E, 3, 0xFFFE, 9, 6, 0, 1, directory, 0, LEAST, END, 0, END, 0, 0
    )
    header += struct.pack("<108I", *[FREE] * 108)
    table = struct.pack("<128I", *(fat + [FREE] * (128 - len(fat))))
    body = b"".join(content.ljust(size * SECTOR, b"\0") for content, size in zip(contents, sizes, strict=True))
    return header + table + body + b"".join(entries).ljust(SECTOR, b"\0")


def _entry(name: str, kind: int, *, right: int = FREE, child: int = FREE, start: int, size: int) -> bytes:
    written = (name + "\0").encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16s4xQQIQ", written, len(written), kind, 1, FREE, right, child, b"", 0, 0, start, size
    )


def word97(
    pieces: Sequence[str | bytes],
    counts: Sequence[int] = (),
    *,
    ident: int = 0xA5EC,
    version: int = 193,
    flags: int = 0x0200,
    before: bytes = b"",
    places: Sequence[int] = (),
) -> bytes:
    """Pieces that are `str` are UTF-16, `bytes` one byte a character. `counts` are of the parts; all main if none."""
    text, found, ends = b"", [], [0]
    for piece in pieces:
        start = 1024 + len(text)
        if isinstance(piece, bytes):
            found.append(1 << 30 | start << 1)
            text += piece
            ends.append(ends[-1] + len(piece))
        else:
            found.append(start)
            data = piece.encode("utf-16-le", "surrogatepass")
            text += data
            ends.append(ends[-1] + len(data) // 2)
    ends = list(places or ends)
    plc = struct.pack(f"<{len(ends)}I", *ends) + b"".join(struct.pack("<HIH", 0, where, 0) for where in found)
    clx = before + b"\x02" + struct.pack("<I", len(plc)) + plc
    told = [*(counts or [ends[-1]]), *[0] * 8][:8]
    document = bytearray(1024)
    struct.pack_into("<HH6xH", document, 0, ident, version, flags)
    struct.pack_into("<8I", document, 76, *told)
    struct.pack_into("<II", document, 418, 0, len(clx))
    return container({"WordDocument": bytes(document) + text, "1Table" if flags & 0x0200 else "0Table": clx})


def word95(text: bytes, *, pieces: Sequence[tuple[int, int]] = (), mac: bool = False) -> bytes:
    """`pieces` are lengths and starts in the text."""
    document = bytearray(1024)
    struct.pack_into("<HH", document, 0, 0xA5DC, 104)
    document[18] = mac
    struct.pack_into("<I", document, 24, 1024)
    struct.pack_into("<I", document, 52, sum(length for length, _ in pieces) or len(text))
    ends = [0]
    for length, _ in pieces:
        ends.append(ends[-1] + length)
    plc = struct.pack(f"<{len(ends)}I", *ends)
    plc += b"".join(struct.pack("<HIH", 0, 1024 + start, 0) for _, start in pieces)
    clx = b"\x02" + struct.pack("<I", len(plc)) + plc if pieces else b""
    struct.pack_into("<II", document, 352, 1024 + len(text), len(clx))
    return container({"WordDocument": bytes(document) + text + clx})
