"""What a recording found and did not make: ids that its requests use, and items of its lists."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from compat_tests.comparison.ids import KEYS, OBJECTS
from compat_tests.exchange import Exchange
from compat_tests.replay.paths import asks, ids_in, template_of
from compat_tests.replay.timeline import error_in, objects_in

IN_PATHS: Final = {
    "assistant_id": "asst",
    "thread_id": "thread",
    "message_id": "msg",
    "run_id": "run",
    "step_id": "step",
    "file_id": "file",
    "vector_store_id": "vs",
    "batch_id": "vsfb",
    "upload_id": "upload",
}
OF_ACCOUNTS: Final = {"/v1/assistants": "asst", "/v1/files": "file", "/v1/vector_stores": "vs"}
"""Lists that show what anybody made who shared the account."""
LISTED: Final = {"messages": "msg", "runs": "run", "steps": "step", "files": "file", "vector_stores": "vs"} | {
    "assistants": "asst"
}
MADE_BY_OTHERS: Final = {"asst", "thread", "msg", "run", "step", "file", "vs", "vsfb", "upload"}


class Preexisting(Struct, frozen=True):
    ids: dict[str, list[str]]
    """By kind, in the order in which they must be made."""
    later: dict[int, list[tuple[str, str]]]
    """By exchange, what somebody else made before it, but after something that the recording made: kind and id."""
    has_older: frozenset[str]
    """Kinds of which there was more than any page showed."""
    shown: dict[str, dict[str, Any]]
    """Every object of the recording by its id, as it was first shown."""
    posted: frozenset[str]
    """Messages that the recording itself posts."""


def preexisting(exchanges: Sequence[Exchange], *, with_lists: bool) -> Preexisting:
    """`with_lists`: also what lists of the account show. On a server that others use, those are left as they are."""
    shown = _shown(exchanges)
    found: dict[str, dict[str, None]] = {}
    known: set[str] = set()
    for exchange in exchanges:
        wanted = list(_used(exchange))
        if with_lists:
            wanted += _listed(exchange)
        for kind, id in wanted:
            if kind in MADE_BY_OTHERS and id not in known:
                found.setdefault(kind, {})[id] = None
        known.update(id for _, id in references(exchange.answer.body))
        for each in objects_in(exchange.answer):
            known.update(id for _, id in references(each))
    later = _later(exchanges, found) if with_lists else {}
    others = {id for each in later.values() for _, id in each}
    ids = {
        kind: _oldest_first(kind, [id for id in each if id not in others], exchanges, shown)
        for kind, each in found.items()
    }
    has_older = _has_older(exchanges) if with_lists else frozenset[str]()
    return Preexisting(ids=ids, later=later, has_older=has_older, shown=shown, posted=_posted(exchanges))


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Kind and id of everything that a piece of JSON names, itself included."""
    match value:
        case dict():
            if isinstance(id := value.get("id"), str):
                yield OBJECTS.get(str(value.get("object")), ""), id
            for key, each in value.items():
                if key in KEYS:
                    yield from ((KEYS[key], id) for id in (each if isinstance(each, list) else [each]) if id)
                else:
                    yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def _used(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """What a request must have found, since it was answered as it was."""
    request, answer = exchange.request, exchange.answer
    if answer.status >= 500 or answer.status in {401, 403, 429}:
        return
    message = str(error_in(answer).get("message", ""))
    is_at_fault = answer.status == 404 or error_in(answer).get("code") == "invalid_value"
    last = template_of(request.path).rpartition("/")[2]
    used = [(IN_PATHS.get(name, ""), id) for name, id in ids_in(request.path).items()]
    used += [(LISTED.get(last, ""), id) for name, id in request.query if name in {"after", "before"}]
    if answer.status < 400 and not isinstance(request.body, tuple):
        used += references(request.body)
    yield from (each for each in used if not (is_at_fault and each[1] in message))


def _listed(exchange: Exchange) -> Iterator[tuple[str, str]]:
    kind = OF_ACCOUNTS.get(exchange.request.path)
    if kind is not None and exchange.request.method == "GET" and exchange.answer.status == 200:
        yield from ((kind, each["id"]) for each in objects_in(exchange.answer))


def _shown(exchanges: Sequence[Exchange]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for exchange in exchanges:
        for each in objects_in(exchange.answer):
            if isinstance(id := each.get("id"), str) and "deleted" not in each and "delta" not in each:
                # A file that is in a store is another object by the same id.
                name = f"{each.get('vector_store_id')}/{id}" if each.get("object") == "vector_store.file" else id
                found.setdefault(name, each)
    return found


def _posted(exchanges: Sequence[Exchange]) -> frozenset[str]:
    template = "/v1/threads/{thread_id}/messages"
    answers = [each.answer for each in exchanges if asks(each.request, "POST", template)]
    return frozenset(each["id"] for answer in answers for each in objects_in(answer) if "id" in each)


def _oldest_first(
    kind: str, ids: list[str], exchanges: Sequence[Exchange], shown: dict[str, dict[str, Any]]
) -> list[str]:
    """As the lists have them, where they have them: many things are made in one second."""
    places: dict[str, int] = {}
    for exchange in exchanges:
        if OF_ACCOUNTS.get(exchange.request.path) == kind and exchange.request.method == "GET":
            is_ascending = ("order", "asc") in exchange.request.query
            for each in objects_in(exchange.answer):
                places.setdefault(each["id"], len(places) if is_ascending else -len(places))
    return sorted(ids, key=lambda id: (shown.get(id, {}).get("created_at") or 0, places.get(id, 0)))


def _later(exchanges: Sequence[Exchange], found: dict[str, dict[str, None]]) -> dict[int, list[tuple[str, str]]]:
    """In a list, newest first: what stands above something that the recording made, and is not its own."""
    made = {each.answer.body["id"]: place for place, each in enumerate(exchanges) if makes(each)}
    later: dict[int, list[tuple[str, str]]] = {}
    for place, exchange in enumerate(exchanges):
        names = [name for _, name in _listed(exchange)]
        if ("order", "asc") in exchange.request.query or not any(name in made for name in names):
            continue
        kind = OF_ACCOUNTS[exchange.request.path]
        oldest = max(number for number, name in enumerate(names) if name in made)
        before = place
        for name in names[:oldest]:
            if name in made:
                before = min(before, made[name])
            elif name in found.get(kind, {}) and not any((kind, name) in each for each in later.values()):
                later.setdefault(before, []).insert(0, (kind, name))
    return later


def makes(exchange: Exchange) -> bool:
    """Whether it makes something that lists of the account show."""
    return (
        exchange.request.method == "POST"
        and exchange.request.path in OF_ACCOUNTS
        and exchange.answer.status == 200
        and isinstance(exchange.answer.body, dict)
        and "id" in exchange.answer.body
    )


def _has_older(exchanges: Sequence[Exchange]) -> frozenset[str]:
    pages = [each for each in exchanges if each.request.path in OF_ACCOUNTS and isinstance(each.answer.body, dict)]
    starts = {value for each in pages for name, value in each.request.query if name == "after"}
    return frozenset(
        OF_ACCOUNTS[each.request.path]
        for each in pages
        if each.answer.body.get("has_more") and each.answer.body.get("last_id") not in starts
    )
