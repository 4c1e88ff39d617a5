"""The machine that the figures are from, as far as they depend on it."""

import os
import platform
import sqlite3
import statistics
import time
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
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    except OSError:
        return None
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kilobytes / 1024


def processor_seconds(process_id: int) -> float | None:
    """What the process has used of its cores so far; None where there is no /proc to ask."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
