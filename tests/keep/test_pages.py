"""docs/keep.md and the integration's README keep their word: their programs, workflows, tables and fields."""

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from keep.providers.understudy_provider.understudy_provider import UnderstudyProvider, UnderstudyProviderAuthConfig

from compat_tests.scripted_upstream import text, tool_calls
from tests.keep import installed
from tests.keep.models import Model
from tests.keep.seeding import new_assistant
from tests.processes import PYTHON, ROOT, Server

README = (installed.INTEGRATION / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/keep.md").read_text(encoding="utf-8")
ALERT = {
    "name": "DiskFull",
    "service": "checkout",
    "description": "/var is full",
    "log": "no space left on device",
}


def blocks(page: str, language: str) -> list[str]:
    return [textwrap.dedent(block) for block in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)]


def table(heading: str) -> list[str]:
    """What stands in the first column of a table of the README, in code."""
    (rows,) = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[- |]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def parameters(method: Any) -> set[str]:
    return set(inspect.signature(method).parameters) - {"self"}


@pytest.fixture
def run(server: Server, api: httpx.Client) -> Callable[[dict[str, Any]], dict[str, Any]]:
    names = ("get_owner", "get_policy", "get_deploys", "create_ticket", "approve")
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    config = {"base_url": server.url, "assistant_id": new_assistant(api, tools=tools)}

    def run(workflow: dict[str, Any]) -> dict[str, Any]:
        return installed.run(workflow, {"understudy": {"authentication": config}}, ALERT)

    return run


def test_every_parameter_has_a_row() -> None:
    assert set(table("`with`")) == parameters(UnderstudyProvider._query)


def test_every_field_of_the_form_has_a_row() -> None:
    assert set(table("field")) == set(UnderstudyProviderAuthConfig.__dataclass_fields__)


def test_every_part_of_the_result_has_a_row(provider: Callable[..., Any], says: Model) -> None:
    parts = set(table("`steps.….results`"))
    assert set(provider().query(prompt="Hello")) <= parts
    assert {"response", "thread_id", "run_id", "messages", "raw_response"} <= parts


def test_every_operation_has_a_row(provider: Callable[..., Any]) -> None:
    with pytest.raises(Exception, match="operation should be one of") as refused:
        provider().notify(operation="?")
    listed = re.findall(r"(\w+)(?=[,']| *, not)", str(refused.value).partition(" of ")[2].partition(", not")[0] + ",")
    assert table("`operation`") == listed


@pytest.mark.parametrize("number", range(len(blocks(README, "yaml")) - 1))
def test_the_steps_of_the_readme(run: Callable[..., dict[str, Any]], says: Model, number: int) -> None:
    """All but the first, which is of Docker. Functions are called, but for those that ask other hosts."""
    written = yaml.safe_load(blocks(README, "yaml")[number + 1])
    functions = [step["provider"]["with"].get("functions", {}) for step in written["steps"]]
    if "approve" in functions[0]:
        says.script(tool_calls([("approve", {})]), text("Restarted."))
    elif "get_owner" in functions[0]:
        says.script(tool_calls([("get_owner", {"service": "search"}), ("get_policy", {})]), text("Nobody, today."))
    steps = run({"workflow": {"id": f"readme-{number}", "triggers": [{"type": "manual"}], **written}})
    for step in written["steps"]:
        assert steps[step["name"]]["results"]["status"] in {"completed", "requires_action"}
    if "approve" in functions[0]:
        assert says.requests[1]["messages"][-1]["content"] == '{"approved": true, "by": "on-call"}'
        assert steps["go-on"]["results"]["response"] == "Restarted."
    if "get_owner" in functions[0]:
        told = [message["content"] for message in says.requests[1]["messages"][-2:]]
        assert told == ["discovery", "Nothing is restarted on a Friday. DiskFull"]


def test_keep_takes_the_provider_from_the_environment(server: Server, assistant: str, says: Model) -> None:
    (written,) = re.findall(r"KEEP_PROVIDER_UNDERSTUDY='(.+)'", README)
    config = json.loads(written)["authentication"]
    assert config.keys() <= UnderstudyProviderAuthConfig.__dataclass_fields__.keys()
    mine = installed.provider({**config, "base_url": f"{server.url}/v1", "assistant_id": assistant, "api_key": "sk-1"})
    assert mine.query(prompt="Hello")["response"] == "Hello"
    mine.dispose()


def test_the_page_followed(says: Model, tmp_path: Path) -> None:
    """A key, a server, an assistant and a workflow, in its words but for what only this machine can know."""
    keys, serve = (shlex.split(line) for line in blocks(PAGE, "sh")[0].splitlines())
    assert keys[:2] == serve[:2] == ["python", "run.py"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
    here: dict[str, Any] = {"cwd": ROOT, "env": plain, "text": True}
    made = subprocess.run([PYTHON, *keys[1:], "--data", tmp_path], capture_output=True, check=True, timeout=30, **here)
    key = made.stdout.strip()
    place = ["--data", tmp_path, "--port", "0", "--host", "127.0.0.1", "--upstream", says.url]
    with subprocess.Popen([PYTHON, *serve[1:], *place], stderr=subprocess.PIPE, **here) as process:
        assert process.stderr is not None
        found = None
        while found is None and (line := process.stderr.readline()):
            found = re.search(r"listening on (http://\S+)", line)
        assert found
        (program,) = blocks(PAGE, "python")
        known = {"OPENAI_BASE_URL": f"{found[1]}/v1", "OPENAI_API_KEY": key, "PYTHONWARNINGS": "ignore"}
        printed = subprocess.run(
            [sys.executable, "-c", program], env=plain | known, capture_output=True, text=True, check=True, timeout=30
        )
        config = {"base_url": found[1], "assistant_id": printed.stdout.strip(), "api_key": key}
        workflow = yaml.safe_load(blocks(PAGE, "yaml")[0])
        steps = installed.run(workflow, {"understudy": {"authentication": config}}, ALERT)
        process.terminate()
        process.stderr.read()
    assert steps["look"]["results"]["response"] == "How bad is this? DiskFull: /var is full"
