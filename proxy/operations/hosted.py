"""Hosted tools that clients name and this version does not run: stored and echoed as ever, and not offered to a model.

Many clients name them always, and mean nothing by it; so that is said once in the log. A run that is made to use one
is refused, as its answer could not be what was asked for.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cache

from proxy.errors import InvalidRequest
from proxy.schema.tools import (
    CodeInterpreterChoice,
    CodeInterpreterTool,
    FileSearchChoice,
    FileSearchTool,
    FunctionTool,
    Tool,
    ToolChoice,
)

log = logging.getLogger(__name__)


def note_hosted(tools: Iterable[object]) -> None:
    """Say in the log what of these is not run, once for each tool and process."""
    for tool in tools:
        match tool:
            case CodeInterpreterTool():
                _note("code_interpreter")
            case FileSearchTool():
                _note("file_search")


@cache
def _note(name: str) -> None:
    log.warning(
        "a client uses the tool %s, which this version cannot run: it is accepted and stored wherever it is sent, "
        "and not offered to models",
        name,
    )


def check_choice(choice: ToolChoice | None) -> None:
    """Raises `InvalidRequest` for one that forces a hosted tool."""
    match choice:
        case CodeInterpreterChoice():
            raise _refused("'tool_choice' forces the tool 'code_interpreter'")
        case FileSearchChoice():
            raise _refused("'tool_choice' forces the tool 'file_search'")


def check_required(choice: ToolChoice, tools: Sequence[Tool]) -> None:
    """Raises `InvalidRequest` where some tool is required, and all there are are hosted ones."""
    if choice == "required" and tools and not any(isinstance(tool, FunctionTool) for tool in tools):
        raise _refused("'tool_choice' requires a tool, and the run has no other than hosted tools")


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{why}, which this version of Understudy cannot run. Leave 'tool_choice' out, or set it to 'auto'.",
        param="tool_choice",
        code="unsupported_value",
    )
