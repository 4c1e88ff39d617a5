"""Multipart bodies: their parts, one after the other, as they come in.

aiohttp finds the parts; their names are read here, because it would change some: those that begin with a slash, hold
two semicolons, or are no UTF-8.
"""

import asyncio
import re
from collections.abc import Awaitable
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from msgspec import Struct

from proxy.errors import InvalidRequest

T = TypeVar("T")

READ_BYTES: Final = 1 << 18
SILENCE_SECONDS: Final = 120.0
"""How long a client may send nothing in the middle of its body."""
_MOST_TEXT_BYTES: Final = 1 << 16


class Part(Struct, frozen=True, kw_only=True):
    """One part, to be read before the next is asked for."""

    name: str
    filename: str | None
    """As the client named it, whatever stands in it; None for a part that is no file."""
    body: BodyPartReader

    async def read(self) -> bytes:
        """What has come; nothing at its end."""
        return await _understood(self.body.read_chunk(READ_BYTES))

    async def text(self) -> str:
        read = bytearray()
        while piece := await self.read():
            read += piece
            if len(read) > _MOST_TEXT_BYTES:
                raise InvalidRequest(f"The field '{self.name}' is too long.", param=self.name)
        return _decoded(bytes(read))


class Form:
    """The body of a request, part by part. Raises `InvalidRequest` where it is no form, or breaks off."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._reader: MultipartReader | None = None

    async def next(self) -> Part | None:
        """The next part; None after the last."""
        if self._reader is None:
            if not self._request.content_type.startswith("multipart/"):
                raise InvalidRequest(
                    "The body of this request must be a form of the type multipart/form-data, and it is "
                    f"{self._request.content_type}."
                )
            self._reader = await _understood(self._request.multipart())
        body = await _understood(self._reader.next())
        if body is None:
            return None
        if not isinstance(body, BodyPartReader):
            raise InvalidRequest("The parts of a form cannot be forms themselves.")
        named = disposition_of(body.headers.get("Content-Disposition", ""))
        return Part(name=named.get("name", ""), filename=named.get("filename"), body=body)


async def _understood(waiting: Awaitable[T]) -> T:
    """What the client sends next, or why that is nothing."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await waiting
    except TimeoutError:
        raise InvalidRequest(f"The body of your request broke off: nothing came for {SILENCE_SECONDS:g} s.") from None
    except (AssertionError, BadHttpMessage, RuntimeError, ValueError) as error:
        # aiohttp has no error of its own for a body that is no form.
        raise InvalidRequest("We could not parse the body of your request as a form of its boundary.") from error


_PARAMETER: Final = re.compile(r';\s*([\w-]+\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')


def disposition_of(header: str) -> dict[str, str]:
    """The `name` and the `filename` in a Content-Disposition, whichever of its dialects the client speaks."""
    found: dict[str, str] = {}
    for key, value in _PARAMETER.findall(header):
        if value.startswith('"'):
            # Backslashes escape quotes and themselves; a lone one belongs to the name, as old browsers send paths.
            plain = re.sub(r'\\(["\\])', r"\1", value[1:-1])
            # Browsers, and the official Python client, write what cannot stand between quotes like this, and no more.
            found.setdefault(key.lower(), re.sub("%(22|0D|0A)", _character, plain, flags=re.IGNORECASE))
        else:
            found.setdefault(key.lower(), value.strip())
    if (extended := found.get("filename*")) is not None and extended.count("'") >= 2:
        found["filename"] = _decoded(unquote_to_bytes(extended.split("'", 2)[2]))
    return {key: _decoded(value.encode("utf-8", "surrogateescape")) for key, value in found.items()}


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")  # which can be anything, and loses nothing
