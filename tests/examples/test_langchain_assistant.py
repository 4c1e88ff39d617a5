"""examples/langchain_assistant.py: a tool called twice at once, and a second question on the same thread."""

import os

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, text, tool_calls
from tests.examples.programs import Programs
from tests.processes import ROOT

LANGCHAIN = ROOT / ".venv-clients/langchain/bin/python"
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        os.environ.get("CLIENTS") != "all" or not LANGCHAIN.exists(), reason="`make test-clients` installs LangChain"
    ),
]


async def test_a_tool_and_a_second_question(programs: Programs, upstream: ScriptedUpstream) -> None:
    upstream.script(
        [
            tool_calls([("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]),
            text("Rain in Paris, sunshine in Rome."),
            text("Rome."),
        ]
    )
    asked = "What is the weather in Paris and Rome?"
    printed = await programs.output(LANGCHAIN, "examples/langchain_assistant.py", asked)
    assert printed.splitlines() == [
        "[get_weather Paris]",
        "[get_weather Rome]",
        "Rain in Paris, sunshine in Rome.",
        "Rome.",
    ]
    told = [(message["role"], message["content"]) for message in upstream.requests[-1]["messages"]]
    assert told[-2:] == [("assistant", "Rain in Paris, sunshine in Rome."), ("user", "Which of them is warmer?")]
    outputs = [each["content"] for each in upstream.requests[1]["messages"] if each["role"] == "tool"]
    assert outputs == ["14 °C and rain", "22 °C and sunshine"]
