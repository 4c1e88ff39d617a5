"""A hosted tool that clients name and this version does not run: stored and echoed as ever, and not offered to a model.

Many clients name it always, and mean nothing by it; so that is said once in the log. A run that is made to use it is
refused, as its answer could not be what was asked for.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cache

from proxy.errors import InvalidRequest
from proxy.schema.tools import (
    CodeInterpreterChoice,
    CodeInterpreterTool,
    Tool,
    ToolChoice,
)

log = logging.getLogger(__name__)


def note_hosted(tools: Iterable[object]) -> None:
    """Say in the log what of these is not run, once for each process."""
    if any(isinstance(tool, CodeInterpreterTool) for tool in tools):
        _note("code_interpreter")


@cache
def _note(name: str) -> None:
    log.warning(
        "a client uses the tool %s, which this version cannot run: it is accepted and stored wherever it is sent, "
        "and not offered to models",
        name,
    )


def check_choice(choice: ToolChoice | None) -> None:
    """Raises `InvalidRequest` for one that forces a hosted tool that is not run."""
    if isinstance(choice, CodeInterpreterChoice):
        raise _refused("'tool_choice' forces the tool 'code_interpreter'")


def check_required(choice: ToolChoice, tools: Sequence[Tool]) -> None:
    """Raises `InvalidRequest` where some tool is required, and all there is is not run."""
    if choice == "required" and tools and all(isinstance(tool, CodeInterpreterTool) for tool in tools):
        raise _refused("'tool_choice' requires a tool, and the run has no other than hosted tools")


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{why}, which this version of Understudy cannot run. Leave 'tool_choice' out, or set it to 'auto'.",
        param="tool_choice",
        code="unsupported_value",
    )
