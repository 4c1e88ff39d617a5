"""What a step may write under `with:`, made into the values that the API wants.

Keep renders whatever holds `{{ }}` to text, so numbers, flags, lists and mappings may come as text. And its parser
drops decimal numbers of steps, so a temperature can only come as text. What is empty counts as left out.
"""

import ast
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from keep.exceptions.provider_exception import ProviderException


def decimal(name: str, given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise _wrong(name, given, "a number") from None


def whole(name: str, given: Any) -> int:
    number = decimal(name, given)
    if not number.is_integer():
        raise _wrong(name, given, "a whole number")
    return int(number)


def flag(name: str, given: Any) -> bool:
    match str(given).strip().lower():
        case "true" | "yes" | "on" | "1":
            return True
        case "false" | "no" | "off" | "0":
            return False
    raise _wrong(name, given, "true or false")


def text(name: str, given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)


def structure(name: str, given: Any) -> Any:
    """A list or a mapping, also as JSON, or as what Python prints of it, which is what Keep makes of `{{ }}`."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        pass
    try:
        return ast.literal_eval(given.strip())
    except (ValueError, SyntaxError):
        raise _wrong(name, given, "a list or a mapping") from None


def mapping(name: str, given: Any) -> dict[str, Any]:
    found = structure(name, given)
    if not isinstance(found, dict):
        raise _wrong(name, given, "a mapping")
    return found


def items(name: str, given: Any) -> list[Any]:
    """A list, or the one thing that there is: of text, JSON that says a list, or else itself."""
    if isinstance(given, str):
        with suppress(ProviderException):  # it may only look like one
            given = structure(name, given) if given.strip().startswith("[") else given
    return list(given) if isinstance(given, list | tuple) else [given]


def word_or_structure(name: str, given: Any) -> Any:
    """`auto` and its like, or a mapping."""
    if isinstance(given, str) and not given.strip().startswith(("{", "[")):
        return given.strip()
    return structure(name, given)


def metadata(name: str, given: Any) -> dict[str, str]:
    return {str(key): text(name, value) for key, value in mapping(name, given).items()}


RUN: dict[str, Callable[[str, Any], Any]] = {
    "model": text,
    "instructions": text,
    "additional_instructions": text,
    "temperature": decimal,
    "top_p": decimal,
    "max_prompt_tokens": whole,
    "max_completion_tokens": whole,
    "response_format": word_or_structure,
    "truncation_strategy": structure,
    "tools": items,
    "tool_choice": word_or_structure,
    "parallel_tool_calls": flag,
    "reasoning_effort": text,
}
"""The parameters of a run that a step may name."""


def is_given(value: Any) -> bool:
    return value is not None and value != ""


def of_run(given: dict[str, Any]) -> dict[str, Any]:
    """Those of `given` that say something, as the API wants them."""
    return {name: RUN[name](name, value) for name, value in given.items() if is_given(value)}


def _wrong(name: str, given: Any, wanted: str) -> ProviderException:
    return ProviderException(f"{name} should be {wanted}, not {given!r}")
