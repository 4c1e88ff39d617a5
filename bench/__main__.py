"""`python -m bench [name …]`: run the measurements, print a row for each figure, and say which targets were met."""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from bench import deltas, files, first_token, meaning, prefix, prompts, quality, requests, starting, vector_stores
from bench.figures import HEADING, Row, row
from bench.machine import Machine, Others, this_machine
from bench.processes import ROOT
from bench.setting import TINY, Setting, Sizes, prepared

MEASUREMENTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "start": starting.measure,
    "first-token": first_token.measure,
    "deltas": deltas.measure,
    "streams": deltas.streams,
    "prompt": prompts.measure,
    "prefix": prefix.measure,
    "lists": requests.lists,
    "passthrough": requests.passthrough,
    "commits": requests.commits,
    "files": files.measure,
    "ingest": vector_stores.measure,
    "search": vector_stores.searches,
    "vectors": meaning.measure,
    "quality": quality.measure,
    "memory": starting.memory,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *MEASUREMENTS], help=", ".join(MEASUREMENTS) + " (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the machine and the rows there, too")
    parser.add_argument("--tiny", action="store_true", help="hardly measure, only see that everything works")
    parser.add_argument(
        "--directory", type=Path, default=ROOT / "build", metavar="DIR", help="whose disk is measured (./build)"
    )
    parser.add_argument("--profile", type=Path, metavar="FILE", help="run our server under cProfile, for its numbers")
    parser.add_argument("--live", choices=prefix.REAL, help="measure `prefix` on this real server with a tiny model")
    arguments = parser.parse_args()
    sizes = TINY if arguments.tiny else Sizes()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.directory, prefix="bench-") as directory:
        names = arguments.name or list(MEASUREMENTS)
        machine, rows = run(names, sizes, Path(directory), arguments.profile, live=arguments.live)
    if arguments.json is not None:
        report = msgspec.json.encode({"machine": machine, "rows": rows})
        arguments.json.write_bytes(msgspec.json.format(report, indent=2) + b"\n")
    return 0


def run(
    names: Sequence[str], sizes: Sizes, directory: Path, profile: Path | None, *, live: str | None = None
) -> tuple[Machine, list[Row]]:
    machine = this_machine(directory)
    for field in machine.__struct_fields__:
        print(f"{field}: {getattr(machine, field)}")
    print(f"\n{HEADING}", flush=True)
    rows = []
    with prepared(sizes, directory, profile=profile, live=live) as setting:
        for name in names:
            for each in _measured(name, setting):
                print(each.line(), flush=True)
                rows.append(each)
    return machine, rows


def _measured(name: str, setting: Setting) -> Iterator[Row]:
    others = Others(setting.upstream.process_id, setting.server.process_id)
    yield from MEASUREMENTS[name](setting)
    cores = others.cores()
    if cores is not None:
        yield row(name, "cores that others used meanwhile", [cores], "")


if __name__ == "__main__":
    raise SystemExit(main())
