"""Calls as Python: `[get_weather(city="Paris"), f(x=1)]`. Llama 3.2 and 4, LFM2, and others. Nothing is ever evaluated.

The text of the arguments is parsed, and of the tree only literals are taken.
"""

import ast
import re
import warnings
from typing import Any, Final

from adapters.markup.offered import Call, Offered, encoded
from adapters.markup.reader import NotMarkup, Reader, Reading

_STOP: Final = re.compile(r"""["'()\[\]{}]""")
_CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}
_STRING_STOP: Final = {quote: re.compile(rf"[{quote}\\]") for quote in "\"'"}
_JSON_NAMES: Final = {"true": True, "false": False, "null": None}


def calls(reader: Reader, offered: Offered) -> Reading[list[Call]]:
    """Calls in a list, whose bracket has been read."""
    found: list[Call] = []
    while True:
        if (yield from reader.space()) == "]" and found:
            yield from reader.take()
            return found
        name = yield from reader.known(offered.names, until="( \t\r\n")
        yield from reader.space()
        yield from reader.expect("(")
        reader.sure = True
        start = reader.position
        yield from _rest_of_brackets(reader)
        found.append(Call(name, _arguments(reader.between(start, reader.position - 1))))
        match (yield from reader.space()):
            case ",":
                yield from reader.take()
            case "]":
                pass
            case _:
                raise NotMarkup


def _rest_of_brackets(reader: Reader) -> Reading[None]:
    """Read to the bracket that closes the one before."""
    closers = [")"]
    while closers:
        char = yield from reader.up_to(_STOP)
        yield from reader.take()
        if char in _STRING_STOP:
            yield from _rest_of_string(reader, char)
        elif char in _CLOSERS:
            closers.append(_CLOSERS[char])
        elif char != closers.pop():
            raise NotMarkup


def _rest_of_string(reader: Reader, quote: str) -> Reading[None]:
    needed = 1
    if (yield from reader.peek()) == quote:
        yield from reader.take()
        if (yield from reader.peek()) != quote:
            return  # an empty one
        yield from reader.take()
        needed = 3
    in_a_row = 0
    while in_a_row < needed:
        before = reader.position
        stop = yield from reader.up_to(_STRING_STOP[quote])
        if reader.position != before:
            in_a_row = 0
        yield from reader.take()
        if stop == quote:
            in_a_row += 1
        else:
            in_a_row = 0
            yield from reader.take()


def _arguments(source: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes that Python does not know
            tree = ast.parse(f"f({source})", mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise NotMarkup
        if tree.args:
            raise NotMarkup  # nothing says which parameter is the first
        return encoded({_keyword(keyword): _value(keyword.value) for keyword in tree.keywords})
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise NotMarkup from None


def _keyword(keyword: ast.keyword) -> str:
    if keyword.arg is None:  # `**…`
        raise NotMarkup
    return keyword.arg


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):  # bool is an int
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id=name) if name in _JSON_NAMES:
            return _JSON_NAMES[name]
    raise NotMarkup


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise NotMarkup
