"""OLE containers: files of streams, as Office wrote them until 2003, and writes what a password protects.

olefile reads them ([MS-CFB]). What makes it read more than there is, and never end, is refused before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import IO, Any, Final

from proxy.retrieval.unreadable import Unreadable

MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""Of an OLE container."""
MOST_BYTES: Final = 128 << 20
"""Of the stream that the text is in; pictures are in others. Word itself stops at 32 MB of text."""

_PACKAGE: Final = "EncryptedPackage"
_CONTAINER: Final = Struct("<30xHH10xI16xI")
"""Of the header of a container ([MS-CFB] 2.2): the size of its sectors and mini sectors, as powers of two, and how many
sectors of FAT and of mini FAT there are."""


def is_encrypted_package(path: Path) -> bool:
    """Whether a file is a container with a newer document in it that a password protects."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return False
        with opened(file) as container:
            return is_encrypted(container)


def is_encrypted(container: Any) -> bool:
    return bool(container.exists(_PACKAGE))


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Any]:
    """The container, which is an OleFileIO. Raises `Unreadable`, or what olefile does."""
    from olefile import OleFileIO  # type: ignore[import-untyped]

    size = _check_container(file)
    with OleFileIO() as container:
        # It compares each stream with all others, of which a file may have a million.
        container._check_duplicate_stream = lambda *_, **__: None
        container.open(file)
        # A stream is read as long as it says, whatever its sectors are: round in circles, if they are linked so.
        if container.root.size > size:
            raise Unreadable("The file is damaged: it breaks off.")
        yield container


def stream_of(container: Any, name: str) -> bytes | None:
    """None for one that is not there."""
    if not container.exists(name):
        return None
    length = container.get_size(name)
    if length > MOST_BYTES:
        raise Unreadable(f"The file has more than {MOST_BYTES} bytes of text.")
    if length > container._filesize:
        raise Unreadable("The file is damaged: it breaks off.")
    return bytes(container.openstream(name).read())


def _check_container(file: IO[bytes]) -> int:
    """Refuse a container that cannot be as large as it says; its size."""
    size = file.seek(0, 2)
    file.seek(0)
    try:
        sector, mini_sector, fat, mini_fat = _CONTAINER.unpack(file.read(_CONTAINER.size))
    except StructError:
        raise Unreadable("The file is damaged: it breaks off.") from None
    file.seek(0)
    if (sector, mini_sector) not in {(9, 6), (12, 6)}:
        raise Unreadable("The file is damaged: its sectors have no size that there is.")
    # A sector of the FAT is about as many sectors as it has places for, 4 bytes each, and a few are kept in reserve.
    if fat << 2 * sector - 2 > 2 * size + (64 << 2 * sector - 2) or mini_fat << sector > size:
        raise Unreadable("The file is damaged: it breaks off.")
    return size
