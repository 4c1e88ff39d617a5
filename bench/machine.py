"""The machine that the figures are from, as far as they depend on it."""

import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct


class Machine(Struct, frozen=True, kw_only=True):
    system: str
    processor: str
    cores: int
    python: str
    aiohttp: str
    msgspec: str
    sqlite: str
    load_before: float
    """The load average of the last minute: others at work."""
    fsync_ms: float
    """The median of 50 writes of 4 KiB with fsync, in the directory of the data."""


def this_machine(directory: Path) -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=os.cpu_count() or 0,
        python=platform.python_version(),
        aiohttp=version("aiohttp"),
        msgspec=version("msgspec"),
        sqlite=sqlite3.sqlite_version,
        load_before=round(os.getloadavg()[0], 2),
        fsync_ms=round(statistics.median(fsync_seconds(directory) for _ in range(50)) * 1000, 3),
    )


def fsync_seconds(directory: Path) -> float:
    """What it takes to make 4 KiB durable, once."""
    with (directory / "fsync").open("ab", buffering=0) as file:
        file.write(bytes(4096))
        started = time.perf_counter()
        os.fsync(file.fileno())
        return time.perf_counter() - started


def resident_megabytes(process_id: int) -> float | None:
    """What the process has in memory; None where there is no /proc to ask."""
    return _megabytes(process_id, "VmRSS:")


def peak_megabytes(process_id: int) -> float | None:
    """What the process had in memory at the most since `forget_peak`; None where there is no /proc to ask."""
    return _megabytes(process_id, "VmHWM:")


def forget_peak(process_id: int) -> None:
    with suppress(OSError):  # not here, or not allowed: then the peak is that of all its life, which is no less
        Path(f"/proc/{process_id}/clear_refs").write_text("5", encoding="ascii")


def _megabytes(process_id: int, name: str) -> float | None:
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    except OSError:
        return None
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))
    return kilobytes / 1024


def processor_seconds(process_id: int) -> float | None:
    """What the process has used of its cores so far; None where there is no /proc to ask."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float | None:
    """What all processes have used of all cores so far, and what a host took of them; None where it cannot be asked."""
    try:
        fields = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = (int(field) for field in fields)
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


class Others:
    """How much of the cores others took while something was measured: the figures are worth less for it."""

    def __init__(self, *process_ids: int) -> None:
        self._process_ids = process_ids
        self._began = (time.perf_counter(), self._used())

    def cores(self) -> float | None:
        """On average since this was made."""
        began, used_before = self._began
        used = self._used()
        if used is None or used_before is None:
            return None
        return max(0.0, (used - used_before) / (time.perf_counter() - began))

    def _used(self) -> float | None:
        busy = busy_seconds()
        ours = [processor_seconds(process_id) for process_id in self._process_ids]
        own = os.times()
        if busy is None or None in ours:
            return None
        return busy - sum(seconds or 0.0 for seconds in ours) - sum(own[:4])


@contextmanager
def placed(*, model_server: int, ours: int) -> Iterator[bool]:
    """Our server on a core of its own; the model server and its client, which is this process, together on another.

    Left alone, the scheduler has two of the three share a core in one run and not in the next, and rates double or
    halve. Gives False, and places nothing, where there is no second core or no way to do it.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2 or not Path("/proc/self/task").is_dir():
        yield False
        return
    _place(os.getpid(), {cores[0]})
    _place(model_server, {cores[0]})
    _place(ours, {cores[1]})
    try:
        yield True
    finally:
        for process_id in (os.getpid(), model_server, ours):
            _place(process_id, set(cores))


def _place(process_id: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{process_id}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
