"""Tools of a request as they are answered, once their functions have been looked at."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from proxy.errors import InvalidRequest
from proxy.operations.hosted import note_hosted
from proxy.schema.tools import CodeInterpreterTool, FunctionToolInput, Tool, ToolInput, answered


def answered_tools(given: Sequence[ToolInput] | None) -> list[Tool]:
    """Raises `InvalidRequest` for a function whose parameters are no JSON Schema: no model could be told about it."""
    for place, tool in enumerate(given or ()):
        if isinstance(tool, FunctionToolInput) and tool.function.parameters:
            fault = _fault(msgspec.json.encode(tool.function.parameters))
            if fault is not None:
                raise InvalidRequest(
                    f"Invalid schema for function '{tool.function.name}': {fault}",
                    param=f"tools[{place}].function.parameters",
                    code="invalid_function_parameters",
                )
    tools = [answered(tool) for tool in given or ()]
    note_hosted(tools)
    return tools


def has_code_interpreter(tools: Sequence[Tool]) -> bool:
    return any(isinstance(tool, CodeInterpreterTool) for tool in tools)


@lru_cache(maxsize=256)  # a check takes half a millisecond, and clients send the same few tools again and again
def _fault(parameters: bytes) -> str | None:
    """What is wrong with a JSON Schema, in the words of its metaschema's validator, which the real service used too."""
    # Imported here because it takes longer than the rest of a start.
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError

    try:
        # Without formats: a `pattern` may be a regular expression that Python cannot read.
        Draft202012Validator.check_schema(msgspec.json.decode(parameters), format_checker=FormatChecker(()))
    except SchemaError as error:
        return f"{error.message[:500]}."
    return None
