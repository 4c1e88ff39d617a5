"""What users record of their own programs, with the tools they have, replays; tampered with, it does not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from compat_tests.reading import read
from compat_tests.replay import replay
from compat_tests.replay.paths import template_of
from compat_tests.scripted_upstream import text, tool_calls
from compat_tests.target import Target, started
from tests.compat import traffic
from tests.compat.recording_proxy import recording_proxy
from tests.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_GENERATION = ROOT / ".venv-openai1" / "bin" / "python"
SECONDS = 60


async def played(python: Path | str, *arguments: object) -> None:
    """The user's program, run to its end."""
    process = await asyncio.create_subprocess_exec(
        python, "-m", "tests.compat.traffic", *map(str, arguments),
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, said.decode()


FILES = {"vcrpy": "session.yaml", "first-generation": "first.yaml", "har": "session.har"}


async def once_recorded(form: str, place: Path) -> Path:
    """A cassette of the user's program, in front of a server of its own; the same for all tests."""
    file = place / FILES[form]
    if file.exists():
        return file
    async with started() as target:
        assert target.upstream is not None
        first, second, third = traffic.SAID
        target.upstream.script([text(first), tool_calls([traffic.CALL], content=second), text(third)])
        url, key = target.client.base_url, target.client.api_key
        if form == "har":
            async with recording_proxy(url) as proxy:
                await played(sys.executable, f"{proxy.url}/v1", key)
                proxy.write(file)
        else:
            python = sys.executable if form == "vcrpy" else FIRST_GENERATION
            await played(python, f"{url}/v1", key, file)
        assert key
        assert key in file.read_text()
        return file


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traffic")


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["vcrpy", "first-generation", "har"])
async def cassette(request: pytest.FixtureRequest, place: Path) -> Path:
    if request.param == "first-generation" and not FIRST_GENERATION.exists():
        pytest.skip("no environment with the first generation of the client: `make test` sets it up")
    return await once_recorded(request.param, place)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fresh() -> AsyncIterator[Target]:
    """A server that none of it was recorded from."""
    async with started() as target:
        yield target


async def test_it_holds_what_the_user_did(cassette: Path) -> None:
    (recording,) = read(cassette)
    asked = {(each.request.method, template_of(each.request.path), each.answer.status) for each in recording.exchanges}
    assert asked >= {
        ("POST", "/v1/assistants", 200),
        ("POST", "/v1/assistants", 400),
        ("GET", "/v1/assistants", 200),
        ("POST", "/v1/files", 200),
        ("POST", "/v1/threads/{thread_id}/messages", 200),
        ("POST", "/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", 200),
        ("GET", "/v1/threads/{thread_id}/runs/{run_id}/steps", 200),
        ("GET", "/v1/threads/{thread_id}", 404),
    }
    assert sum(each.answer.is_stream for each in recording.exchanges) == 1
    (form,) = [each.request.body for each in recording.exchanges if isinstance(each.request.body, tuple)]
    assert [part.data for part in form if part.filename == "notes é.txt"] == [traffic.NOTES]
    assert recording.preexisting_ids == ()
    assert "sk-" not in repr(recording)


async def test_it_replays_on_a_fresh_server(cassette: Path, fresh: Target) -> None:
    (recording,) = read(cassette)
    result = await replay(recording, fresh)
    assert (result.outcome, result.reason, result.all_differences) == ("passed", "", ())
    # Polls are folded into one question; everything else is asked again.
    polls = len(recording.exchanges) - len(result.asked)
    assert 0 <= polls < len(recording.exchanges) / 2


Change = Callable[[Any], Any]

