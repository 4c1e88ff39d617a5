"""Calls between tags: `<function=f><parameter=x>1</parameter></function>` of Qwen3-Coder, `<function=f>{…}</function>`
of Llama 3.1.
"""

import re
from typing import Any, Final

from adapters.markup import json_calls
from adapters.markup.offered import Call, Offered, encoded
from adapters.markup.reader import NotMarkup, Reader, Reading

FUNCTION: Final = "<function="
FUNCTION_END: Final = "</function>"
PARAMETER: Final = "<parameter="
PARAMETER_END: Final = "</parameter>"
# Qwen3-Coder forgets `</parameter>` now and then and goes on with the tag that follows, or forgets the outer tag:
# https://github.com/vllm-project/vllm/issues/57699, https://github.com/ollama/ollama/issues/16686
_AFTER_VALUE: Final = (PARAMETER_END, PARAMETER, FUNCTION_END)
_BETWEEN: Final = (PARAMETER, FUNCTION_END, "</tool_call>")

_TAG: Final = re.compile("<")
_NAME_STOP: Final = re.compile(r"[>\n<]")


def call(reader: Reader, offered: Offered) -> Reading[Call]:
    yield from reader.expect(FUNCTION)
    name = yield from reader.known(offered.names, until=">")
    yield from reader.take()
    if (yield from reader.space()) != "{":
        return Call(name, encoded((yield from _parameters(reader, offered, name))))
    arguments = yield from json_calls.arguments(reader)
    if (yield from reader.space()) == "<":
        yield from reader.expect(FUNCTION_END)
    return Call(name, arguments)


def _parameters(reader: Reader, offered: Offered, name: str) -> Reading[dict[str, Any]]:
    given: dict[str, Any] = {}
    tag: str | None = None
    while True:
        if tag != PARAMETER:
            if not (yield from reader.space()) and given:
                return given
            tag = yield from reader.one_of(_BETWEEN)
        if tag is None:
            raise NotMarkup
        if tag != PARAMETER:
            return given
        key, text, tag = yield from _parameter(reader)
        given[key] = offered.typed(name, key, text)
        if tag == FUNCTION_END:
            return given


def _parameter(reader: Reader) -> Reading[tuple[str, str, str]]:
    """Name, value, and the tag that ended the value."""
    start = reader.position
    if (yield from reader.up_to(_NAME_STOP)) != ">":
        raise NotMarkup
    key = reader.between(start, reader.position).strip()
    yield from reader.take()
    start = reader.position
    while True:
        yield from reader.up_to(_TAG)
        end = reader.position
        if tag := (yield from reader.one_of(_AFTER_VALUE)):
            # The template puts a value on lines of its own.
            return key, reader.between(start, end).removeprefix("\n").removesuffix("\n"), tag
