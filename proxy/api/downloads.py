"""What a file holds, as an answer: its type and name, and the range of it that the client asks for."""

import logging
import mimetypes
import re
from contextlib import aclosing
from typing import Final
from urllib.parse import quote

from aiohttp import web
from msgspec import Struct

from proxy.api.middleware import request_id_of
from proxy.errors import NoSuchRange
from proxy.operations.files import FileContent

log = logging.getLogger(__name__)

ANY_BYTES: Final = "application/octet-stream"
# Only those that Python knows itself: with the machine's own the same file would have other types elsewhere.
_TYPES: Final = mimetypes.MimeTypes()
_MOST_BYTES: Final = 255
"""Of a name to save a file under; one that was uploaded may be so long that clients refuse the header."""
_MOST_ENDING_BYTES: Final = 20


class Range(Struct, frozen=True):
    start: int
    length: int


async def send_content(request: web.Request, content: FileContent) -> web.StreamResponse:
    """All of it, or a range. What fails before the first piece is an ordinary error; later, the answer breaks off."""
    size = content.file.bytes
    etag = f'"{content.sha256}"'
    headers = {
        "Content-Type": type_of(content.file.filename),
        "Content-Disposition": disposition_for(content.file.filename),
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    if etag in re.split(r"\s*,\s*", request.headers.get("If-None-Match", "")):
        return web.Response(status=304, headers={"ETag": etag})
    wanted = None
    if request.headers.get("If-Range", etag) == etag:
        wanted = range_of(request.headers.get("Range", ""), size)
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
    part = wanted or Range(0, size)
    if wanted is not None:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    response.content_length = part.length
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    return await _stream(request, response, content, part)


async def _stream(
    request: web.Request, response: web.StreamResponse, content: FileContent, part: Range
) -> web.StreamResponse:
    left = part.length
    try:
        async with aclosing(content.read(part.start, part.length)) as pieces:
            async for piece in pieces:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(piece)
                left -= len(piece)
        if left:
            raise EOFError(f"{content.file.id} is {left} bytes shorter than it was")
        await response.write_eof()
    except ConnectionResetError:
        log.debug("request %s: the client left its download", request_id_of(request))
    except Exception:
        if not response.prepared:
            raise
        log.exception("request %s: the download broke off", request_id_of(request))
        if request.transport is not None:
            request.transport.abort()  # or the client would wait for the rest
    return response


def range_of(header: str, size: int) -> Range | None:
    """None for everything, which is also the answer to a header that nobody understands, or that asks for several.

    Raises `NoSuchRange` where the file has none of it.
    """
    found = re.fullmatch(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", header, flags=re.ASCII | re.IGNORECASE)
    if found is None or not (found[1] or found[2]) or len(header) > 64:
        return None
    if found[1]:
        start = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < start:
            return None
    else:
        start, last = max(0, size - int(found[2])), size - 1
    if start > last:
        raise NoSuchRange(f"The range '{header}' is not in the file, which holds {size} bytes.")
    return Range(start, last - start + 1)


def type_of(filename: str) -> str:
    """By its name. The real service said `application/octet-stream` of everything.

    It still does here of JSON, because old clients in JavaScript made objects of what was to be text, and of what a
    browser would run. Text is called UTF-8, because without a charset some clients take it for Latin-1.
    """
    kind, encoding = _TYPES.guess_type(_last_part(filename), strict=True)
    if kind is None or encoding is not None or kind in _NOT_SAID:
        return ANY_BYTES
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


_NOT_SAID: Final = frozenset(
    {
        "application/json",
        "application/javascript",
        "text/javascript",
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
    }
)


def disposition_for(filename: str) -> str:
    """A name to save it under: what a path would mean something by, or a header, is left out of it."""
    name = "".join(character for character in _last_part(filename) if character.isprintable()).strip(" .") or "file"
    name = _short(name)
    plain = name.encode("ascii", "replace").decode().replace("\\", "_").replace('"', "_")
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


def _short(name: str) -> str:
    """As file systems can hold it, and headers: of a longer one, its beginning and its end."""
    if len(name.encode()) <= _MOST_BYTES:
        return name
    stem, dot, end = name.rpartition(".")
    end = dot + end if stem and len(end.encode()) <= _MOST_ENDING_BYTES else ""
    return name.encode()[: _MOST_BYTES - len(end.encode())].decode("utf-8", "ignore") + end


def _last_part(filename: str) -> str:
    return re.split(r"[\\/]", filename)[-1]
