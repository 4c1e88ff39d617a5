"""The command line of the suite, as processes: what it prints, what it writes, and with which status it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from aiohttp import web
from msgspec import Struct

from compat_tests.case import read_cases
from compat_tests.cli import main
from tests.compat.incomplete_server import incomplete_server
from tests.processes import ROOT, serving

KEY = "kx-Wm4v9Tq2Lr7"
PLAIN = {
    name: value for name, value in os.environ.items() if not name.startswith(("UNDERSTUDY_", "OPENAI_", "NO_COLOR"))
}
SECONDS = 60


class Ended(Struct, frozen=True):
    status: int
    out: str
    err: str


async def begun(*arguments: str | Path, python: tuple[str, ...] = ("run.py", "conformance"), **environ: str) -> Any:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", *python, *map(str, arguments),
        cwd=ROOT,
        env=PLAIN | environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ended(process: Any) -> Ended:
    out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    return Ended(process.returncode, out.decode(), err.decode())


async def conformance(*arguments: str | Path, **environ: str) -> Ended:
    return await ended(await begun(*arguments, **environ))


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """Cases of somebody's own, of which one cannot be fulfilled, and goes on after what it cannot have."""
    wrong = {
        "requirement": "The list of models is a song.",
        "source": "ours: nobody",
        "tags": ["optional:song"],
        "steps": [
            {
                "ask": {"method": "GET", "path": "/v1/models"},
                "expect": {"body": {"$includes": {"object": "song", "has_more": False}}},
            },
            {"ask": {"method": "GET", "path": "/v1/assistants/asst_x"}, "expect": {"status": 404}},
        ],
    }
    asked = {"ask": {"method": "GET", "path": "/v1/models"}, "expect": {"body": {"$includes": {"object": "list"}}}}
    right = {**wrong, "requirement": "The list of models is a list.", "steps": [asked]}
    directory = tmp_path / "cases"
    (directory / "models").mkdir(parents=True)
    (directory / "models" / "song.json").write_text(json.dumps(wrong))
    (directory / "models" / "list.json").write_text(json.dumps(right))
    return directory


