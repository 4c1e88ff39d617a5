"""Contents of files for tests: kept, read back, and looked for."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from proxy.store.blobs import PIECE_BYTES, Blobs, KeptBlob

NAME = "file-AbCdEfGhIjKlMnOpQrStUv"
LARGE = bytes(range(256)) * (3 * PIECE_BYTES // 256) + b"tail"


async def keep(blobs: Blobs, name: str, content: bytes, *, piece: int = 70_000) -> KeptBlob:
    new = await blobs.new(name, with_md5=True)
    for start in range(0, len(content), piece):
        await new.write(content[start : start + piece])
    return await new.keep()


async def content_of(blobs: Blobs, name: str, **part: int) -> bytes:
    async with aclosing(blobs.read(name, **part)) as pieces:
        return b"".join([piece async for piece in pieces])


def only(*kept: str) -> Callable[[list[str]], Awaitable[set[str]]]:
    """What rows name, for `sweep`."""

    async def known(names: list[str]) -> set[str]:
        return set(kept) & set(names)

    return known
