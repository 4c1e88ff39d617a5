"""The command line, as a process of its own."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import run
from compat_tests.scripted_upstream import scripted_upstream
from config.loading import FLAGS
from proxy import VERSION
from proxy.keys import digest_of
from tests.command_line import PLAIN, ROOT, command


def test_help_names_the_commands() -> None:
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^    (\w+)\b", done.stdout, flags=re.MULTILINE) == ["serve", "doctor", "conformance", "keys"]


def test_help_imports_nothing_heavy() -> None:
    """So that it is there at once."""
    code = (
        "import sys, run\n"
        "try: run.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('heavy:', [name for name in ('aiohttp', 'asyncio', 'msgspec', 'sqlite3') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=PLAIN)
    assert "heavy: []" in done.stdout


@pytest.mark.parametrize("name", ["serve", "doctor", "keys", "conformance"])
def test_every_command_has_help(name: str) -> None:
    done = command(name, "--help")
    assert done.returncode == 0
    assert f"usage: run.py {name}" in done.stdout


def test_version() -> None:
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"understudy {VERSION}\n")


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--port", "abc"], {}, 'server.port: expected a whole number from 0 to 65535, got "abc" (argument --port)'),
        (
            ["serve"],
            {"UNDERSTUDY_SERVER__PROT": "1"},
            "server.prot: no such setting; did you mean UNDERSTUDY_SERVER__PORT? "
            "(environment variable UNDERSTUDY_SERVER__PROT)",
        ),
        (["serve", "--config", "none.toml"], {}, "cannot read the file none.toml: No such file or directory"),
        (["serve", "--launch", "vllm"], {}, "launch.model: needed with launch.server (argument --model)"),
        (["--", "--ctx-size", "1"], {}, "launch.options: means nothing without launch.server (argument --launch)"),
        (["doctor", "--upstream", "x"], {}, "upstreams[0].url: expected an address such as http://127.0.0.1:30000"),
        (["keys", "list"], {"UNDERSTUDY_LOG__LEVEL": "loud"}, "log.level: expected one of"),
    ],
)
def test_bad_settings(arguments: list[str], environ: dict[str, str], message: str) -> None:
    done = command(*arguments, **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"understudy: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["doctro"], ["serve", "--prot", "1"], ["keys"], ["keys", "list", "--", "x"], ["keys", "create"]]
)
def test_bad_arguments(arguments: list[str]) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: run.py")


def given(*arguments: str) -> dict[str, object]:
    return {name: value for name, value in vars(run.parse(arguments)).items() if name in FLAGS}


def test_arguments_become_settings() -> None:
    assert given() == {}
    assert given("--port", "1") == given("serve", "--port", "1") == {"server.port": "1"}
    assert given("--upstream", "a", "--upstream", "b") == {"upstreams": ["a", "b"]}
    assert given("doctor", "--upstream", "a") == {"upstreams": ["a"]}
    assert given("--launch", "vllm", "--model", "m", "--", "--port", "3", "--") == {
        "launch.server": "vllm",
        "launch.model": "m",
        "launch.options": ["--port", "3", "--"],
    }
    assert given("--host", "h", "--data", "d", "--allow-anonymous", "--log-level", "debug") == {
        "server.host": "h",
        "data": "d",
        "server.allow_anonymous": True,
        "log.level": "debug",
    }


def test_a_key_from_making_to_revoking(tmp_path: Path) -> None:
    made = command("keys", "create", "--project", "blue", "--name", "chat widget", "--data", tmp_path)
    assert made.returncode == 0
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}\n", made.stdout)
    secret = made.stdout.strip()
    (id,) = re.findall(r"key_[A-Za-z0-9]{24}", made.stderr)
    assert secret not in made.stderr

    listed = command("keys", "list", "--data", tmp_path)
    (line,) = listed.stdout.splitlines()[1:]
    assert re.fullmatch(rf"{id}  blue +{secret[:12]}\.\.\.  \d{{4}}-\d\d-\d\d  active  chat widget", line)

    revoked = command("keys", "revoke", id, "--data", tmp_path)
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert f"{id}  blue" in command("keys", "list", "--data", tmp_path).stdout
    assert "  revoked " in command("keys", "list", "--data", tmp_path).stdout
    assert command("keys", "revoke", id, "--data", tmp_path).returncode == 1


def test_the_secret_is_not_kept(tmp_path: Path) -> None:
    secret = command("keys", "create", "--project", "blue", "--data", tmp_path).stdout.strip()
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert secret.encode() not in kept
    assert digest_of(secret).encode() in kept


def test_listing_makes_no_database(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    done = command("keys", "list", "--data", nowhere)
    assert (done.returncode, done.stdout) == (0, "")
    assert command("keys", "revoke", "key_x", "--data", nowhere).returncode == 1
    assert not nowhere.exists()


@pytest.mark.parametrize("project", ["", "a b", "../a", "x" * 65, "-a", "é"])
def test_names_that_no_project_may_have(tmp_path: Path, project: str) -> None:
    done = command("keys", "create", f"--project={project}", "--data", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no name for a project" in done.stderr


def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = command("keys", "create", "--project", "blue", "--data", tmp_path / "file")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("understudy: ")
    assert done.stderr.count("\n") == 1


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    command("keys", "create", "--project", "blue", "--data", tmp_path)
    database = sqlite3.connect(tmp_path / "understudy.sqlite")
    database.execute("INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'later', 1)")
    database.commit()
    database.close()

    done = command("keys", "list", "--data", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "newer" in done.stderr
    assert done.stderr.count("\n") == 1


async def test_doctor_on_a_server() -> None:
    async with scripted_upstream(flavour="vllm", models=["tiny"]) as upstream:
        shown = await asyncio.to_thread(command, "doctor", "--upstream", upstream.url)
        without = await asyncio.to_thread(
            command, "doctor", "--upstream", upstream.url, UNDERSTUDY_RETRIEVAL__EMBEDDINGS_MODEL="none"
        )
        told = await asyncio.to_thread(command, "doctor", "--json", "--upstream", upstream.url)

    assert upstream.url in shown.stdout.splitlines()[0]
    assert "model tiny" in shown.stdout.splitlines()[0]
    assert "\n\nUnderstudy itself\n\nhosted tools  yes  file_search\n" in shown.stdout
    assert "\n  by meaning  yes  all-MiniLM-L6-v2, built in: 384 dimensions\n" in shown.stdout
    assert "\n  by meaning  no   by words only: embeddings_model is none\n" in without.stdout
    (report,) = msgspec.json.decode(told.stdout)
    assert (report["url"], report["model"]) == (upstream.url, "tiny")
    assert {finding["what"] for finding in report["findings"]} >= {"models", "context length", "streaming"}
    assert (shown.returncode, shown.stderr) == (told.returncode, told.stderr) == (0, "")


def test_doctor_where_nothing_answers() -> None:
    done = command("doctor", "--upstream", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no model server answers here" in done.stdout


def test_any_python_will_do_where_make_has_prepared_one(tmp_path: Path) -> None:
    """`-S` is a Python without packages."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copy(ROOT / "run.py", checkout)
    for name in ("adapters", "config", "proxy"):
        (checkout / name).symlink_to(ROOT / name)
    bare = [sys.executable, "-S", "run.py", "keys", "list", "--data", str(tmp_path / "data")]

    done = subprocess.run(bare, capture_output=True, text=True, check=False, cwd=checkout, env=PLAIN)
    assert done.returncode == 2
    assert re.fullmatch(r"understudy: the package \w+ is not installed; `make run` .+ installs it\n", done.stderr)

    (checkout / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(bare, capture_output=True, text=True, check=False, cwd=checkout, env=PLAIN)
    assert (done.returncode, done.stderr) == (0, f"understudy: no keys in {tmp_path / 'data'}\n")
