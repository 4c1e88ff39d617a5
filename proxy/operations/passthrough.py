"""Requests that are a model server's own business: sent to one as they came, its answer handed back as it comes."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters import Forwarded
from adapters.errors import RateLimited, TimedOut, UnknownModel, UpstreamError
from proxy.errors import APIError, BadGateway, GatewayTimedOut, NotFound, Overloaded
from proxy.services import Services


@asynccontextmanager
async def forward(
    services: Services,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes | AsyncIterable[bytes] | None,
    model: str | None,
) -> AsyncIterator[Forwarded]:
    """The answer of the server that has `model`, or of the first one. What fails within is an `APIError` too."""
    try:
        async with services.upstreams.forward(method, path, query, headers, body, model) as forwarded:
            yield forwarded
    except UpstreamError as failure:
        raise _answered(services, failure, model) from failure


async def served_name(services: Services, model: str) -> str:
    """What its server calls the model that a client asks for."""
    try:
        return (await services.upstreams.resolve(model)).model
    except UpstreamError as failure:
        raise _answered(services, failure, model) from failure


def _answered(services: Services, failure: UpstreamError, model: str | None) -> APIError:
    if services.upstreams.is_demo:
        return NotFound(
            "The built-in demo model answers runs only. Name a model server in the settings for everything else.",
            code="model_not_found",
        )
    match failure:
        case UnknownModel():
            return NotFound(f"The model '{model}' does not exist", param="model", code="model_not_found")
        case TimedOut():
            return GatewayTimedOut(f"The model server did not answer in time: {failure.message}.")
        case RateLimited():
            return Overloaded(f"The model server is overloaded: {failure.message}.")
        case _:
            return BadGateway(f"The model server failed: {failure.message}.")
