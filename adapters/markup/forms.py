"""The forms in which families of models write calls: the markers that announce one, and what may stand behind them.

Marker and payload are taken in any combination: models are tuned, quantised and given other models' templates.
"""

import re
from collections.abc import Generator, Mapping
from typing import Final

from adapters.markup import json_calls, pythonic, tagged
from adapters.markup.offered import Call, Offered
from adapters.markup.reader import NotMarkup, Reader, Reading

Form = Generator[list[Call] | None, None, None]
"""Yields calls as they are complete, and None where it needs more text. What it read before a call is settled then."""

CLOSERS: Final[Mapping[str, tuple[str, ...]]] = {
    "<tool_call>": ("</tool_call>",),  # Hermes, Qwen; Granite 3 with an array behind it
    tagged.FUNCTION: ("</tool_call>",),  # Qwen3-Coder, when it forgets the tag around it
    "<|tool_call|>": ("<|/tool_call|>",),  # Phi-4, Granite
    "<|tool_call_start|>": ("<|tool_call_end|>",),  # LFM2
    "<|python_tag|>": ("<|eom_id|>", "<|eot_id|>"),  # Llama 3
    "<|python_start|>": ("<|python_end|>",),  # Llama 4
    "[TOOL_CALLS]": (),  # Mistral
}
"""Marker -> what ends it. An end may be missing: servers stop there and leave it out."""

MARKER: Final = re.compile("|".join(map(re.escape, CLOSERS)))
_BRACKET: Final = re.compile(r"\[")


def may_become_marker(text: str) -> bool:
    return any(marker.startswith(text) for marker in CLOSERS)


def marked(reader: Reader, offered: Offered, marker: str) -> Form:
    """A marker, and what it announces."""
    reader.sure = True
    if marker != tagged.FUNCTION:
        yield from reader.expect(marker)
    yield from reader.space()
    yield (yield from _payload(reader, offered, bare=False))
    yield from _more(reader, offered, CLOSERS[marker], bare=False)


def bare(reader: Reader, offered: Offered) -> Form:
    """Without a marker: Llama 3 and pythonic models write none, and servers leave special tokens out of the text."""
    yield (yield from _payload(reader, offered, bare=True))
    yield from _more(reader, offered, (), bare=True)


def _payload(reader: Reader, offered: Offered, *, bare: bool) -> Reading[list[Call]]:
    match (yield from reader.peek()):
        case "{":
            return [(yield from json_calls.call(reader, offered, bare=bare))]
        case "[":
            yield from reader.take()
            if (yield from reader.space()) == "{":
                return (yield from json_calls.calls(reader, offered, bare=bare))
            return (yield from pythonic.calls(reader, offered))
        case "<" if not bare:
            return [(yield from tagged.call(reader, offered))]
        case _ if not bare:
            return [(yield from _named(reader, offered))]
    raise NotMarkup


def _named(reader: Reader, offered: Offered) -> Reading[Call]:
    """`f[ARGS]{…}`, `f[CALL_ID]…[ARGS]{…}` or `f{…}`: Mistral since its tokenizer 11."""
    name = yield from reader.known(offered.names, until="[{ \t\r\n")
    if (yield from reader.space()) == "[":
        if (yield from reader.one_of(("[ARGS]", "[CALL_ID]"))) == "[CALL_ID]":
            yield from reader.up_to(_BRACKET)
            yield from reader.expect("[ARGS]")
        yield from reader.space()
    return Call(name, (yield from json_calls.arguments(reader)))


def _more(reader: Reader, offered: Offered, closers: tuple[str, ...], *, bare: bool) -> Form:
    """Ends, and further calls behind `;`, `,` or white space: Llama 3 writes them so."""
    while char := (yield from reader.space()):
        if any(closer.startswith(char) for closer in closers):
            if (yield from reader.one_of(closers)) is None and (yield from reader.peek()):
                return
            reader.forget()
        elif char in ";,":
            yield from reader.take()
        elif char == "{":
            yield [(yield from json_calls.call(reader, offered, bare=bare))]
        else:
            return
