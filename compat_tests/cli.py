"""The command line of the suite: `python run.py conformance`, or `python -m compat_tests.cli`.

Exit status: 0 nothing failed (skipped and accepted are no failures), 1 something failed, 2 it could not be run (bad
arguments, an unreadable file, nobody at the address), 130 interrupted, after a report of what had come until then.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Final

from compat_tests.accepting import AcceptedRows, read_accepted
from compat_tests.arguments import arguments_of
from compat_tests.choosing import plan_of
from compat_tests.comparison.accepted import Accepted
from compat_tests.playing import Inspect, nothing_more
from compat_tests.reading.files import Unreadable
from compat_tests.report import About, Report, as_json, console, facts_of, html, junit, page
from compat_tests.report.masking import Mask
from compat_tests.result import Result
from compat_tests.running import (
    PLAIN_MODEL,
    CannotAsk,
    Plan,
    TargetOf,
    models_of,
    on_model,
    ours,
    results_of,
    theirs,
    until_noticed,
)
from compat_tests.schemas import NoSchemas, open_schemas
from compat_tests.target import CannotStart

FORMS: Final[dict[str, Callable[[Report], str]]] = {
    "junit": junit.rendered,
    "json": as_json.rendered,
    "html": html.rendered,
}
INTERRUPTED: Final = 130


class CannotRun(Exception):
    """With a sentence for whoever asked for it."""


def main(argv: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an answer may hold what this terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    arguments = arguments_of(argv)
    try:
        plan = _plan(arguments)
        if arguments.list:
            _list(plan)
            return 0
        rows = read_accepted(arguments.accepted) if arguments.accepted else AcceptedRows([])
        for form in (*FORMS, "page"):
            _check_place(getattr(arguments, form))
        report = asyncio.run(_Session(arguments, plan, rows).report())
        _tell(report, arguments, rows)
    except BrokenPipeError:  # of `--list | head`; what is still to be written to it at exit goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except (CannotRun, CannotAsk, CannotStart, Unreadable, OSError, ValueError) as mistake:  # a case that is none, too
        print(f"conformance: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    if not report.is_complete:
        return INTERRUPTED
    return 1 if report.has_failed else 0


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = plan_of(
        cases=None if arguments.no_cases else arguments.cases,
        slugs=arguments.case,
        tags=arguments.tag,
        recordings=arguments.recordings,
        cassettes=arguments.cassette,
    )
    if not plan.size:
        raise CannotRun("nothing is left to ask")
    return plan


def _check_place(file: Path | None) -> None:
    """Before minutes of work whose report cannot be written."""
    if file is not None:
        if file.is_dir() or not file.parent.is_dir():
            raise CannotRun(f"a report cannot be written to {file}")
        with file.open("ab"):
            pass


def _list(plan: Plan) -> None:
    for each in plan.cases:
        print(f"{each.resource}/{each.slug}  {each.case.requirement}")
    for _, recording in plan.recordings:
        print(f"{recording.name}  {len(recording.exchanges)} requests, {recording.source}")


class _Session:
    def __init__(self, arguments: argparse.Namespace, plan: Plan, rows: AcceptedRows) -> None:
        self._arguments = arguments
        self._plan = plan
        self._rows = rows
        self._results: list[Result] = []
        self._mask = Mask([arguments.api_key])
        # What is accepted of this server is not accepted of every other.
        self._accepted = Accepted() if arguments.base_url is None else Accepted(accepted=None)

    async def report(self) -> Report:
        """As far as it came, if it is interrupted."""
        began = time.monotonic()
        inspect, schemas = self._inspection()
        asking = asyncio.current_task()
        assert asking is not None
        with suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asking.cancel)
        progress = console.Progress(sys.stderr, self._plan.size)
        try:
            await self._ask(inspect, progress)
        except asyncio.CancelledError:
            asking.uncancel()
        finally:
            progress.close()
        arguments = self._arguments
        scripted = arguments.base_url is None or arguments.model_server_port is not None
        about = About(
            server=self._mask.text(arguments.base_url or "this server"),
            model_server="its model server says what each case wants"
            if scripted
            else "it has a model server of its own",
            schemas=schemas,
        )
        return Report(
            about=about,
            planned=self._plan.size,
            seconds=time.monotonic() - began,
            results=tuple(self._results),
            facts=facts_of(self._accepted),
        )

    async def _ask(self, inspect: Inspect, progress: console.Progress) -> None:
        async with self._server() as target_of:
            plan = self._plan
            if self._arguments.base_url is not None:
                target = await target_of(())
                listed = await models_of(target.client)
                model = self._arguments.model
                if target.upstream is not None:
                    await until_noticed(target.client, model or PLAIN_MODEL)
                elif model is None and listed:
                    model = listed[0]
                plan = on_model(plan, model) if model else plan
            results = results_of(
                plan,
                target_of,
                inspect=inspect,
                accepted=self._accepted,
                rows=self._rows,
                began=progress.began,
            )
            async for result in results:
                masked = self._mask.result(result)
                self._results.append(masked)
                progress.ended(masked)

    def _server(self) -> AbstractAsyncContextManager[TargetOf]:
        arguments = self._arguments
        if arguments.base_url is None:
            return ours()
        return theirs(
            arguments.base_url,
            arguments.api_key,
            model_server_port=arguments.model_server_port,
            provides=arguments.provides,
            timeout_seconds=arguments.timeout,
        )

    def _inspection(self) -> tuple[Inspect, str]:
        if self._arguments.no_schemas:
            return nothing_more, "not checked (--no-schemas)"
        try:
            schemas = open_schemas()
        except NoSchemas as absent:
            return nothing_more, f"not checked, as a package is absent ({absent})"
        return schemas, f"checked with the types of openai {schemas.release}"


def _tell(report: Report, arguments: argparse.Namespace, rows: AcceptedRows) -> None:
    in_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write(console.rendered(report, in_colour=in_colour))
    if report.is_complete:
        for row in rows.unused:
            print(f"accepts nothing, and can go: {row.where} {row.path} ({row.reason})")
    for form, rendered in FORMS.items():
        file: Path | None = getattr(arguments, form)
        if file is not None:
            # Half a surrogate pair, which an answer may hold, has no form in UTF-8.
            file.write_bytes(rendered(report).encode("utf-8", "backslashreplace"))
    place: Path | None = arguments.page
    if place is not None and report.is_complete:
        place.write_text(page.updated(report, place.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
