"""docs/conformance.md keeps its word: its commands are taken, its case is played, its recording replays."""

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from compat_tests.accepting import read_accepted
from compat_tests.arguments import arguments_of
from compat_tests.case import read_cases
from compat_tests.cli import FORMS
from compat_tests.pattern import OPERATORS
from compat_tests.playing import play
from compat_tests.reading import read
from compat_tests.replay import replay
from compat_tests.report import as_json
from compat_tests.target import Target
from tests.compat.report.reports import REPORT
from tests.processes import ROOT

PAGE = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[str]:
    """Of the suite, in shell blocks and in what CI runs: what stands after `conformance`."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    for block in blocks("yaml"):
        lines += re.findall(r"^ *- (?:run: )?(make conformance.*)$", block, re.MULTILINE)
    plain = [line.removeprefix("python run.py conformance") for line in lines if line.startswith("python run.py")]
    return plain + [match[1] for line in lines if (match := re.search(r'^make conformance ARGS="(.*)"$', line))]


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one_that_the_tool_takes(command: str) -> None:
    arguments = arguments_of(shlex.split(command))
    assert not arguments.case or arguments.tag


def test_there_are_commands() -> None:
    assert len(commands()) >= 8
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nconformance:" in makefile


def test_every_argument_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments_of(["--help"])
    named = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--page"}
    assert {each for each in named if each not in PAGE} == set()


def test_the_workflows_are_yaml_that_runs_it() -> None:
    github, gitlab = map(yaml.safe_load, blocks("yaml"))
    steps = github["jobs"]["conformance"]["steps"]
    assert any(each.get("run", "").startswith("make conformance ") for each in steps)
    assert gitlab["conformance"]["script"][-1].startswith("make conformance ")
    assert gitlab["conformance"]["artifacts"]["reports"]["junit"] in gitlab["conformance"]["script"][-1]


def test_the_accepted_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "accepted.json").write_text(blocks("json")[0], encoding="utf-8")
    assert len(read_accepted(tmp_path / "accepted.json").unused) == 2


def test_the_keys_of_the_json_report() -> None:
    content = json.loads(as_json.rendered(REPORT))
    held = [content, content["results"][1], content["results"][1]["requests"][0]]
    held += [held[2]["differences"][0], content["accepted"][0], content["facts"][0]]
    assert {key for each in held for key in each if f"`{key}`" not in PAGE and f'"{key}"' not in PAGE} == set()
    assert all(f"--{form} FILE" in PAGE for form in FORMS)


def test_every_operator_is_named() -> None:
    (named,) = re.findall(r"are operators: (.*?)\. ", PAGE)
    assert set(re.findall(r"\$\w+", named)) == OPERATORS


@pytest.mark.asyncio(loop_scope="session")
async def test_the_case_is_played(target: Target, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "example.json").write_text(blocks("json")[1], encoding="utf-8")
    (case,) = read_cases(tmp_path)
    result = await play(case, target)
    assert (result.outcome, result.all_differences, len(result.asked)) == ("passed", (), 4)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_recorded_replays(target: Target, tmp_path: Path) -> None:
    (program,) = blocks("python")
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{target.client.base_url}/v1",
        "OPENAI_API_KEY": target.client.api_key or "unused",
        "PYTHONWARNINGS": "ignore",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=tmp_path, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    (recording,) = read(tmp_path / "assistant.yaml")
    assert len(recording.exchanges) == 3
    result = await replay(recording, target)
    assert (result.outcome, result.all_differences) == ("passed", ())
