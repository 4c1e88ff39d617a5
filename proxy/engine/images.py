"""The image files of a thread, read for its next prompt: in threads, and never more of them than memory should hold."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Final

from proxy.runs.images import data_url
from proxy.runs.prompt import Unsendable, image_files
from proxy.schema.files import FileObject
from proxy.schema.messages import Message
from proxy.store import Store, files
from proxy.store.blobs import BlobMissing, Blobs

MOST_BYTES: Final = 20 << 20
"""Of one image, as the real service had it."""
MOST_BYTES_TOGETHER: Final = 100 << 20


async def read_images(
    store: Store, blobs: Blobs, project: str, history: Iterable[Message], *, now: int
) -> Mapping[str, str]:
    """A URL for each image file in the messages, by file id. Raises `Unsendable`, which names file and message."""
    wanted = image_files(history)
    if not wanted:
        return {}
    found = await store.read(lambda db: files.find_files(db, project, wanted, now=now))
    for id, message_id in wanted.items():
        _check(id, message_id, found.get(id))
    if sum(file.bytes for file in found.values()) > MOST_BYTES_TOGETHER:
        raise Unsendable(
            f"The image files of this thread are larger than {MOST_BYTES_TOGETHER >> 20} MB together. Send smaller "
            "ones, or begin the prompt later, with a truncation_strategy of the type last_messages."
        )
    return {id: await _url(blobs, id, message_id) for id, message_id in wanted.items()}


def _check(id: str, message_id: str, file: FileObject | None) -> None:
    if file is None:
        raise _gone(id, message_id)
    if file.bytes > MOST_BYTES:
        raise Unsendable(
            f"The image file '{id}' in message {message_id} is larger than {MOST_BYTES >> 20} MB. Delete the message, "
            "and send a smaller one."
        )


async def _url(blobs: Blobs, id: str, message_id: str) -> str:
    try:
        async with aclosing(blobs.read(id)) as pieces:
            content = b"".join([piece async for piece in pieces])
    except BlobMissing:  # deleted since its row was read
        raise _gone(id, message_id) from None
    url = await asyncio.to_thread(data_url, content)
    if url is None:
        raise Unsendable(
            f"The file '{id}' in message {message_id} is no image that a model can see: PNG, JPEG, GIF and WebP are. "
            "Delete the message, and send the image as one of these."
        )
    return url


def _gone(id: str, message_id: str) -> Unsendable:
    return Unsendable(
        f"The image file '{id}' in message {message_id} is not there any more: it was deleted, or has expired. "
        "Delete the message, and send the image again."
    )
