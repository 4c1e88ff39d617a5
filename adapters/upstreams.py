"""All model servers behind us, as one: model name -> server, what they have, how they are."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic, perf_counter
from typing import Final

from msgspec import Struct

from adapters.errors import TimedOut, UnknownModel, Unreachable, UpstreamError
from adapters.forward import Forwarded, forward
from adapters.launch import Launched
from adapters.member import Member
from adapters.naming import is_pattern, meaning
from adapters.routed import RoutedUpstream
from adapters.server import ModelServer
from adapters.upstream import Model, Upstream
from config.settings import ModelSettings

REMEMBERED_THREADS: Final = 10_000
PATIENCE_SECONDS: Final = 2.0
"""How long anybody waits for lists of models."""


class Route(Struct, frozen=True, kw_only=True):
    """Where a model is."""

    upstream: Upstream
    model: str
    """Its name there."""
    context_length: int | None
    """Tokens of prompt and answer together; None where nobody says."""
    servers: tuple[str, ...]
    """The addresses of those that may answer, in no particular order: routes with the same share their places."""
    places: int
    """Runs that they take at one time, together."""
    honours_parallel_tool_calls: bool = False
    """Whether the server itself keeps to one call when told to; further calls are to be dropped otherwise."""


class ServerHealth(Struct, frozen=True, kw_only=True):
    url: str
    dialect: str | None
    ok: bool
    latency_ms: float | None
    models: list[str]
    error: str | None = None


class Upstreams:
    """Made by `adapters.open_upstreams`; `aclose` it."""

    def __init__(
        self,
        members: Sequence[Member],
        settings: ModelSettings,
        *,
        launched: Launched | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._members = members
        self._settings = settings
        self._launched = launched
        self._now = now
        self._served_last: OrderedDict[tuple[str, str], Member] = OrderedDict()

    @property
    def is_demo(self) -> bool:
        """Whether only the built-in model answers."""
        return all(member.is_demo for member in self._members)

    @property
    def found(self) -> str:
        """What there is, for the log of a start."""
        return "; ".join(_described(member) for member in self._members)

    async def resolve(self, name: str, *, thread_id: str | None = None) -> Route:
        """Which server answers for this name. Raises UnknownModel, or Unreachable when no server has ever answered."""
        self._refresh_due()
        meant = meaning(name, self._served(), self._settings)
        if meant is None or meant[1] == "unknown":
            # Before a name is refused, or handed to the default model: a server may have come, or changed its model.
            await self.refresh(only_silent=meant is not None)
            meant = meaning(name, self._served(), self._settings)
        if meant is None:
            raise self._nothing_for(name)
        return self._route(meant[0], thread_id)

    def knows(self, name: str) -> bool:
        """Whether something answers to this name, as far as is known now; yes, while no server has ever answered."""
        served = self._served()
        return not served or meaning(name, served, self._settings) is not None

    async def catalogue(self) -> list[Model]:
        """The served models, then the aliases that stand for one of them."""
        if any(member.is_due() for member in self._members):
            await self.refresh()
        models = self._served_models()
        served = list(models)
        for alias in self._settings.aliases:
            meant = meaning(alias, served, self._settings)
            if not is_pattern(alias) and alias not in models and meant is not None:
                target = models[meant[0]]
                models[alias] = Model(
                    id=alias, context_length=target.context_length, created=target.created, owned_by=target.owned_by
                )
        return list(models.values())

    async def health(self) -> list[ServerHealth]:
        """Ask every server for its models, at the same time."""
        return list(await asyncio.gather(*(_health(member) for member in self._members)))

    @asynccontextmanager
    async def forward(  # noqa: PLR0917 - a request has these parts, in this order
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        model: str | None,
    ) -> AsyncIterator[Forwarded]:
        """Pass a request through to the server that has `model`, or to the first one. Raises UpstreamError."""
        if model is None:
            members = self._ordered([member for member in self._members if member.server is not None], None, "")
        else:
            members = self._having((await self.resolve(model)).model, None)
        server = next((member.server for member in members if isinstance(member.server, ModelServer)), None)
        if server is None:
            if self.is_demo:
                raise UnknownModel("the built-in demo model answers runs only", status=404)
            raise Unreachable("no model server has answered yet")
        async with forward(
            server,
            method,
            path,
            query=query,
            headers=headers,
            body=body,
            silence_seconds=server.settings.first_token_timeout_seconds,
        ) as forwarded:
            yield forwarded

    async def refresh(self, *, only_silent: bool = False) -> None:
        """Ask servers for their models again, unless that was a moment ago; `only_silent`: those that listed none.

        Waits a little only. A server that is slower goes on being asked.
        """
        tasks = [
            member.refresh()
            for member in self._members
            if (member.is_asking or member.is_due(wanted=True)) and not (only_silent and member.models)
        ]
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)

    async def aclose(self) -> None:
        for member in self._members:
            await member.aclose()
        if self._launched is not None:
            await self._launched.stop()

    def _refresh_due(self) -> None:
        """Ask again without waiting: what was true a moment ago will do for this request."""
        for member in self._members:
            if member.is_due():
                member.refresh()

    def _served_models(self) -> dict[str, Model]:
        models: dict[str, Model] = {}
        for member in self._members:
            for model in member.models:
                models.setdefault(model.id, model)
        return models

    def _served(self) -> list[str]:
        return list(self._served_models())

    def _having(self, model: str, thread_id: str | None) -> list[Member]:
        return self._ordered([member for member in self._members if member.model(model) is not None], thread_id, model)

    def _route(self, model: str, thread_id: str | None) -> Route:
        members = self._having(model, thread_id)

        def served(member: Member) -> None:
            if thread_id is not None and len(members) > 1:
                self._remember(thread_id, model, member)

        first = members[0].model(model)
        lengths = [each.context_length for member in members if (each := member.model(model)) and each.context_length]
        return Route(
            upstream=RoutedUpstream(members, served=served),
            model=model,
            servers=tuple(sorted(member.url for member in members)),
            places=sum(member.settings.max_concurrent for member in members),
            # The smallest: any of them may have to answer.
            context_length=min(lengths) if lengths else first.context_length if first is not None else None,
            honours_parallel_tool_calls=all(
                member.dialect is not None and member.dialect.honours_parallel_tool_calls for member in members
            ),
        )

    def _ordered(self, members: list[Member], thread_id: str | None, model: str) -> list[Member]:
        """Well ones first; then the one that served the thread last, as its prefix cache is warm; then by the thread.

        By its id, so that threads spread over the servers, and each finds its server again after a restart.
        """
        last = self._served_last.get((thread_id, model)) if thread_id is not None else None

        def rank(member: Member) -> tuple[bool, bool, bytes]:
            weight = hashlib.blake2b(f"{thread_id} {member.url}".encode(), digest_size=8).digest()
            return member.is_alone, member is not last, weight if thread_id is not None else b""

        return sorted(members, key=rank)

    def _remember(self, thread_id: str, model: str, member: Member) -> None:
        self._served_last[thread_id, model] = member
        self._served_last.move_to_end((thread_id, model))
        while len(self._served_last) > REMEMBERED_THREADS:
            self._served_last.popitem(last=False)

    def _nothing_for(self, name: str) -> UpstreamError:
        silent = [member.failure.message for member in self._members if member.failure is not None]
        if silent and not self._served():
            return Unreachable("; ".join(silent))
        return UnknownModel(f"no model server has the model {name}")


async def _health(member: Member) -> ServerHealth:
    start = perf_counter()
    _, waiting = await asyncio.wait([member.refresh()], timeout=PATIENCE_SECONDS)
    failure = TimedOut(f"no answer in {PATIENCE_SECONDS:g} seconds") if waiting else member.failure
    return ServerHealth(
        url=member.url,
        dialect=member.dialect.name if member.dialect is not None else None,
        ok=failure is None,
        latency_ms=round((perf_counter() - start) * 1000, 2) if failure is None else None,
        models=[model.id for model in member.models],
        error=failure.message if failure is not None else None,
    )


def _described(member: Member) -> str:
    if member.is_demo:
        return "the built-in demo model answers; it only pretends to know anything"
    if member.failure is not None or member.dialect is None:
        reason = f" ({member.failure.message})" if member.failure is not None else ""
        return f"{member.url} does not answer yet and is used when it does{reason}"
    names = ", ".join(
        f"{model.id} ({model.context_length:,} tokens)" if model.context_length else model.id
        for model in member.models[:5]
    )
    more = f" and {len(member.models) - 5} more" if len(member.models) > 5 else ""
    return f"{member.title} at {member.url} serves {names or 'no model'}{more}"
