"""Which tools of a recording ran where the model did: the code interpreter and file search."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from compat_tests.exchange import Answer

TRACES: Final = {
    "code_interpreter": "code_interpreter",
    "file_search": "file_search",
    "file_path": "code_interpreter",
    "file_citation": "file_search",
}
"""The `type` of a tool call, or of an annotation in a message, and the tool that it comes from."""


def hosted_tools(answers: Iterable[Answer]) -> frozenset[str]:
    """`code_interpreter`, `file_search`: those that were called, or whose work shows in a message."""
    shown = (answer.body if answer.events is None else [event.data for event in answer.events] for answer in answers)
    return frozenset(tool for each in shown for tool in _within(each))


def searched_files(answers: Iterable[Answer]) -> frozenset[str]:
    """The ids of files that searches found something in, or that messages cite."""
    shown = (answer.body if answer.events is None else [event.data for event in answer.events] for answer in answers)
    return frozenset(file_id for each in shown for file_id in _searched(each))


def _searched(value: Any) -> Iterator[str]:
    match value:
        case {"type": "file_citation", "file_citation": {"file_id": str(file_id)}}:
            yield file_id
        case {"file_search": {"results": list(results)}}:
            yield from (each["file_id"] for each in results if isinstance(each, dict) and "file_id" in each)
        case dict():
            for each in value.values():
                yield from _searched(each)
        case list():
            for each in value:
                yield from _searched(each)


def _within(value: Any) -> Iterator[str]:
    match value:
        case {"tool_calls": list(parts)} | {"annotations": list(parts)}:
            for part in parts:
                if isinstance(part, dict) and str(part.get("type")) in TRACES:
                    yield TRACES[str(part["type"])]
        case dict():
            for each in value.values():
                yield from _within(each)
        case list():
            for each in value:
                yield from _within(each)
