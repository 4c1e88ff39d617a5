"""examples/chat.py: answers, stops when it is told to, outlives a failed run, and goes on with a thread."""

import asyncio
import re
import sys

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, error, text
from tests.examples.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_chat(programs: Programs, upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    upstream.script(
        [
            text("Good morning."),
            text("one two three").waiting(gate, after=2),
            error(400, {"error": {"message": "no such thing"}}),
            text("Here I am."),
        ]
    )
    async with programs.running(sys.executable, "examples/chat.py") as chat:
        found = re.fullmatch(r"To go on with this chat: (--thread) (thread_\w+)\n> ", await chat.hear("> "))
        assert found
        chat.say("Hello")
        assert await chat.hear("> ") == "< Good morning.\n> "
        chat.say("Count to three")
        await chat.hear("< one two")
        chat.interrupt()
        assert await chat.hear("> ") == "\n[cancelled]\n> "
        chat.say("Do such a thing")
        assert re.fullmatch(r"< \n\[failed: .+\]\n> ", await chat.hear("\n> "))
        assert await chat.end() == ""

    async with programs.running(sys.executable, "examples/chat.py", *found.groups()) as chat:
        chat.say("Are you there?")
        again = await chat.end()
    assert again.splitlines() == [
        "> Hello",
        "< Good morning.",
        "> Count to three",
        "< one two",
        "> Do such a thing",
        f"To go on with this chat: --thread {found[2]}",
        "> < Here I am.",
        "> ",
    ]
    told = [(message["role"], message["content"]) for message in upstream.requests[-1]["messages"]]
    assert told[1:3] == [("user", "Hello"), ("assistant", "Good morning.")]
    assert told[-1] == ("user", "Are you there?")
