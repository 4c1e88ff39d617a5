"""examples/documents.py: the answer comes from the documents, cites them, and they are gone in the end."""

import re
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from compat_tests.scripted_upstream import Reply, ScriptedUpstream, text, tool_calls
from tests.examples.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="session")


def citing(body: dict[str, Any]) -> Reply:
    """An answer that marks what it took from where, as the model server was asked to."""
    shown = body["messages"][-1]
    assert shown["role"] == "tool"
    number = {name: mark for mark, name in re.findall(r"^(\[\[\d+\]\]) (\S+)$", shown["content"], re.MULTILINE)}
    assert "The green key opens the cellar." in shown["content"]
    return text(f"The green one {number['keys.md']}, which hangs in the hall {number['hall.txt']}{number['keys.md']}.")


async def test_an_answer_with_citations(programs: Programs, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    documents = {
        "keys.md": b"# Keys\n\nThe green key opens the cellar.\n",
        "hall.txt": b"All keys hang in the hall, beside the cellar door.\n",
        "broken.pdf": b"%PDF-1.7 and nothing else",
    }
    for name, content in documents.items():
        (tmp_path / name).write_bytes(content)
    upstream.script([tool_calls([("file_search", {"queries": ["key of the cellar"]})]), citing])

    asked = "Which key opens the cellar?"
    printed = await programs.example("documents.py", asked, *(tmp_path / name for name in documents))
    failed, *answer = printed.splitlines()
    assert failed.startswith("[broken.pdf cannot be searched: ")
    assert answer == ["The green one [1], which hangs in the hall [2][1].", "[1] keys.md", "[2] hall.txt"]

    async with AsyncOpenAI(
        base_url=programs.environment["OPENAI_BASE_URL"], api_key=programs.environment["OPENAI_API_KEY"]
    ) as client:
        assert {file.filename for file in (await client.files.list()).data}.isdisjoint(documents)
        assert "documents" not in {store.name for store in (await client.vector_stores.list()).data}
