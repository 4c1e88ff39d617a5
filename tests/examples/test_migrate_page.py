"""docs/migrate.md, followed literally: its programs and commands against a server, as a new user's."""

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from compat_tests.cli import arguments_of
from compat_tests.scripted_upstream import ScriptedUpstream, text
from tests.examples.programs import HAS_NODE, NO_NODE, NODE, PACKAGES, Programs
from tests.examples.test_move import MOVES
from tests.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = (ROOT / "docs/migrate.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def test_the_programs(programs: Programs, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """At the same time, as each takes a second to begin."""

    async def python(block: str) -> str:
        there = block.replace("http://127.0.0.1:8020", programs.environment["SERVER"])
        keyed = there.replace('"unused"', json.dumps(programs.environment["OPENAI_API_KEY"]))
        return await programs.output(sys.executable, "-c", keyed, PYTHONWARNINGS="ignore::DeprecationWarning")

    upstream.script([text("Here I am."), text("Here I am.")])
    openai, azure = blocks("python")
    assert await asyncio.gather(python(openai), python(azure)) == [
        "completed Here I am.\n",
        "my-deployment completed\n",
    ]


@pytest.mark.skipif(not HAS_NODE, reason=NO_NODE)
async def test_the_program_in_node(programs: Programs, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    (block,) = blocks("js")
    (tmp_path / "try.mjs").write_text(block, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    upstream.script([text("Here I am.")])
    assert await programs.output(str(NODE), "try.mjs", directory=tmp_path) == "Here I am. completed\n"


async def test_the_commands(programs: Programs, tmp_path: Path) -> None:
    """In one shell, in their order. What `make` is asked for is looked at, and not done; moving is another test's."""
    (tmp_path / "run.py").symlink_to(ROOT / "run.py")
    key = programs.environment["OPENAI_API_KEY"]
    commands = "".join(blocks("sh")).replace("http://127.0.0.1:8020", programs.environment["SERVER"])
    lines = [line for line in commands.splitlines(keepends=True) if line not in MOVES]
    printed = await programs.output(
        "sh",
        "-c",
        'set -e; make() { printf "make %s\\n" "$@"; }; python() { "$PYTHON" "$@" 2>&1; }\n'
        + "".join(lines).replace("=unused", f"={key}"),
        directory=tmp_path,
        PYTHON=sys.executable,
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
