"""Files that requests name: there must be such, in the transaction that saves what names them."""

from collections.abc import Iterable

from proxy.errors import NotFound
from proxy.schema.files import FileObject
from proxy.schema.messages import ImageFileContent, Message
from proxy.store import Connection, files


async def existing_files(
    db: Connection, project: str, ids: Iterable[str], *, at: int, param: str | None = None
) -> dict[str, FileObject]:
    """By id. Raises `NotFound` for those that there are not."""
    wanted = list(dict.fromkeys(ids))
    there = await files.find_files(db, project, wanted, now=at) if wanted else {}
    missing = [f"'{id}'" for id in wanted if id not in there]
    if missing:
        raise NotFound(f"File(s) with id(s) {', '.join(missing)} were not found.", param=param)
    return there


async def check_files_of(db: Connection, project: str, messages: Iterable[Message], *, at: int) -> None:
    """Raises `NotFound` for an image or an attachment that there is not."""
    await existing_files(db, project, [id for message in messages for id in _named(message)], at=at)


def _named(message: Message) -> list[str]:
    images = [part.image_file.file_id for part in message.content if isinstance(part, ImageFileContent)]
    return images + [attachment["file_id"] for attachment in message.attachments if "file_id" in attachment]
