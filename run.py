"""The command line: `serve` (the default), `doctor`, `keys`, `conformance`. Thin: a command imports what it needs.

Exit codes: 0 done, 1 it did not work, 2 asked for in a way that cannot work (arguments, settings).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from proxy import VERSION

if TYPE_CHECKING:
    from config.settings import Settings


def main(argv: Sequence[str]) -> int:
    if argv and argv[0] == "conformance":
        from compat_tests.cli import main as conformance

        return conformance(argv[1:])
    arguments = parse(argv)
    from config.loading import SettingsError

    try:
        match arguments.command:
            case "doctor":
                return _doctor(arguments)
            case "keys":
                return _keys(arguments)
            case _:
                return _serve(arguments)
    except SettingsError as mistake:
        return _refuse(str(mistake))


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Arguments that are settings are stored under the setting's dotted name, and only when given."""
    own = list(argv)
    passed_on: list[str] = []
    if "--" in own:
        place = own.index("--")
        own, passed_on = own[:place], own[place + 1 :]
    if not own or (own[0].startswith("-") and own[0] not in {"-h", "--help", "--version"}):
        own.insert(0, "serve")

    parser = _parser()
    arguments = parser.parse_args(own)
    if passed_on:
        if arguments.command != "serve":
            parser.error(f"`{arguments.command}` takes nothing after `--`")
        setattr(arguments, "launch.options", passed_on)
    return arguments


def settings_from(arguments: argparse.Namespace) -> Settings:
    from config.loading import FLAGS, load

    given = {name: value for name, value in vars(arguments).items() if name in FLAGS}
    return load(given, file=arguments.config, environ=os.environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="The Assistants API on your own models.",
        epilog="Without a command it serves: `run.py --port 8020` is `run.py serve --port 8020`.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"understudy {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser(
        "serve",
        help="run the server (default)",
        usage="run.py serve [options] [-- options of the launched model server]",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    serve.add_argument("--host", dest="server.host", metavar="HOST", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", dest="server.port", metavar="PORT", help="port to listen on (8020), 0 for any")
    _add_upstream(serve)
    _add_places(serve)
    serve.add_argument(
        "--launch", dest="launch.server", metavar="SERVER", help="start sglang, vllm or llama-server with us"
    )
    serve.add_argument("--model", dest="launch.model", metavar="MODEL", help="the model for --launch")
    serve.add_argument(
        "--allow-anonymous",
        dest="server.allow_anonymous",
        action="store_true",
        help="serve without keys on an address that others can reach",
    )
    serve.add_argument("--log-level", dest="log.level", metavar="LEVEL", help="debug, info, warning or error (info)")

    doctor = commands.add_parser(
        "doctor",
        help="try what the model servers can do, and say what to change",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    _add_upstream(doctor)
    _add_places(doctor)
    doctor.add_argument("--json", action="store_true", default=False, help="print the findings as JSON")

    # Listed only: it has arguments and exit codes of its own, and knows nothing of settings.
    commands.add_parser("conformance", help="check whether a server, this one or any, answers as the API did")

    keys = commands.add_parser("keys", help="make, list and revoke API keys", allow_abbrev=False)
    actions = keys.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key and print it, once", allow_abbrev=False)
    create.add_argument("--project", required=True, help="whose objects the key opens")
    create.add_argument("--name", default="", help="a note for `keys list`")
    listing = actions.add_parser("list", help="list the keys, without their secrets", allow_abbrev=False)
    revoke = actions.add_parser("revoke", help="make a key useless", allow_abbrev=False)
    revoke.add_argument("id", metavar="ID", help="the id that `keys list` shows")
    for action in (create, listing, revoke):
        _add_places(action)
    return parser


def _add_upstream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--upstream",
        dest="upstreams",
        action="append",
        default=argparse.SUPPRESS,
        metavar="URL",
        help="a model server; repeat for more (those found running on this machine)",
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", dest="data", default=argparse.SUPPRESS, metavar="DIR", help="where everything is kept (./data)"
    )
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help="settings, as TOML")


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    from proxy.app import serve

    return serve(settings)


def _doctor(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    import asyncio

    import msgspec

    from adapters.doctor import examine_all, render

    reports = asyncio.run(examine_all(settings.upstreams))
    if not reports:
        _say("no model server is running at its usual port on this machine; name one with --upstream URL")
        return 1
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(reports)).decode())
    else:
        from config.settings import UpstreamSettings
        from proxy.retrieval.built_in import tried

        found = settings.upstreams or [UpstreamSettings(url=report.url) for report in reports]
        meaning = asyncio.run(tried(settings.retrieval, found))
        print("\n\n".join([*map(render, reports), _OURS.format(meaning=meaning)]))
    return 0 if all(report.is_usable for report in reports) else 1


_OURS = """\
Understudy itself

hosted tools  yes  file_search
  by meaning  {meaning}
              no   code_interpreter is accepted and stored wherever clients send it, and not offered to the model: this
                   version cannot run it. A run with a tool_choice that forces it is refused."""


def _keys(arguments: argparse.Namespace) -> int:
    directory = Path(settings_from(arguments).data)
    from proxy import key_desk
    from proxy.store import StoreError

    try:
        match arguments.action:
            case "create":
                secret, row = key_desk.create(directory, project=arguments.project, name=arguments.name)
                # Alone on standard output, for `KEY=$(run.py keys create …)`.
                print(secret)
                _say(f"key {row.id} for project {row.project}, kept in {directory.resolve()}; it is not shown again")
            case "list":
                rows = key_desk.existing(directory)
                if not rows:
                    _say(f"no keys in {directory.resolve()}")
                else:
                    print(key_desk.table(rows))
            case _:
                if not key_desk.revoke(directory, arguments.id):
                    _say(f"no key {arguments.id} in {directory.resolve()} that is not revoked already")
                    return 1
                _say(f"key {arguments.id} is revoked")
    except key_desk.BadProjectName as mistake:
        return _refuse(str(mistake))
    except (StoreError, OSError) as failure:
        _say(str(failure))
        return 1
    return 0


def _say(sentence: str) -> None:
    print(f"understudy: {sentence}", file=sys.stderr)


def _refuse(sentence: str) -> int:
    _say(sentence)
    return 2


def _with_what_make_installed(missing: ModuleNotFoundError) -> int:
    """Go on in the Python that `make` has prepared: whoever says `python run.py` need not know that there is one."""
    if missing.name is None or missing.name.partition(".")[0] in {"adapters", "compat_tests", "config", "proxy"}:
        raise missing
    prepared = str(Path(__file__).resolve().parent / ".venv" / "bin" / "python")
    if sys.executable != prepared and os.access(prepared, os.X_OK):
        os.execv(prepared, [prepared, *sys.argv])
    return _refuse(f"the package {missing.name} is not installed; `make run` (or `make conformance`) installs it")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ModuleNotFoundError as missing:
        sys.exit(_with_what_make_installed(missing))
