"""The searches of one turn: asked for before a model that cannot call tools, waited for, done, and cut to what the next
prompt has room for.
"""

import logging
from collections.abc import Sequence
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from adapters import Route
from adapters.errors import UpstreamError
from proxy.engine.history import Material, room_for_results
from proxy.engine.parts import Parts
from proxy.engine.preparing import Prepared
from proxy.runs import failures
from proxy.runs.budgets import tokens_left
from proxy.runs.inputs import Failed, Searched
from proxy.runs.prompt import asked_last
from proxy.runs.searching import MOST_ROUNDS, Offer, passage, queries_in, rounds
from proxy.runs.tool_calls import Results
from proxy.runs.truncation import budget, most_tokens
from proxy.runs.turn import Turn
from proxy.schema.steps import FileSearchResult
from proxy.schema.tools import FunctionTool
from proxy.tools.file_search import WAITING_SECONDS, StoreExpired, find, until_read

log = logging.getLogger(__name__)

_WORDS_TOKENS: Final = 100
"""What the model is told beside the results of a search; an upper estimate."""


def query_before(prepared: Prepared) -> str:
    """What to search for before a model that cannot call tools is asked again.

    Nothing where it would lose more than file search, where that was done, or where the user said nothing.
    """
    material = prepared.material
    functions = any(isinstance(tool, FunctionTool) for tool in material.run.tools)
    if prepared.search is None or functions or material.progress.searches_first:
        return ""
    return asked_last(stored.message for stored in prepared.fitted.kept)


async def search(parts: Parts, prepared: Prepared, offer: Offer) -> Searched | Failed:
    """Do what the turn wants searched: the input that it goes on with. Saves nothing, so it may be broken off."""
    run_id = prepared.turn.run.id
    if rounds(prepared.material.steps) >= MOST_ROUNDS:
        log.warning("run %s: its model searched %d times and does not answer", run_id, MOST_ROUNDS)
        return Failed(failures.endless_search(), parts.now())
    try:
        results = await _search_all(parts, prepared, offer)
    except (StoreExpired, UpstreamError) as failure:
        log.warning("run %s: its files could not be searched: %s", run_id, failure)
        return Failed(failures.failed_search(failure), parts.now())
    return Searched(results, parts.now())


async def _search_all(parts: Parts, prepared: Prepared, offer: Offer) -> Results:
    """What each search of the turn found. Raises `StoreExpired` and `UpstreamError`."""
    turn, material, route, now = prepared.turn, prepared.material, prepared.route, parts.now()
    seconds = (turn.run.started_at or now) + WAITING_SECONDS - now
    await until_read(parts.store, material.project, offer.thread_stores, seconds=seconds)
    room = await _room(turn, material, route) // len(turn.searches) - _WORDS_TOKENS
    found = {}
    for id, arguments in turn.searches.items():
        results = await find(
            parts.store,
            material.project,
            (*offer.stores, *offer.thread_stores),
            queries_in(arguments),
            limit=offer.most_results,
            threshold=offer.ranking.score_threshold,
            now=now,
            embedder=parts.embedder,
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
