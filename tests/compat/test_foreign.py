"""The suite against a server that is not ours, and half done: an honest report, and no crash."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from compat_tests.case import read_cases
from tests.compat.incomplete_server import incomplete_server

ROOT = Path(__file__).parents[2]


async def conformance(*arguments: str) -> tuple[int, str, str]:
    """Exit status and what was said, as for its users."""
    command = [sys.executable, "run.py", "conformance", *arguments]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


async def test_a_server_that_is_half_done(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    async with incomplete_server() as url:
        status, out, errors = await conformance("--base-url", f"{url}/v1", "--json", str(file), "--model", "theirs")
    assert (status, errors) == (1, "")
    assert "Traceback" not in out
    results: dict[str, dict[str, Any]] = {each["slug"]: each for each in json.loads(file.read_bytes())["results"]}
    assert results.keys() == {f"{each.resource}/{each.slug}" for each in read_cases()}
    outcomes = {each["outcome"] for each in results.values()}
    assert outcomes == {"passed", "failed", "skipped"}

    scripted = {f"{each.resource}/{each.slug}" for each in read_cases() if each.case.upstream}
    assert {results[slug]["outcome"] for slug in scripted} == {"skipped"}
    assert all(each["reason"] for each in results.values() if each["outcome"] == "skipped")

    for slug, said in WRONG.items():
        assert results[slug]["outcome"] == "failed"
        told = json.dumps(results[slug])
        assert said in told, f"{slug} does not speak of {said}"
        assert slug in out


WRONG = {
    "assistants/create-with-defaults": "file_ids",
    "models/list-of-models": "no answer",
}
"""What must be said of some: keys of the first version, and a connection that ends without an answer."""
