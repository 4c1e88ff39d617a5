"""Every answer against the official client's own types, as JSON Schema: an `Inspect` for cases and replays.

- `places.py` says which type an answer has.
- `facts.py` is what the service did otherwise than those types say, each with its reason.
- `tightening.py` makes schemas of both.
- `checking.py` applies them.

The types come from the package `openai`, whichever version is installed, when the program runs: nothing of it is
copied here. Where it is absent, `open_schemas` says so and nothing is checked.
"""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from compat_tests.exchange import Answer, Request
from compat_tests.pattern import shown
from compat_tests.result import Difference
from compat_tests.schemas import places
from compat_tests.schemas.checking import compiled, differences
from compat_tests.schemas.facts import JsonSchema
from compat_tests.schemas.tightening import Tightener, definitions

DONE: Final = "done"


class NoSchemas(Exception):
    """A package that they are made with is not installed."""


class Schemas:
    """Made by `open_schemas`. Called with a request and its answer: an `Inspect`."""

    def __init__(self, tightener: Tightener, events: dict[str, JsonSchema]) -> None:
        self._tightener = tightener
        self._events = events
        self._validators: dict[str, Any] = {}

    @property
    def release(self) -> str:
        """Of the SDK whose types they are."""
        return version("openai")

    @property
    def events(self) -> frozenset[str]:
        """The names of the stream's events, but for `done`."""
        return frozenset(self._events)

    def __call__(self, request: Request, answer: Answer) -> Iterator[Difference]:
        if answer.events is not None:
            if not request.path.startswith(places.STREAMS):
                return  # of chat completions, say
            for number, event in enumerate(answer.events):
                yield from self._event(event.event, event.data, f"events[{number}]")
            return
        shape = places.shape_of(request.method, request.path, answer.status)
        if shape is None or request.method == "HEAD":
            return
        if isinstance(answer.body, dict):
            yield from differences(self.validator(shape), answer.body, "body")
        else:
            yield Difference(path="body", expected=f"{shape}, as JSON", got=shown(answer.body))

    def _event(self, name: str, data: Any, path: str) -> Iterator[Difference]:
        if name == DONE:
            if data != "[DONE]":
                yield Difference(path=f"{path}.data", expected="[DONE]", got=shown(data))
        elif name not in self._events:
            yield Difference(path=f"{path}.event", expected="the name of an event", got=name)
        else:
            yield from differences(self.validator(f"event {name}"), data, f"{path}.data")

    def validator(self, shape: str) -> Any:
        """Of jsonschema's, made once."""
        if shape not in self._validators:
            self._validators[shape] = compiled(self.schema(shape))
        return self._validators[shape]

    def schema(self, shape: str) -> JsonSchema:
        if shape.startswith("["):
            return _list_of(self._tightener.named(shape[1:-1]), is_paged=shape != "[Model]")
        if shape.startswith("page of "):
            return _page_of(self._tightener.named(shape.removeprefix("page of ")), is_search="Search" in shape)
        if shape in {places.ERROR, "event error"}:
            return _error(self._tightener.named("ErrorObject"))
        if shape.startswith("event "):
            return self._tightener.tight(self._events[shape.removeprefix("event ")])
        return self._tightener.named(shape)


@cache
def open_schemas(*, as_recorded: bool = False) -> Schemas:
    """Raises `NoSchemas`. With `as_recorded` they allow what the service's earlier versions left out."""
    try:
        made, events = definitions(places.sdk_types(), places.sdk_events())
        compiled({})
    except ImportError as missing:
        raise NoSchemas(f"answers are not checked against JSON Schema: {missing}") from missing
    return Schemas(Tightener(made, as_recorded=as_recorded), events)


def _closed(properties: dict[str, JsonSchema], *, optional: tuple[str, ...] = ()) -> JsonSchema:
    required = [key for key in properties if key not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list_of(item: JsonSchema, *, is_paged: bool) -> JsonSchema:
    plain: dict[str, JsonSchema] = {"object": {"const": "list"}, "data": {"type": "array", "items": item}}
    if not is_paged:
        return _closed(plain)
    text_or_null: JsonSchema = {"type": ["string", "null"]}
    return _closed(plain | {"first_id": text_or_null, "last_id": text_or_null, "has_more": {"type": "boolean"}})


def _page_of(item: JsonSchema, *, is_search: bool) -> JsonSchema:
    kind = "vector_store.search_results.page" if is_search else "vector_store.file_content.page"
    asked: JsonSchema = {"search_query": {"type": "array", "items": {"type": "string"}}} if is_search else {}
    page: dict[str, JsonSchema] = {"object": {"const": kind}, **asked, "data": {"type": "array", "items": item}}
    return _closed(page | {"has_more": {"type": "boolean"}, "next_page": {"type": ["string", "null"]}})


def _error(error: JsonSchema) -> JsonSchema:
    """The service's answers about files had a twin of the error beside it."""
    return _closed({"error": error, "detail": {"type": "object"}}, optional=("detail",))
