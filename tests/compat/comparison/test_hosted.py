"""Which tools of a recording ran where the model did."""

from typing import Any

import pytest

from compat_tests.comparison.hosted import hosted_tools, searched_files
from tests.compat.comparison.builders import a_message, a_page, a_run, a_step, streamed, told


def a_call(kind: str) -> dict[str, Any]:
    return a_step(step_details={"type": "tool_calls", "tool_calls": [{"id": "call_1", "type": kind}]})


def an_answer(kind: str) -> dict[str, Any]:
    message = a_message()
    message["content"][0]["text"]["annotations"].append({"type": kind, "text": "[1]"})
    return message


@pytest.mark.parametrize(
    ("shown", "tools"),
    [
        (a_call("code_interpreter"), {"code_interpreter"}),
        (a_call("file_search"), {"file_search"}),
        (a_call("function"), set()),
        (an_answer("file_citation"), {"file_search"}),
        (an_answer("file_path"), {"code_interpreter"}),
        (a_message(), set()),
        (a_run(tools=[{"type": "code_interpreter"}]), set()),
    ],
)
def test_they_leave_traces(shown: dict[str, Any], tools: set[str]) -> None:
    assert hosted_tools([told(shown)]) == tools
    assert hosted_tools([told(a_page(shown))]) == tools
    assert hosted_tools([streamed(("thread.run.step.completed", shown)), told(None)]) == tools


def test_files_that_were_searched() -> None:
    results = [{"file_id": "file-1", "score": 0.7}, {"file_id": "file-2", "score": 0.6}]
    call = {"id": "call_1", "type": "file_search", "file_search": {"results": results}}
    cited = {"type": "file_citation", "text": "[1]", "file_citation": {"file_id": "file-3"}}
    message = a_message()
    message["content"][0]["text"]["annotations"].append(cited)
    step = a_step(step_details={"type": "tool_calls", "tool_calls": [call]})
    assert searched_files([told(a_page(step)), streamed(("thread.message.completed", message))]) == {
        "file-1",
        "file-2",
        "file-3",
    }
    assert searched_files([told(a_message()), told(None), told(a_call("file_search"))]) == set()
