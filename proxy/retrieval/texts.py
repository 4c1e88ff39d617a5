"""Texts of whatever encoding, from bytes to characters; what is no text is refused."""

import re
from pathlib import Path
from typing import Final

from proxy.retrieval.pages import text_of_page
from proxy.retrieval.unreadable import Unreadable

MOST_BYTES: Final = 128 << 20

_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),  # before UTF-16, whose mark it begins with
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SAMPLE: Final = 1 << 16
_ACCENTS: Final = 0.2
"""Up to this share of its bytes outside of ASCII, a text that is no UTF-8 is taken for a Western European one."""
_STRANGE: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_STRANGE: Final = 0.01
"""Of the characters of a text; anything else has more."""


def bytes_of(path: Path) -> bytes:
    """Of a file that is read at once. Raises `Unreadable` for one that is too large for that."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise Unreadable(f"The file has {size} bytes, and of texts at most {MOST_BYTES} are read.")
    return path.read_bytes()


def text_of(data: bytes) -> str:
    """Raises `Unreadable` for what is no text."""
    text = _decoded(data)
    sample = text[:_SAMPLE]
    if len(_STRANGE.findall(sample)) > _MOST_STRANGE * len(sample):
        raise Unreadable("The file is not a text file, although its name ends like one.")
    return text


def text_of_html(data: bytes) -> str:
    """What a reader would see of a page."""
    return text_of_page(text_of(data))


def _decoded(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    wide = _wide(data[:_SAMPLE])
    if wide is not None:
        return data.decode(wide, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(guessed(data[:_SAMPLE]), "replace")


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: text of it that has any ASCII has zeros, all on one side."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 10 < len(sample) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def guessed(sample: bytes) -> str:
    """The encoding of a text that is no Unicode."""
    if sum(byte > 127 for byte in sample) <= _ACCENTS * len(sample):
        return "cp1252"
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "cp1252"
    guess = from_bytes(sample).best()
    return "cp1252" if guess is None else guess.encoding
