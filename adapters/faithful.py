"""Asking until the answer is what was asked for: the I/O of `Imitation`, which decides."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from adapters.chat import ChatRequest, Chunk
from adapters.errors import ContextTooLong, Refused, Unfaithful
from adapters.imitation import Imitation

Chunks = AsyncIterator[Sequence[Chunk]]


class Ask(Protocol):
    def __call__(self, request: ChatRequest, retries: int | None) -> AbstractAsyncContextManager[Chunks]: ...


@asynccontextmanager
async def faithful(ask: Ask, imitation: Imitation, retries: int | None) -> AsyncIterator[Chunks]:
    """See `Upstream.stream`. At most one answer is open at any time; leaving hangs up on it. `retries`: at first."""
    async with AsyncExitStack() as stack:
        chunks = _chunks(stack, ask, imitation, await _enter(stack, ask, imitation, retries))
        try:
            yield chunks
        finally:
            await chunks.aclose()


async def _enter(stack: AsyncExitStack, ask: Ask, imitation: Imitation, retries: int | None) -> Chunks:
    while True:
        try:
            return await stack.enter_async_context(ask(imitation.attempt.request, retries))
        except Refused as refusal:
            if not imitation.refused(refusal):
                raise


async def _chunks(
    stack: AsyncExitStack, ask: Ask, imitation: Imitation, answer: Chunks
) -> AsyncGenerator[Sequence[Chunk], None]:
    while True:
        try:
            async for arrived in answer:
                if passed := imitation.feed(arrived):
                    yield passed
                if imitation.has_heard_enough:
                    break
        except Refused as refusal:
            # vLLM 0.32 and SGLang 0.5.23 say inside of a stream that their grammar does not know a schema.
            if not imitation.refused(refusal):
                raise
        else:
            rest = imitation.finished()
            if rest is not None:
                if rest:
                    yield rest
                return
        await stack.aclose()
        try:
            answer = await _enter(stack, ask, imitation, None)
        except ContextTooLong as refusal:
            raise Unfaithful(f"{imitation.fault} There was no room to ask again: {refusal.message}") from refusal
