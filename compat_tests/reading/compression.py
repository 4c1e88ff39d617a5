"""Bodies as they were before compression, as far as this machine can undo it."""

import importlib
import zlib
from typing import Any

from compat_tests.reading.files import LARGEST_BYTES


class NotThatWay(Exception):
    """An entry of a cassette cannot be understood, and why."""


def decompressed(content: bytes, encoding: str) -> bytes:
    """What a body was before its content encoding; what is plain already stays as it is. Raises `NotThatWay`.

    Many recorders undo the encoding and keep the header that tells of it.
    """
    for each in reversed([name.strip().lower() for name in encoding.split(",")]):
        match each:
            case "gzip" | "x-gzip" if content.startswith(b"\x1f\x8b"):
                content = _inflated(content, zlib.MAX_WBITS | 16)
            case "deflate" if content[:1] == b"\x78" and int.from_bytes(content[:2]) % 31 == 0:
                content = _inflated(content, zlib.MAX_WBITS)
            case "deflate" if not _is_text(content):
                content = _inflated(content, -zlib.MAX_WBITS)
            case "br" | "zstd" if not _is_text(content):
                content = _decompressed_by_library(content, each)
    return content


def _inflated(content: bytes, window: int) -> bytes:
    machine = zlib.decompressobj(window)
    try:
        plain = machine.decompress(content, LARGEST_BYTES)
    except zlib.error as mistake:
        raise NotThatWay(f"a compressed body that is broken: {mistake}") from mistake
    if machine.unconsumed_tail:
        raise NotThatWay(f"a compressed body of more than {LARGEST_BYTES // 2**20} MiB")
    if not machine.eof:
        raise NotThatWay("a compressed body that was cut off")
    return plain


def _decompressed_by_library(content: bytes, encoding: str) -> bytes:
    name = {"br": "brotli", "zstd": "zstandard"}[encoding]
    try:
        library: Any = importlib.import_module(name)
    except ImportError as missing:
        raise NotThatWay(f"a body is compressed with {encoding}: install {name} to read it") from missing
    try:
        return bytes(library.decompress(content))
    except Exception as mistake:  # of a library that may be any of several
        raise NotThatWay(f"a compressed body that is broken: {mistake}") from mistake


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
