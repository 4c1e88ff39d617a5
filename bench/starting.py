"""From exec to the first request served, and what a server holds in memory that has nothing to do."""

import time
from collections.abc import Iterator

from bench import processes
from bench.figures import Row, row
from bench.machine import resident_megabytes
from bench.setting import Setting
from bench.wire import Connection

START_SECONDS = 1.5
IDLE_MEGABYTES = 120.0
SETTLING_SECONDS = 0.5


def measure(setting: Setting) -> Iterator[Row]:
    seconds: list[float] = []
    megabytes: list[float] = []
    for number in range(setting.sizes.starts):
        # Each start makes its data directory, which takes longer than to find one.
        with processes.ours(setting.upstream.url, data=setting.directory / f"start-{number}") as server:
            connection = Connection(server.url)
            connection.ask("GET", "/health/live")
            seconds.append(time.perf_counter() - server.launched)
            connection.close()
            time.sleep(SETTLING_SECONDS)
            resident = resident_megabytes(server.process_id)
            if resident is not None:
                megabytes.append(resident)
    yield row("start", "exec to first request served", seconds, "s", below=START_SECONDS)
    if megabytes:
        yield row("start", "resident memory, idle", megabytes, "MB", below=IDLE_MEGABYTES)


def memory(setting: Setting) -> Iterator[Row]:
    """What our server holds when other measurements have gone before: frames, connections, a tokenizer."""
    resident = resident_megabytes(setting.server.process_id)
    if resident is not None:
        yield row("memory", "resident after the measurements before", [resident], "MB")
