"""What the suite's command line takes, and what of it cannot be meant together."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from compat_tests.case import CASES, Need


def arguments_of(argv: Sequence[str]) -> argparse.Namespace:
    """Raises `SystemExit` with 2 for what cannot be meant, after saying so."""
    parser = argparse.ArgumentParser(
        prog="run.py conformance",
        description="Whether a server answers as the Assistants API did. Without --base-url: this one.",
        epilog="docs/conformance.md explains all of it.",
        allow_abbrev=False,
    )
    server = parser.add_argument_group("the server")
    server.add_argument("--base-url", metavar="URL", help="a server that runs; `env` takes OPENAI_BASE_URL")
    server.add_argument("--api-key", metavar="KEY", help="its key (OPENAI_API_KEY)")
    server.add_argument("--model", metavar="NAME", help="a model of its (the first that it lists)")
    server.add_argument(
        "--model-server-port",
        type=int,
        metavar="PORT",
        help="the port of this machine on which it finds its model server: a scripted one will listen there",
    )
    server.add_argument(
        "--provides",
        action="append",
        default=[],
        choices=[each for each in get_args(Need) if each != "full-disk"],  # that is done to a process of our own
        help="what it is set up for; repeat for more",
    )
    server.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="for one answer (30)")
    what = parser.add_argument_group("what to ask")
    what.add_argument("--case", action="append", default=[], metavar="SLUG", help="only this; `runs/*` for several")
    what.add_argument("--tag", action="append", default=[], metavar="TAG", help="only cases with it; `status:*`")
    what.add_argument("--cases", type=Path, default=CASES, metavar="DIR", help="cases of your own, instead")
    what.add_argument("--no-cases", action="store_true", help="only what was recorded")
    what.add_argument("--recordings", type=Path, metavar="DIR", help="recorded traffic to replay as well")
    what.add_argument(
        "--cassette",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a VCR cassette, HAR or session record",
    )
    what.add_argument("--no-schemas", action="store_true", help="do not check answers against the client's types")
    what.add_argument("--accepted", type=Path, metavar="FILE", help="differences that are accepted, with reasons")
    what.add_argument("--list", action="store_true", help="say what would be asked, and end")
    told = parser.add_argument_group("the report, beside that on the console")
    told.add_argument("--junit", type=Path, metavar="FILE", help="as JUnit XML")
    told.add_argument("--json", type=Path, metavar="FILE", help="as JSON")
    told.add_argument("--html", type=Path, metavar="FILE", help="as a page for people")
    told.add_argument("--page", type=Path, metavar="FILE", help="as docs/compatibility.md")
    arguments = parser.parse_args(argv)

    if arguments.base_url == "env":
        # Only if asked for: cases create and delete, and the environment may point at somebody's production.
        arguments.base_url = os.environ.get("OPENAI_BASE_URL")
        if not arguments.base_url:
            parser.error("--base-url env: there is no OPENAI_BASE_URL")
    if arguments.base_url is None:
        for name in ("api_key", "model", "model_server_port", "provides"):
            if getattr(arguments, name):
                parser.error(f"--{name.replace('_', '-')} is about a server named by --base-url")
    elif not arguments.base_url.startswith(("http://", "https://")):
        parser.error("--base-url must begin with http:// or https://")
    if arguments.page is not None and (arguments.base_url or arguments.case or arguments.tag):
        parser.error("--page is about all cases, and this server")
    if arguments.api_key is None and arguments.base_url is not None:
        arguments.api_key = os.environ.get("OPENAI_API_KEY")
    return arguments
