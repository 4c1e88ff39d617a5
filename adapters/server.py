"""One model server over HTTP: the client, speaking a dialect. This is the `Upstream` that talks to real servers."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeVar

import aiohttp
import msgspec
from msgspec.structs import replace

from adapters import ranks
from adapters.chat import ChatRequest, Chunk
from adapters.client import BACKOFF_SECONDS, RETRIES, Client
from adapters.dialect import Dialect, request_body, room_for_answer
from adapters.efforts import left_by
from adapters.errors import Refused, SpokeNonsense, TimedOut, UpstreamError
from adapters.faithful import faithful
from adapters.imitation import imitating
from adapters.learnt import Learnt
from adapters.reading import Reading
from adapters.sse import SSEDecoder
from adapters.upstream import Model
from adapters.wire import decode_context, decode_models, decode_tokens
from config.settings import UpstreamSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

USAGE_SECONDS: Final = 5.0
"""How long a stream may go on after its finish_reason: usage is all that can still come."""
COUNTED_AT_ONCE: Final = 8
"""Questions to /tokenize under way at one time."""


class ModelServer:
    """See `adapters.upstream.Upstream`. Made in a running event loop."""

    def __init__(
        self,
        settings: UpstreamSettings,
        dialect: Dialect,
        *,
        retries: int = RETRIES,
        backoff_seconds: float = BACKOFF_SECONDS,
    ) -> None:
        self.dialect = dialect
        self.client = Client(
            settings,
            retries=retries,
            backoff_seconds=backoff_seconds,
            keeps_connections=dialect.keeps_connections,
        )
        self.settings = settings
        self._can_count = dialect.tokenize is not None
        self._learnt = Learnt(self.client.url)

    @property
    def url(self) -> str:
        return self.client.url

    async def aclose(self) -> None:
        await self.client.aclose()

    def stream(
        self, request: ChatRequest, *, retries: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Chunk]]]:
        """See `Upstream.stream`. `retries`: how often to try again before the first byte, if not as always."""
        imitation = imitating(self.dialect, request, self._learnt)
        return self._stream(request, retries) if imitation is None else faithful(self._stream, imitation, retries)

    def stream_unaided(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Chunk]]]:
        """What the server makes of a request by itself, with nothing imitated."""
        return self._stream(request, None)

    @asynccontextmanager
    async def _stream(self, request: ChatRequest, retries: int | None) -> AsyncIterator[AsyncIterator[Sequence[Chunk]]]:
        deadline = self._now() + self.settings.first_token_timeout_seconds
        response = await self._begin(request, deadline, retries)
        try:
            chunks = self._chunks(request, response, deadline)
            try:
                yield chunks
            finally:
                await chunks.aclose()
        finally:
            # Closes the connection unless the answer came to its end: that is what makes the server stop.
            response.close()

    async def _begin(self, request: ChatRequest, deadline: float, retries: int | None) -> aiohttp.ClientResponse:
        while True:
            efforts = self._learnt.efforts(request.model, self.dialect.efforts)
            body = request_body(self.dialect, request, efforts=efforts)
            try:
                response = await self.client.answer(
                    "/v1/chat/completions", msgspec.json.encode(body), deadline=deadline, retries=retries
                )
            except Refused as refusal:
                if (room := room_for_answer(refusal.message, request.max_tokens)) is not None:
                    log.debug("max_tokens %s does not fit, asking for %s", request.max_tokens, room)
                    request = replace(request, max_tokens=room)
                elif (left := left_by(refusal.message, sent=body.get("reasoning_effort"), taken=efforts)) is not None:
                    self._learnt.takes_efforts(request.model, left, refusal.message)
                else:
                    raise
                continue
            if response.content_type not in {"text/event-stream", "application/json"}:
                response.close()
                raise SpokeNonsense(f"the model server at {self.url} answered with {response.content_type}")
            return response

    async def _chunks(
        self, request: ChatRequest, response: aiohttp.ClientResponse, deadline: float
    ) -> AsyncGenerator[Sequence[Chunk], None]:
        reading = Reading(
            self.dialect,
            request,
            parse_tool_calls=self.settings.parse_tool_calls,
            begins_thinking=self.settings.begins_thinking,
        )
        if response.content_type == "application/json":  # it does not stream, whatever it was asked
            whole = reading.whole(await self.client.read_all(response, deadline))
            if whole:
                yield whole
            return

        decoder = SSEDecoder()
        answered = False
        while not (reading.done or reading.failure):
            try:
                read = await self.client.read(response, deadline)
            except (SpokeNonsense, TimedOut):
                if not reading.finished:
                    raise
                break  # the answer is whole; what did not come is its usage, or the end of the stream
            if chunks := reading.feed(decoder.feed(read) if read else decoder.end()):
                answered = True
                yield chunks
            if not read:
                break
            if answered:  # until then comments and a bare role do not count: the prompt may take its time
                patience = USAGE_SECONDS if reading.finished else self.settings.idle_timeout_seconds
                deadline = self._now() + min(patience, self.settings.idle_timeout_seconds)
        if reading.failure is not None:
            raise reading.failure
        reading.check_end()
        await self.client.drain(response)

    async def models(self) -> Sequence[Model]:
        listed = decoded(decode_models, await self.client.get(self.dialect.models_path), self.url).data or []
        known = {model.id: model.context() for model in listed}
        if self.dialect.context_path is not None and not all(known.values()):
            context = decoded(decode_context, await self.client.get(self.dialect.context_path), self.url)
            known = {id: length or context.of(id) for id, length in known.items()}
        return [
            Model(
                id=model.id,
                context_length=known[model.id] or self.settings.context_length,
                created=model.created or 0,
                owned_by=model.owned_by or "",
            )
            for model in listed
        ]

    async def count_tokens(self, model: str, texts: Sequence[str]) -> Sequence[int]:
        """By the server's tokenizer, without the tokens that a template adds; estimated where that fails."""
        if self._can_count and texts:
            try:
                return await self.count_exactly(model, texts)
            except UpstreamError as failure:
                # An address that is not there will not come; a server that is down may.
                self._can_count = not isinstance(failure, Refused | SpokeNonsense)
                log.log(
                    logging.DEBUG if self._can_count else logging.WARNING,
                    "%s cannot count tokens, they are estimated: %s",
                    self.url,
                    failure.message,
                )
        return await ranks.estimate(texts)

    async def count_exactly(self, model: str, texts: Sequence[str]) -> list[int]:
        """By the server's tokenizer. Raises UpstreamError where it cannot."""
        places = asyncio.Semaphore(COUNTED_AT_ONCE)

        async def count(text: str) -> int:
            async with places:
                return await self._count(model, text)

        tasks = [asyncio.get_running_loop().create_task(count(text)) for text in texts]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _count(self, model: str, text: str) -> int:
        if not text:
            return 0
        body = {"model": model, self.dialect.tokenize or "prompt": text, **self.dialect.tokenize_extras}
        tokens = decoded(decode_tokens, await self.client.post("/tokenize", body), self.url)
        count = tokens.count if tokens.count is not None else len(tokens.tokens or ())
        if count == 0:  # llama-server's answer to a body that it does not understand
            raise SpokeNonsense(f"the model server at {self.url} counted no tokens in a text")
        return count

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def decoded(decode: Callable[[bytes], T], body: bytes, url: str) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SpokeNonsense(f"the model server at {url} gave an answer that cannot be read: {error}") from None
