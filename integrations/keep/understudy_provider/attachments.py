"""The files and the images of a message: what a step names is uploaded where it has to be, and put into the message."""

import base64
import binascii
import mimetypes
from pathlib import Path
from typing import Any

from keep.exceptions.provider_exception import ProviderException

from .api import Api, Deadline
from .parameters import items, text

DEFAULT_TOOL = "file_search"
SEARCHED = frozenset(
    {
        ".c", ".cpp", ".cs", ".css", ".csv", ".doc", ".docx", ".go", ".html", ".java", ".js", ".json", ".md", ".pdf",
        ".php", ".pptx", ".py", ".rb", ".sh", ".tex", ".ts", ".txt", ".xlsx",
    }
)  # fmt: skip
"""Ends of names that file search takes; a log file, for one, is refused under its own name."""


class Uploads:
    """What was uploaded for one message, so that it can be taken away again."""

    def __init__(self, api: Api, deadline: Deadline) -> None:
        self._api = api
        self._deadline = deadline
        self.ids: list[str] = []

    def add(self, name: str, content: bytes, purpose: str) -> str:
        id = self._api.upload(name, content, purpose, self._deadline)
        self.ids.append(id)
        return id


def attached(given: list[Any], uploads: Uploads) -> list[dict[str, Any]]:
    """Attachments of a message.

    Each is the id of a file, or a mapping: `file_id`, or `path`, or `content` with `name`; and `tools`, which is
    `file_search` unless it says `code_interpreter` or both.
    """
    found = []
    for each in given:
        described = {"file_id": each} if isinstance(each, str) else dict(each)
        tools = [
            {"type": tool} if isinstance(tool, str) else tool
            for tool in items("tools", described.pop("tools", DEFAULT_TOOL))
        ]
        searched = {"type": "file_search"} in tools
        found.append({"file_id": _file(described, uploads, searched=searched), "tools": tools})
    return found


def shown(given: list[Any], uploads: Uploads) -> list[dict[str, Any]]:
    """Images of a message, as its parts.

    Each is an address, a `data:` URL, the id of a file, or a mapping: `url`, `file_id`, `path`, or `base64` with
    `name`; and `detail`. Addresses are handed on for the model server to fetch; the others are uploaded.
    """
    return [_image({"url": each} if isinstance(each, str) else dict(each), uploads) for each in given]


def searchable(name: str) -> str:
    """A name that file search takes: `db.log.txt` for `db.log`."""
    return name if Path(name).suffix.lower() in SEARCHED else f"{name}.txt"


def _file(described: dict[str, Any], uploads: Uploads, *, searched: bool) -> str:
    match described:
        case {"file_id": str(id), **rest} if not rest:
            return id
        case {"path": str(path), **rest} if rest.keys() <= {"name"}:
            name = str(rest.get("name", Path(path).name))
            return uploads.add(searchable(name) if searched else name, _read(path), "assistants")
        case {"content": content, "name": str(name), **rest} if not rest:
            return uploads.add(searchable(name) if searched else name, text("content", content).encode(), "assistants")
    raise ProviderException(f"an attachment should have file_id, path, or content with name, not {sorted(described)}")


def _image(described: dict[str, Any], uploads: Uploads) -> dict[str, Any]:
    detail = {"detail": described.pop("detail")} if described.get("detail") else {}
    match described:
        case {"url": str(url), **rest} if not rest and url.startswith(("http://", "https://")):
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case {"url": str(url), **rest} if not rest and url.startswith("data:"):
            kind, _, encoded = url.removeprefix("data:").partition(";base64,")
            id = uploads.add(f"image{mimetypes.guess_extension(kind) or '.png'}", _decoded(encoded), "vision")
        case {"url": str(id), **rest} | {"file_id": str(id), **rest} if not rest and id.startswith("file"):
            pass
        case {"path": str(path), **rest} if not rest:
            id = uploads.add(Path(path).name, _read(path), "vision")
        case {"base64": str(encoded), **rest} if rest.keys() <= {"name"}:
            id = uploads.add(str(rest.get("name", "image.png")), _decoded(encoded), "vision")
        case _:
            raise ProviderException(f"an image should have url, file_id, path, or base64, not {str(described)[:200]}")
    return {"type": "image_file", "image_file": {"file_id": id, **detail}}


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ProviderException(f"{path} cannot be read: {error.strerror}") from None


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except binascii.Error as error:
        raise ProviderException(f"an image is not base64: {error}") from None
