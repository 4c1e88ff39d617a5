"""examples/move.py: what an export has is made anew once, in its order, and comes back the same from an export."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.examples.programs import Programs
from tests.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = (ROOT / "docs/migrate.md").read_text(encoding="utf-8")
MOVES = re.findall(r"^python examples/move.py .*\n", PAGE, re.MULTILINE)
"""The commands of the guide: there, and back."""

SEARCH = {"type": "file_search", "file_search": {"ranking_options": {"ranker": "auto", "score_threshold": 0.5}}}
ASSISTANT: dict[str, Any] = {
    "id": "asst_old",
    "object": "assistant",
    "created_at": 1700000000,
    "name": "Clerk",
    "description": None,
    "model": "gpt-4o",
    "instructions": "Be brief.",
    "tools": [SEARCH, {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}],
    "tool_resources": {"file_search": {"vector_store_ids": ["vs_old"]}, "code_interpreter": None},
    "metadata": {"team": "north"},
    "top_p": 1.0,
    "temperature": 0.5,
    "response_format": "auto",
    "reasoning_effort": None,
}


def text(value: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": {"value": value, "annotations": []}}]


SAID: list[tuple[str, list[dict[str, Any]]]] = [
    ("user", text("What is this?")),
    ("user", [{"type": "image_file", "image_file": {"file_id": "file-old", "detail": "low"}}]),
    ("user", [{"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "auto"}}]),
    ("user", [{"type": "image_file", "image_file": {"file_id": "file-gone", "detail": "auto"}}]),
    ("assistant", []),
    ("assistant", [{"type": "refusal", "refusal": "I do not look at cats."}]),
]


def message(number: int) -> dict[str, Any]:
    role, content = SAID[number]
    return {
        "id": f"msg_{number}",
        "object": "thread.message",
        "created_at": 1700000000 + number,
        "thread_id": "thread_old",
        "role": role,
        "content": content,
        "assistant_id": "asst_old" if role == "assistant" else None,
        "run_id": "run_old" if role == "assistant" else None,
        "attachments": [{"file_id": "file-gone", "tools": [{"type": "file_search"}]}] if number == 0 else [],
        "metadata": {"number": str(number)},
    }


def export() -> dict[str, Any]:
    """As one gets it who just lists: newest first."""
    thread = {
        "id": "thread_old",
        "object": "thread",
        "created_at": 1700000000,
        "metadata": {"customer": "17"},
        "tool_resources": {"code_interpreter": {"file_ids": ["file-gone"]}},
        "messages": [message(number) for number in reversed(range(len(SAID)))],
    }
    return {"assistants": [ASSISTANT], "threads": [thread, thread | {"id": "thread_done"}]}


async def moved(programs: Programs, command: str, directory: Path) -> str:
    """Runs a command of the guide; what it says of what it leaves out."""
    python = 'python() { "$PYTHON" "$@" 2>&3; }; exec 3>&1\n'
    return await programs.output("sh", "-c", python + command, directory=directory, PYTHON=sys.executable)


async def test_there_and_back(programs: Programs, tmp_path: Path) -> None:
    async with AsyncOpenAI(
        base_url=programs.environment["OPENAI_BASE_URL"], api_key=programs.environment["OPENAI_API_KEY"]
    ) as client:
        store = await client.vector_stores.create()
        image = await client.files.create(file=("a.png", b"\x89PNG"), purpose="vision")
    file, ids = tmp_path / "export.json", tmp_path / "ids.tsv"
    file.write_text(json.dumps(export()))
    done = f"vs_old\t{store.id}\nfile-old\t{image.id}\nthread_done\tthread_new"  # as somebody has written it
    ids.write_text(done)

    (tmp_path / "examples").symlink_to(ROOT / "examples")
    there, back = MOVES
    assert await moved(programs, there, tmp_path) == "left out, because ids.tsv does not have it: file-gone\n"
    assert ids.read_text().startswith(f"{done}\n")
    new = dict(line.split("\t") for line in ids.read_text().splitlines())
    assert list(new) == ["vs_old", "file-old", "thread_done", "asst_old", "thread_old"]

    assert await moved(programs, back, tmp_path) == ""
    exported = json.loads(file.read_text())
    (assistant,) = (each for each in exported["assistants"] if each["id"] == new["asst_old"])
    kept = {"name", "model", "instructions", "metadata", "top_p", "temperature", "response_format"}
    assert {key: assistant[key] for key in kept} == {key: ASSISTANT[key] for key in kept}
    assert assistant["tool_resources"] == {"file_search": {"vector_store_ids": [store.id]}}
    assert assistant["tools"][0]["file_search"]["ranking_options"]["score_threshold"] == 0.5
    assert assistant["tools"][1]["function"]["name"] == "look_up"

    (thread,) = (each for each in exported["threads"] if each["metadata"] == {"customer": "17"})
    assert thread["id"] == new["thread_old"]
    assert [(each["role"], each["content"], each["metadata"]) for each in thread["messages"]] == [
        ("user", SAID[0][1], {"number": "0"}),
        ("user", [{"type": "image_file", "image_file": {"file_id": image.id, "detail": "low"}}], {"number": "1"}),
        ("user", SAID[2][1], {"number": "2"}),
        ("user", text("[image file-gone]"), {"number": "3"}),
        ("assistant", text("I do not look at cats."), {"number": "5"}),
    ]