# Of which answer, and what is told otherwise in it.
LIES: dict[str, tuple[str, str, Change]] = {
    "a key is gone": ("POST", "/v1/assistants", lambda body: {key: body[key] for key in body if key != "top_p"}),
    "a key is too many": ("POST", "/v1/assistants", lambda body: body | {"owner": None}),
    "another type": ("POST", "/v1/threads", lambda body: body | {"created_at": "today"}),
    "not null": ("POST", "/v1/assistants", lambda body: body | {"description": "somebody"}),
    "what was given": ("POST", "/v1/assistants", lambda body: body | {"name": "Eve"}),
    "more pages": ("GET", "/v1/assistants", lambda body: body | {"has_more": not body["has_more"]}),
    "a length": ("POST", "/v1/files", lambda body: body | {"bytes": body["bytes"] + 1}),
    "an error": ("GET", "/v1/threads/thread_none", lambda body: {"error": body["error"] | {"code": "not_found"}}),
    "a status": ("GET", "/v1/threads/thread_none", lambda body: {}),
}


def content_of(entry: dict[str, Any]) -> Any:
    return entry["response"]["content"]["text"]


@pytest.mark.parametrize("lie", LIES)
async def test_a_har_that_was_tampered_with_fails(lie: str, place: Path, tmp_path: Path, fresh: Target) -> None:
    har = json.loads((await once_recorded("har", place)).read_bytes())
    method, path, change = LIES[lie]
    entry = next(
        each
        for each in sorted(har["log"]["entries"], key=lambda each: each["startedDateTime"])
        if each["request"]["method"] == method and each["request"]["url"].partition("?")[0].endswith(path)
        if each["response"]["status"] > 0
    )
    if lie == "a status":
        entry["response"]["status"] = 410
    else:
        content = entry["response"]["content"]
        content["text"] = json.dumps(change(json.loads(content["text"])))
    tampered = tmp_path / "tampered.har"
    tampered.write_text(json.dumps(har))
    (recording,) = read(tampered)
    result = await replay(recording, fresh)
    told = (entry["request"]["url"], content_of(entry), [(asked.title, asked.answer) for asked in result.asked])
    assert result.outcome == "failed", told
    assert [asked.title for asked in result.asked if asked.differences], "the difference belongs to a request"


@pytest.mark.parametrize(
    ("told", "otherwise"),
    [
        ("event: thread.run.in_progress\n", "event: thread.run.queued\n"),
        ("event: thread.message.completed\n", "event: thread.message.incomplete\n"),
        ('"annotations":[]', '"annotations":null'),
        ("event: done\ndata: [DONE]\n\n", ""),
    ],
)
async def test_a_cassette_with_another_stream_fails(
    told: str, otherwise: str, place: Path, tmp_path: Path, fresh: Target
) -> None:
    cassette = yaml.safe_load((await once_recorded("vcrpy", place)).read_text())
    (stream,) = [
        each["response"] for each in cassette["interactions"] if "event: done" in str(each["response"]["body"])
    ]
    before = stream["body"]["string"]
    stream["body"]["string"] = before.replace(told, otherwise, 1)
    assert stream["body"]["string"] != before
    tampered = tmp_path / "tampered.yaml"
    tampered.write_text(yaml.safe_dump(cassette))
    (recording,) = read(tampered)
    assert (await replay(recording, fresh)).outcome == "failed"


async def test_the_command_line_tells_them_apart(place: Path, tmp_path: Path) -> None:
    files = [await once_recorded(form, place) for form in ("vcrpy", "har")]
    tampered = tmp_path / "tampered.yaml"
    tampered.write_text(files[0].read_text().replace('"object":"thread.message"', '"object":"message"'))
    status, said = await conformance(*files)
    assert (status, "2 passed" in said) == (0, True), said
    status, said = await conformance(*files, tampered)
    assert (status, "2 passed, 1 failed" in said, "FAILED tampered.yaml" in said) == (1, True, True), said


async def conformance(*cassettes: Path) -> tuple[int | None, str]:
    named = [each for file in cassettes for each in ("--cassette", str(file))]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "run.py", "conformance", "--no-cases", *named,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    return process.returncode, said.decode()
