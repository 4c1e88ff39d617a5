"""Files of recorded traffic: opened, measured and parsed, or refused in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

LARGEST_BYTES: Final = 256 * 2**20
ENDINGS: Final = frozenset({".json", ".har", ".yaml", ".yml"})


class Unreadable(Exception):
    """A file holds no recorded traffic, or holds it in a way that cannot be read: which file and entry, and why."""


def files_below(directory: Path) -> Iterator[Path]:
    """Every file in it that may be a recording, by its name's ending; hidden ones are left out."""
    for file in sorted(directory.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(directory).parts)
        if not hidden and file.suffix.lower() in ENDINGS and file.is_file():
            yield file


def content_of(file: Path) -> bytes:
    """Raises `Unreadable` for a file that is not there, may not be read, is empty or larger than 256 MiB."""
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise Unreadable(f"{file}: larger than {LARGEST_BYTES // 2**20} MiB")
        content = file.read_bytes()
    except OSError as failure:
        raise Unreadable(f"{file}: {failure.strerror or failure}") from failure
    if not content.strip():
        raise Unreadable(f"{file}: empty")
    return content


def json_of(content: bytes, file: Path) -> Any:
    """Raises `Unreadable`."""
    try:
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as mistake:
        raise Unreadable(f"{file}: no JSON: {mistake}") from mistake
