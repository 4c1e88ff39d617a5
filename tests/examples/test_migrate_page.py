"""docs/migrate.md, followed literally: its programs and commands against a server, as a new user's."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from compat_tests.cli import arguments_of
from compat_tests.scripted_upstream import ScriptedUpstream, text
from tests.examples.programs import HAS_NODE, NO_NODE, NODE, PACKAGES, Programs
from tests.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = (ROOT / "docs/migrate.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def python(programs: Programs, block: str) -> str:
    """What a program of the page prints. Its server is the tests', whose key is asked for."""
    there = block.replace("http://127.0.0.1:8020", programs.environment["SERVER"])
    keyed = there.replace('"unused"', json.dumps(programs.environment["OPENAI_API_KEY"]))
    return await programs.output(sys.executable, "-c", keyed, PYTHONWARNINGS="ignore::DeprecationWarning")


async def test_openai_in_python(programs: Programs, upstream: ScriptedUpstream) -> None:
    upstream.script([text("Here I am.")])
    assert await python(programs, blocks("python")[0]) == "completed Here I am.\n"


async def test_azure_in_python(programs: Programs, upstream: ScriptedUpstream) -> None:
    upstream.script([text("Hello.")])
    assert await python(programs, blocks("python")[1]) == "my-deployment completed\n"


@pytest.mark.skipif(not HAS_NODE, reason=NO_NODE)
async def test_openai_in_node(programs: Programs, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    (block,) = blocks("js")
    (tmp_path / "try.mjs").write_text(block, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    upstream.script([text("Here I am.")])
    assert await programs.output(str(NODE), "try.mjs", directory=tmp_path) == "Here I am. completed\n"


async def test_the_commands(programs: Programs, tmp_path: Path) -> None:
    """All of them, in one shell, in their order; what `make` is asked for is looked at, and not done."""
    for name in ("run.py", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    thread = {"id": "thread_old", "messages": [{"created_at": 1, "role": "user", "content": []}]}
    (tmp_path / "export.json").write_text(json.dumps({"assistants": [], "threads": [thread]}))
    key = programs.environment["OPENAI_API_KEY"]
    commands = "".join(blocks("sh")).replace("http://127.0.0.1:8020", programs.environment["SERVER"])
    given = 'set -e; make() { printf "make %s\\n" "$@"; }; python() { "$PYTHON" "$@" 2>&1; }\n'
    printed = await programs.output(
        "sh",
        "-c",
        given + commands.replace("=unused", f"={key}"),
        directory=tmp_path,
        PYTHON=sys.executable,
        PYTHONWARNINGS="ignore",
        UNDERSTUDY_DATA=str(tmp_path / "data"),
    )
    run, made, rest = printed.split("\n", 2)
    assert run == "make run"
    assistant, key = made.rsplit("}", 1)  # curl ends without a line's end
    assert json.loads(assistant + "}")["object"] == "assistant"
    assert key.startswith("sk-")
    said, target, arguments = rest.splitlines()
    assert "for project support" in said
    assert target == "make conformance"
    assert arguments_of(shlex.split(arguments.removeprefix("make ARGS="))).cassette
    old, new = (tmp_path / "ids.tsv").read_text().split()
    assert old == "thread_old"
    assert new in {each["id"] for each in json.loads((tmp_path / "export.json").read_text())["threads"]}
