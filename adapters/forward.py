"""Passes a request through to a model server: body and answer stream by untouched, in both directions."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from msgspec import Struct
from multidict import CIMultiDict, MultiMapping

from adapters.server import ModelServer

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110 section 7.6.1: they speak of one connection, not of the message."""

NOT_SENT: Final = HOP_BY_HOP | {"host", "expect", "authorization", "api-key", "x-api-key", "cookie", "openai-beta"}
"""What is between our clients and us, above all their keys: the model server gets its own."""

NOT_RETURNED: Final = HOP_BY_HOP | {"date", "server", "set-cookie"}


class Forwarded(Struct, frozen=True, kw_only=True):
    """An answer under way: its head has come. Leaving the context before the end hangs up."""

    status: int
    headers: MultiMapping[str]
    body: AsyncIterator[bytes]
    """As it comes. Raises UpstreamError when it breaks off."""


@asynccontextmanager
async def forward(
    server: ModelServer,
    method: str,
    path: str,
    *,
    query: str,
    headers: Mapping[str, str],
    body: bytes | AsyncIterable[bytes] | None,
    silence_seconds: float,
) -> AsyncIterator[Forwarded]:
    """Raises UpstreamError when no head comes. A refusal is an answer like any other.

    Whoever sends `Accept-Encoding` gets the bytes as they are; whoever does not gets them decoded.
    """
    given = CIMultiDict(headers)
    sent = _kept(given, NOT_SENT)
    if server.client.authorization is not None:
        sent["Authorization"] = server.client.authorization
    decompress = "Accept-Encoding" not in sent
    if decompress:
        sent["Accept-Encoding"] = "identity"  # or else aiohttp adds what it can decode
    response = await server.client.begin(
        method,
        path + (f"?{query}" if query else ""),
        body=body,
        headers=sent,
        deadline=asyncio.get_running_loop().time() + silence_seconds,
        decompress=decompress,
    )
    pieces = _body(server, response, silence_seconds)
    try:
        decoded = decompress and "Content-Encoding" in response.headers
        dropped = NOT_RETURNED | {"content-encoding", "content-length"} if decoded else NOT_RETURNED
        yield Forwarded(status=response.status, headers=_kept(response.headers, dropped), body=pieces)
    finally:
        await pieces.aclose()
        response.close()


def _kept(headers: MultiMapping[str], dropped: frozenset[str]) -> CIMultiDict[str]:
    """The headers without those that are dropped, and without those that `Connection` names."""
    gone = dropped | {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in gone)


async def _body(
    server: ModelServer, response: aiohttp.ClientResponse, silence_seconds: float
) -> AsyncGenerator[bytes, None]:
    now = asyncio.get_running_loop().time
    while read := await server.client.read(response, now() + silence_seconds):
        yield read