@pytest_asyncio.fixture
async def tells_the_key() -> AsyncIterator[str]:
    """A server that puts the key it is sent into everything it answers."""

    async def answer(request: web.Request) -> web.Response:
        key = request.headers["authorization"]
        return web.json_response(
            {"error": {"message": f"I know: {key}"}, key: key}, status=404, headers={"x-key": key, "set-cookie": key}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


async def test_all_passed(tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in ("junit", "json", "html")}
    arguments = [each for form, file in files.items() for each in (f"--{form}", file)]
    done = await conformance("--case", "models/list-of-models", "--case", "an-empty-*", *arguments)
    assert (done.status, done.err) == (0, "")
    assert re.search(r"^altogether +2 +0 +0 +0$", done.out, re.MULTILINE)
    assert re.search(r"^2 passed in [\d.]+ s, asked of this server$", done.out, re.MULTILINE)
    assert re.search(r"JSON Schema: checked with the types of openai \d", done.out)
    assert "\x1b" not in done.out
    assert ElementTree.parse(files["junit"]).getroot().attrib["tests"] == "2"
    assert json.loads(files["json"].read_bytes())["counts"] == {"passed": 2, "accepted": 0, "failed": 0, "skipped": 0}
    assert files["html"].read_text(encoding="utf-8").count("<details") > 2


async def test_something_failed(failing: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = await conformance("--cases", failing, "--json", file)
    assert done.status == 1
    assert (
        "FAILED models/song: The list of models is a song.\n"
        "  1. GET /v1/models\n"
        "    body.object\n"
        '      - "song"\n'
        '      + "list"\n'
        "    body.has_more\n"
        "      - false\n"
        "      + absent\n"
        "  stopped at step 1 of 2\n"
    ) in done.out
    assert "1 passed, 1 failed in " in done.out
    content = json.loads(file.read_bytes())
    assert [each["outcome"] for each in content["results"]] == ["passed", "failed"]
    assert content["results"][1]["requests"][0]["body"]["object"] == "list"


async def test_what_is_accepted_has_failed_no_more(failing: Path, tmp_path: Path) -> None:
    """And the case goes on after it."""
    rows = [
        {"where": "models/*", "path": ["body.object", "body.has_more"], "reason": "We cannot sing."},
        {"path": "body.nothing", "reason": "Nobody knows any more."},
    ]
    accepted = tmp_path / "accepted.json"
    accepted.write_text(json.dumps({"format": 1, "accepted": rows}))
    file = tmp_path / "report.json"
    done = await conformance("--cases", failing, "--accepted", accepted, "--json", file)
    assert done.status == 0
    assert "Accepted differences\n     2  We cannot sing.\n" in done.out
    assert "1 passed, 1 accepted in " in done.out
    assert "accepts nothing, and can go: * body.nothing (Nobody knows any more.)" in done.out
    assert len(json.loads(file.read_bytes())["results"][1]["requests"]) == 2


async def test_a_tag(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = await conformance("--tag", "endpoint:GET /v1/models*", "--json", file)
    assert done.status == 0
    results = json.loads(file.read_bytes())["results"]
    wanted = [
        f"{each.resource}/{each.slug}"
        for each in read_cases()
        if any(tag.startswith("endpoint:GET /v1/models") for tag in each.case.tags)
    ]
    assert [each["slug"] for each in results] == wanted
    assert wanted


async def test_the_list_asks_nobody() -> None:
    done = await conformance("--list", "--base-url", "http://127.0.0.1:9")
    assert (done.status, done.err) == (0, "")
    found = read_cases()
    assert done.out.splitlines() == [f"{each.resource}/{each.slug}  {each.case.requirement}" for each in found]


async def test_who_reads_may_leave() -> None:
    process = await begun("--list")
    process.stdout._transport.close()
    _, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert err == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case", "models/lst"], "no case or recording models/lst: is it models/list-of-models"),
        (["--tag", "endpoint:nowhere"], "no case has a tag endpoint:nowhere"),
        (["--case", "models/list-of-models", "--tag", "status:queued"], "nothing is left to ask"),
        (["--no-cases"], "nothing is left to ask"),
        (["--base-url", "http://127.0.0.1:9/v1"], "nobody answers at http://127.0.0.1:9: "),
        (["--base-url", "localhost:8020"], "--base-url must begin with http:// or https://"),
        (["--base-url", "env"], "there is no OPENAI_BASE_URL"),
        (["--model", "tiny"], "--model is about a server named by --base-url"),
        (["--cassette", "/nowhere.yaml"], "there is no /nowhere.yaml"),
        (["--cassette", "{tmp}/no-cassette.yaml"], "no-cassette.yaml"),
        (["--recordings", "{tmp}/empty"], "empty"),
        (["--cases", "{tmp}/empty"], "no cases in"),
        (["--cases", "{tmp}/bad-cases"], "threads/bad.json: Object missing required field `requirement`"),
        (["--cases", "{tmp}/unmeant-cases"], "nothing has captured ${thread}"),
        (["--accepted", "{tmp}/no-cassette.yaml"], "no-cassette.yaml: "),
        (["--accepted", "{tmp}/other.json"], "reads format 1, and not 2"),
        (["--accepted", "{tmp}/unfounded.json"], "what is accepted at body has no reason"),
        (["--accepted", "/nowhere.json"], "/nowhere.json"),
        (["--html", "{tmp}/nowhere/report.html"], "a report cannot be written to"),
        (["--page", "{tmp}/page.md", "--case", "models/list-of-models"], "--page is about all cases"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_run(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, as each of its own would take a second."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-cassette.yaml").write_text("just: [some, yaml]")
    (tmp_path / "other.json").write_text('{"format": 2, "accepted": []}')
    (tmp_path / "unfounded.json").write_text('{"format": 1, "accepted": [{"path": "body", "reason": " "}]}')
    unmeant = {
        "requirement": "A case that needs what it never made.",
        "source": "ours: nobody",
        "steps": [{"ask": {"method": "GET", "path": "/v1/threads/${thread}"}}],
    }
    for name, content in (("bad-cases", {"steps": []}), ("unmeant-cases", unmeant)):
        (tmp_path / name / "threads").mkdir(parents=True)
        (tmp_path / name / "threads" / "bad.json").write_text(json.dumps(content))
    try:
        status: Any = main([each.replace("{tmp}", str(tmp_path)) for each in arguments])
    except SystemExit as refused:  # by argparse
        status = refused.code
    told = capsys.readouterr()
    assert (status, told.out) == (2, "")
    assert said in told.err


async def test_a_mistake_is_a_line_of_its_own() -> None:
    done = await conformance("--case", "models/lst-of-models")
    said = "conformance: no case or recording models/lst-of-models: is it models/list-of-models"
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(said)
    assert done.err.count("\n") == 1


async def test_a_server_that_refuses_the_key(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = await ended(await begun("create", "--project", "p", "--data", data, python=("run.py", "keys")))
    upstream = "http://127.0.0.1:9"
    with serving(data, upstream) as server:
        done = await conformance("--base-url", server.url, "--api-key", KEY)
        assert done.status == 2
        assert f"{server.url} refuses the key: 401" in done.err
        assert KEY not in done.err
        done = await conformance("--base-url", "env", "--case", "threads/thread-*", "--model", "tiny",
                                 OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY=keys.out.strip())  # fmt: skip
        assert (done.status, done.err) == (0, "")
        assert f"asked of {server.url}" in done.out


async def test_a_server_that_is_half_done(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    async with incomplete_server() as url:
        done = await conformance("--base-url", url, "--json", file)
    assert (done.status, done.err) == (1, "")
    content = json.loads(file.read_bytes())
    assert content["complete"] is True
    assert content["counts"]["failed"] > 50
    assert content["counts"]["skipped"] > 50
    skipped = {each["reason"] for each in content["results"] if each["outcome"] == "skipped"}
    assert any(each.startswith("needs a model server that says what the case wants") for each in skipped)
    assert any("--tag optional:extension asks it" in each for each in skipped)
    assert content["model_server"] == "it has a model server of its own"


async def test_no_report_tells_the_key(tells_the_key: str, tmp_path: Path) -> None:
    files = [tmp_path / f"report.{form}" for form in ("junit", "json", "html")]
    arguments = [each for file in files for each in (f"--{file.suffix[1:]}", file)]
    done = await conformance("--base-url", tells_the_key, "--case", "models/*", *arguments, OPENAI_API_KEY=KEY)
    assert done.status == 1
    assert "I know: Bearer ***" in done.out
    for text in (done.out, done.err, *(file.read_text(encoding="utf-8") for file in files)):
        assert KEY not in text


async def test_a_foreign_server_with_our_model_server(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(tmp_path / "data", f"http://127.0.0.1:{port}") as server:
        done = await conformance(
            "--base-url", server.url, "--model-server-port", str(port), "--tag", "status:completed"
        )
    assert "0 skipped" not in done.out
    assert (done.status, done.err) == (0, "")


async def test_without_the_official_client() -> None:
    program = (
        "import sys; sys.modules['openai'] = None\n"
        "from compat_tests.cli import main\nsys.exit(main(sys.argv[1:]))"
    )  # fmt: skip
    done = await ended(await begun("--case", "models/list-of-models", python=("-c", program)))
    assert (done.status, done.err) == (0, "")
    assert "JSON Schema: not checked, as a package is absent (" in done.out


async def test_without_schemas() -> None:
    done = await conformance("--case", "models/list-of-models", "--no-schemas")
    assert "JSON Schema: not checked (--no-schemas)\n" in done.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_while_a_server_thinks(number: signal.Signals, tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def think(request: web.Request) -> web.Response:
        if request.path == "/v1/models":
            return web.json_response({"object": "list", "data": []})
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", think)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        file = tmp_path / "report.json"
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        process = await begun(
            "--base-url", url, "--json", file, "--case", "models/list-of-models", "--case", "threads/*"
        )
        async with asyncio.timeout(SECONDS):
            await asked.wait()
        process.send_signal(number)
        done = await ended(process)
    finally:
        await runner.cleanup()
    assert (done.status, done.err) == (130, "")
    assert re.search(r"^interrupted after 1 of \d+$", done.out, re.MULTILINE)
    content = json.loads(file.read_bytes())
    assert content["complete"] is False
    assert [each["slug"] for each in content["results"]] == ["models/list-of-models"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_interrupted_it_leaves_no_server_behind() -> None:
    process = await begun()
    started = await asyncio.to_thread(children_of, process)
    process.send_signal(signal.SIGINT)
    done = await ended(process)
    assert done.status == 130
    assert "interrupted after 0 of " in done.out
    assert "Traceback" not in done.err
    assert started.isdisjoint(os.listdir("/proc"))


def children_of(process: Any) -> set[str]:
    """As soon as it has any."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := set(listed.read_text().split()):
            return found
        time.sleep(0.01)
    raise TimeoutError
