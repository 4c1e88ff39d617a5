"""Multipart forms, from their bytes to `Part`s."""

import re
import urllib.parse
from typing import Final

from compat_tests.exchange import Part

BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
PARAMETER: Final = re.compile(r';\s*([a-z]+\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.IGNORECASE)


class NotAForm(Exception):
    """Why these bytes are none."""


def parts_of(body: bytes, content_type: str) -> tuple[Part, ...]:
    """Raises `NotAForm`. Line ends may be plain newlines: some cassettes have lost the rest of them."""
    found = BOUNDARY.search(content_type)
    if not found:
        raise NotAForm("its content type names no boundary")
    boundary = re.escape((found[1] or found[2]).encode())
    pieces = re.split(rb"(?:^|\r?\n)--" + boundary + rb"(--|)[ \t]*(?=\r?\n|$)", body)
    if len(pieces) < 3:
        raise NotAForm("the boundary that its content type names is not in it")
    # What was before the first boundary, then by turns how a boundary ended and what came after it.
    endings, contents = pieces[1::2], pieces[2::2]
    if b"--" not in endings:
        raise NotAForm("it has no end")
    return tuple(_part(each) for each in contents[: endings.index(b"--")])


def _part(piece: bytes) -> Part:
    head, found, data = re.sub(rb"^\r?\n", b"", piece, count=1).partition(b"\r\n\r\n")
    if not found or b"\n\n" in head:
        head, found, data = re.sub(rb"^\r?\n", b"", piece, count=1).partition(b"\n\n")
    if not found:
        raise NotAForm("a part of it has no content")
    headers = {}
    for line in head.decode(errors="replace").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    said = _parameters(headers.get("content-disposition", ""))
    if "name" not in said:
        raise NotAForm("a part of it has no name")
    return Part(
        name=said["name"],
        data=data,
        filename=said.get("filename*", said.get("filename")),
        content_type=headers.get("content-type"),
    )


def _parameters(disposition: str) -> dict[str, str]:
    found = {}
    for name, quoted, plain in PARAMETER.findall(disposition):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain.strip()
        if name.endswith("*"):
            value = urllib.parse.unquote(value.rpartition("'")[2])
        elif quoted:
            # Browsers and aiohttp write quotes and newlines of names so.
            value = value.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
        found[name.lower()] = value
    return found
