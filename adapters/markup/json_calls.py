"""Calls as JSON: `{"name": "f", "arguments": {…}}`, alone or in an array. Hermes, Qwen, Llama 3, Mistral, Granite, Phi.

Llama says `parameters`. Some wrap it as `{"type": "function", "function": {…}}`, as the calls of the API look.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from adapters.markup.offered import Call, Offered
from adapters.markup.reader import NotMarkup, Reader, Reading

KEYS: Final = frozenset({"name", "arguments", "parameters", "type", "function", "id"})
NAME: Final = frozenset({"name"})

_STRING_STOP: Final = re.compile(r'["\\]')
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_SCALAR: Final = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_SCALAR_STARTS: Final = frozenset("-0123456789fnt")
_SCALAR_CHARS: Final = frozenset("+-.0123456789Eaeflnrstu")


class _Body(Struct):
    name: str | None = None
    arguments: Raw = Raw()
    parameters: Raw = Raw()
    function: "_Body | str | None" = None


_decode_body: Final = msgspec.json.Decoder(_Body).decode


def call(reader: Reader, offered: Offered, *, bare: bool) -> Reading[Call]:
    """One object. `bare`: nothing but its own form says that it is a call, so it must have exactly that form."""
    start = reader.position
    yield from _call(reader, offered, bare=bare)
    return _decoded(reader.between(start, reader.position), offered, bare=bare)


def calls(reader: Reader, offered: Offered, *, bare: bool) -> Reading[list[Call]]:
    """Objects in an array, whose bracket has been read."""
    found = []
    while True:
        yield from reader.space()
        found.append((yield from call(reader, offered, bare=bare)))
        yield from reader.space()
        match (yield from reader.take()):
            case ",":
                pass
            case "]":
                return found
            case _:
                raise NotMarkup


def arguments(reader: Reader) -> Reading[str]:
    """An object that is the arguments themselves."""
    if (yield from reader.peek()) != "{":
        raise NotMarkup
    start = reader.position
    yield from value(reader)
    return _arguments(_valid(reader.between(start, reader.position)), bare=False)


def value(reader: Reader) -> Reading[None]:
    """Any JSON. Control characters are let through in strings, where models forget to escape them."""
    closers: list[str] = []
    while True:
        yield from reader.space()
        match (yield from reader.take()):
            case '"':
                yield from _rest_of_string(reader)
            case "{":
                if (yield from reader.space()) != "}":
                    yield from _key(reader)
                    closers.append("}")
                    continue
                yield from reader.take()
            case "[":
                if (yield from reader.space()) != "]":
                    closers.append("]")
                    continue
                yield from reader.take()
            case char:
                yield from _scalar(reader, char)
        while closers:
            yield from reader.space()
            char = yield from reader.take()
            if char == closers[-1]:
                closers.pop()
            elif char == ",":
                if closers[-1] == "}":
                    yield from reader.space()
                    yield from _key(reader)
                break
            else:
                raise NotMarkup
        else:
            return


def _call(reader: Reader, offered: Offered, *, bare: bool, wrapped: bool = False) -> Reading[None]:
    """Read it key by key, so that an object that is something else is known as soon as possible."""
    yield from reader.expect("{")
    while True:
        yield from reader.space()
        start = reader.position
        if bare:
            yield from reader.expect('"')
            yield from reader.known(KEYS, until='"')
            yield from reader.take()
        else:
            yield from reader.expect('"')
            yield from _rest_of_string(reader)
        key = reader.between(start + 1, reader.position - 1)
        yield from reader.space()
        yield from reader.expect(":")
        first = yield from reader.space()
        if key == "function" and first == "{" and not wrapped:
            yield from _call(reader, offered, bare=bare, wrapped=True)
        elif key in {"name", "function"}:
            yield from reader.expect('"')
            yield from reader.known(offered.names, until='"')
            yield from reader.take()
            reader.sure = True
        else:
            yield from value(reader)
        yield from reader.space()
        match (yield from reader.take()):
            case ",":
                pass
            case "}":
                return
            case _:
                raise NotMarkup


def _key(reader: Reader) -> Reading[None]:
    yield from reader.expect('"')
    yield from _rest_of_string(reader)
    yield from reader.space()
    yield from reader.expect(":")


def _rest_of_string(reader: Reader) -> Reading[None]:
    while True:
        stop = yield from reader.up_to(_STRING_STOP)
        yield from reader.take()
        if stop == '"':
            return
        yield from reader.take()


def _scalar(reader: Reader, first: str) -> Reading[None]:
    if first not in _SCALAR_STARTS:
        raise NotMarkup
    scalar = first
    while (char := (yield from reader.peek())) and char in _SCALAR_CHARS:
        scalar += yield from reader.take()
    if not _SCALAR.fullmatch(scalar):
        raise NotMarkup


def _decoded(text: str, offered: Offered, *, bare: bool) -> Call:
    try:
        body = _decode_body(_valid(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotMarkup from None
    given = [body.arguments, body.parameters]
    if isinstance(body.function, _Body):
        body = body.function
        given += [body.arguments, body.parameters]
    name = body.function if isinstance(body.function, str) else body.name
    if name not in offered.names:
        raise NotMarkup
    raw = next((bytes(each) for each in given if bytes(each)), b"")
    return Call(name, _arguments(raw.decode(), bare=bare))


def _arguments(text: str, *, bare: bool) -> str:
    """In the model's own words, where they are an object, or an object in a string."""
    try:
        arguments = msgspec.json.decode(text) if text else None
        if isinstance(arguments, str):
            text = arguments.strip()
            arguments = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotMarkup from None
    if arguments is None and not bare:
        return "{}"
    if not isinstance(arguments, dict):
        raise NotMarkup
    return text


def _valid(text: str) -> str:
    """With the control characters in its strings escaped; most texts have none."""
    if _CONTROL.search(text) is None:
        return text
    return _STRING.sub(lambda string: _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", string[0]), text)
