"""Makes Structs of bodies and queries. A fit costs one typed decode; a misfit is then explained at leisure."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Generic, TypeVar, get_args, get_origin

import msgspec

from proxy.api.explaining import Explainer
from proxy.errors import InvalidRequest

T = TypeVar("T", bound=msgspec.Struct)

_UNREADABLE: Final = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)


class BodyDecoder(Generic[T]):
    """JSON to one Struct. An empty body stands for `{}`, whatever the content type says."""

    def __init__(self, expected: type[T]) -> None:
        self._decode = msgspec.json.Decoder(expected).decode
        self._misfit = Misfit(expected)

    def __call__(self, body: bytes) -> T:
        try:
            return self._decode(b"{}" if _is_empty(body) else body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as refused:
            raise self._refusal(body, refused) from refused

    def _refusal(self, body: bytes, refused: Exception) -> InvalidRequest:
        # msgspec stops at the first misfit, perhaps before the end of something that is no JSON at all.
        try:
            parsed = msgspec.json.decode(b"{}" if _is_empty(body) else body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return InvalidRequest(_UNREADABLE)
        return self._misfit.explain(parsed, refused)


def _is_empty(body: bytes) -> bool:
    # `[]` is what a client sends in a language whose empty map is an empty list, such as PHP.
    return not body or body == b"[]" or body.isspace()


class QueryDecoder(Generic[T]):
    """The query of a list to one Struct. Unknown parameters are ignored, and so are empty ones."""

    def __init__(self, expected: type[T]) -> None:
        self._expected = expected
        self._fields = {field.name: field for field in msgspec.structs.fields(expected)}
        self._lists = {name for name, field in self._fields.items() if _is_list(field.type)}
        self._integers = {name for name, field in self._fields.items() if _is_integer(field.type)}
        self._misfit = Misfit(expected)

    def __call__(self, query: Iterable[tuple[str, str]]) -> T:
        given: dict[str, Any] = {}
        for name, value in query:
            if (one := name.partition("[")[0]) in self._lists:  # include, include[] or include[0]
                given.setdefault(one, []).extend([value] if value else [])
            elif value and name in self._fields:
                given[name] = plain_value(value) if name in self._integers else value
            elif (pair := pair_of(name)) and pair[0] in self._fields:
                entries = given.setdefault(pair[0], {})
                if isinstance(entries, dict):
                    entries[pair[1]] = value
        try:
            return msgspec.convert(given, self._expected)
        except msgspec.ValidationError as refused:
            raise self._misfit.explain(given, refused) from refused


def pair_of(name: str) -> tuple[str, str] | None:
    """`metadata[colour]` is the key `colour` of `metadata`."""
    found = _PAIR.fullmatch(name)
    return None if found is None else (found[1], found[2])


def plain_value(text: str) -> int | str:
    """A number where it is written like one."""
    return int(text) if _INTEGER.fullmatch(text) else text


_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_PAIR: Final = re.compile(r"(\w+)\[(.+)\]")


def _is_integer(annotation: Any) -> bool:
    return annotation is int or (get_origin(annotation) is Annotated and get_args(annotation)[0] is int)


def _is_list(annotation: Any) -> bool:
    return get_origin(get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation) is list


class Misfit:
    """The explanation of what one Struct refuses; its schema is made when it is first needed."""

    def __init__(self, expected: type[msgspec.Struct]) -> None:
        self._expected = expected
        self._explainer: Explainer | None = None

    def explain(self, given: object, refused: Exception) -> InvalidRequest:
        if self._explainer is None:
            self._explainer = Explainer(self._expected)
        try:
            explained = self._explainer.explain(given)
        except RecursionError:  # nested a thousand deep, where something simple was expected
            explained = None
        # Should the schema ever be laxer than msgspec, then msgspec says it itself.
        return explained or InvalidRequest(str(refused))
