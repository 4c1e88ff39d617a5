"""What `run.py doctor` finds out about real model servers."""

import json

from .servers import ModelServer
from .understudy import run

TITLES = {"sglang": "SGLang", "vllm": "vLLM 0.32.0", "llama-server": "llama-server b1-0c1e570"}
NEEDED = {"models", "context length", "streaming", "usage", "tools", "parallel calls", "json_schema", "token counting"}


def test_the_report(server: ModelServer) -> None:
    done = run("doctor", "--upstream", server.url, "--json")
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)
    assert (report["server"], report["model"]) == (TITLES[server.name], "tiny")
    findings = {finding["what"]: finding for finding in report["findings"]}
    missing = {what: findings[what] for what in NEEDED if findings[what]["verdict"] != "yes"}
    assert missing == {}
    assert findings["context length"]["detail"] == "2,048 tokens"
    assert (findings["embeddings"]["verdict"], findings["images"]["verdict"]) == ("no", "no")
    assert findings["embeddings"]["advice"]
    # Where a call can be forced, free text cannot come before it; llama-server's grammar lets it.
    forced = findings["tool_choice required"]["verdict"]
    assert forced == {"sglang": "yes", "vllm": "yes", "llama-server": "no"}[server.name]


def test_the_table(server: ModelServer) -> None:
    done = run("doctor", "--upstream", server.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(TITLES[server.name])
    assert server.url in done.stdout
