"""One model, behind however many servers have it: tries the next one while nothing of an answer has come."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from adapters import ranks
from adapters.chat import ChatRequest, Chunk
from adapters.errors import Broken, RateLimited, SpokeNonsense, TimedOut, UnknownModel, Unreachable
from adapters.member import Member
from adapters.server import ModelServer
from adapters.upstream import Model


class RoutedUpstream:
    """See `adapters.upstream.Upstream`. `members` come in the order in which to try them, at least one."""

    def __init__(self, members: Sequence[Member], *, served: Callable[[Member], None]) -> None:
        self._members = members
        self._served = served

    @property
    def url(self) -> str:
        return self._members[0].url

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Chunk]]]:
        async with AsyncExitStack() as stack:
            member, chunks = await self._begin(stack, request)
            member.recovered()
            self._served(member)
            try:
                yield chunks
            except (Broken, SpokeNonsense, TimedOut):
                member.failed()
                raise

    async def _begin(
        self, stack: AsyncExitStack, request: ChatRequest
    ) -> tuple[Member, AsyncIterator[Sequence[Chunk]]]:
        for left, member in reversed(list(enumerate(reversed(self._members)))):
            assert member.server is not None
            try:
                if not isinstance(member.server, ModelServer):
                    return member, await stack.enter_async_context(member.server.stream(request))
                # Where another server has the model, waiting for this one is the slower way.
                retries = 0 if left else None
                return member, await stack.enter_async_context(member.server.stream(request, retries=retries))
            except UnknownModel:
                member.expire()
                if not left:
                    raise
            except (Unreachable, RateLimited, Broken):
                member.failed()
                if not left:
                    raise
        raise AssertionError("there is at least one member")

    async def models(self) -> Sequence[Model]:
        return self._members[0].models

    async def count_tokens(self, model: str, texts: Sequence[str]) -> Sequence[int]:
        server = self._members[0].server
        return await (server.count_tokens(model, texts) if server is not None else ranks.estimate(texts))

    async def aclose(self) -> None:
        """Nothing to close: the members belong to all."""
