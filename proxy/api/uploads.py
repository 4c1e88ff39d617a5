"""The two bodies that are no JSON: a file, and a part of one. Streamed to where they stay, never held in memory.

What is received and then not handed to an operation is discarded, whatever the reason: a field that is wrong, too many
bytes, a disk that is full, a client that leaves.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from proxy.api.decoding import Misfit, pair_of, plain_value
from proxy.api.forms import Form, Part
from proxy.errors import InvalidRequest, TooLarge
from proxy.operations.files import NewFile, begin_file, most_bytes
from proxy.operations.uploads import MOST_PART_BYTES, NewPart, begin_part
from proxy.schema.files import PURPOSES, FileExpiry, Purpose
from proxy.services import Services
from proxy.store.blobs import NewBlob

_AROUND_BYTES: Final = 1 << 20
"""As much as a form may hold beside its file."""

Begin = Callable[[Services, int], Awaitable[NewBlob]]


class _Fields(Struct, frozen=True, kw_only=True):
    expires_after: FileExpiry | None = None


_misfit: Final = Misfit(_Fields)


async def receive_file(request: web.Request, services: Services) -> NewFile:
    """The fields may come before the file or after it. Those that nobody knows are passed over."""
    fields: dict[str, str] = {}
    async with _Incoming(request, services, "file", most=most_bytes(services), begin=begin_file) as incoming:
        while (part := await incoming.next()) is not None:
            fields[part.name] = await part.text()
            if part.name == "purpose":
                _purpose(fields)  # at once, because the file may be still to come
        content, filename = incoming.taken()
        return NewFile(
            content=content, filename=filename, purpose=_purpose(fields), expires_after=_expires_after(fields)
        )


async def receive_part(request: web.Request, services: Services) -> NewPart:
    async with _Incoming(request, services, "data", most=MOST_PART_BYTES, begin=begin_part) as incoming:
        while (part := await incoming.next()) is not None:
            await part.text()
        content, _ = incoming.taken()
        return NewPart(content=content)


RECEIVERS: Final[Mapping[type, Callable[[web.Request, Services], Awaitable[Any]]]] = {
    NewFile: receive_file,
    NewPart: receive_part,
}
"""By the body that an operation asks for."""


class _Incoming:
    """A form with one file in it, in the field that is named; discards the file unless the body of `with` is done."""

    def __init__(self, request: web.Request, services: Services, field: str, *, most: int, begin: Begin) -> None:
        self._request = request
        self._services = services
        self._field = field
        self._most = most
        self._begin = begin
        self._form = Form(request)
        self._content: NewBlob | None = None
        self._filename = ""

    async def __aenter__(self) -> "_Incoming":
        said = self._request.content_length
        if said is not None and said > self._most + _AROUND_BYTES:
            raise self._too_large(said)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._content is not None:
            await self._content.discard()

    async def next(self) -> Part | None:
        """The next part that is not the file; the file is received on the way."""
        while (part := await self._form.next()) is not None:
            if part.name != self._field or not part.filename:
                return part
            await self._receive(part)
        return None

    def taken(self) -> tuple[NewBlob, str]:
        """The content and the name of the file. Raises `InvalidRequest` where there was none."""
        if self._content is None:
            raise InvalidRequest(f"'{self._field}' is a required property")
        return self._content, self._filename

    async def _receive(self, part: Part) -> None:
        if self._content is not None:
            raise InvalidRequest(f"'{self._field}' was sent more than once.", param=self._field)
        self._filename = part.filename or ""
        self._content = content = await self._begin(self._services, self._request.content_length or 0)
        while piece := await part.read():
            if content.received + len(piece) > self._most:
                raise self._too_large(content.received + len(piece))
            await content.write(piece)

    def _too_large(self, read: int) -> TooLarge:
        return TooLarge(f"Maximum content size limit ({self._most}) exceeded ({read} bytes read)")


def _purpose(fields: Mapping[str, str]) -> Purpose:
    given = fields.get("purpose")
    if given is None:
        raise InvalidRequest("'purpose' is a required property")
    for purpose in PURPOSES:
        if given == purpose:
            return purpose
    raise InvalidRequest(f"{given!r} is not one of {list(PURPOSES)} - 'purpose'", param="purpose")


def _expires_after(fields: Mapping[str, str]) -> FileExpiry | None:
    """`expires_after[anchor]` and `expires_after[seconds]`, as forms write an object."""
    inner: dict[str, Any] = {}
    for name, text in fields.items():
        pair = pair_of(name)
        if pair is not None and pair[0] == "expires_after":
            inner[pair[1]] = plain_value(text)
    if not inner:
        return None
    given = {"expires_after": inner}
    try:
        return msgspec.convert(given, _Fields).expires_after
    except msgspec.ValidationError as refused:
        raise _misfit.explain(given, refused) from refused
