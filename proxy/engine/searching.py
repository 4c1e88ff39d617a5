"""The searches of one turn: waited for, done, and cut to what the next prompt has room for."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from adapters import Route
from adapters.embedding import Embedder
from proxy.engine.history import Material, room_for_results
from proxy.runs.budgets import tokens_left
from proxy.runs.searching import Offer, passage, queries_in
from proxy.runs.tool_calls import Results
from proxy.runs.truncation import budget, most_tokens
from proxy.runs.turn import Turn
from proxy.schema.steps import FileSearchResult
from proxy.store import Store
from proxy.tools.file_search import WAITING_SECONDS, find, until_read

_WORDS_TOKENS: Final = 100
"""What the model is told beside the results of a search; an upper estimate."""


async def search_all(
    store: Store, offer: Offer, turn: Turn, *, material: Material, route: Route, now: int, embedder: Embedder | None
) -> Results:
    """What each search of the turn found. Raises `StoreExpired` and `UpstreamError`."""
    started_at = turn.run.started_at or now
    await until_read(store, material.project, offer.thread_stores, seconds=started_at + WAITING_SECONDS - now)
    room = await _room(turn, material, route) // len(turn.searches) - _WORDS_TOKENS
    found = {}
    for id, arguments in turn.searches.items():
        results = await find(
            store,
            material.project,
            (*offer.stores, *offer.thread_stores),
            queries_in(arguments),
            limit=offer.most_results,
            threshold=offer.ranking.score_threshold,
            now=now,
            embedder=embedder,
        )
        found[id] = await fitting(results, route, room=room)
    return found


async def _room(turn: Turn, material: Material, route: Route) -> int:
    left = tokens_left(turn.run, turn.progress)
    whole = budget(route.context_length, max_prompt_tokens=left.prompt, answer_tokens=left.completion, tools=True)
    return await room_for_results(material, route, budget=whole)


async def fitting(results: Sequence[FileSearchResult], route: Route, *, room: int) -> list[FileSearchResult]:
    """The best results that have room together; the beginning of the best one, where not even that has."""
    texts = [passage(99, result) for result in results]
    if sum(map(most_tokens, texts)) <= room:
        return list(results)
    tokens = await route.upstream.count_tokens(route.model, texts)
    kept, used = [], 0
    for result, count in zip(results, tokens, strict=True):
        if used + count <= room:
            kept.append(result)
            used += count
    if not kept and results and room > 0:
        return [_cut(results[0], room / tokens[0])]
    return kept


def _cut(result: FileSearchResult, share: float) -> FileSearchResult:
    if result.content is UNSET:
        return result
    return replace(
        result, content=[replace(part, text=part.text[: int(len(part.text) * share)]) for part in result.content]
    )
