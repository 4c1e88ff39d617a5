"""The benchmark measures what it says it does; how fast, no test asks."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.__main__ import MEASUREMENTS
from bench.figures import Row, row
from bench.scripts import Script
from bench.wire import Incoming

ROOT = Path(__file__).resolve().parents[2]


class Report(msgspec.Struct):
    machine: dict[str, object]
    rows: list[Row]


def test_every_measurement_prints_and_reports_its_rows(tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench", "--tiny", "--json", str(report_file), "--directory", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.stderr, ended.returncode) == ("", 0)

    report = msgspec.json.decode(report_file.read_bytes(), type=Report)
    assert [line for line in ended.stdout.splitlines() if line.split(" ")[0] in MEASUREMENTS] == [
        each.line() for each in report.rows
    ]
    assert {each.measurement for each in report.rows} == set(MEASUREMENTS)
    assert all(each.low <= each.value <= each.high for each in report.rows)
    assert report.machine["cores"]

    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    assert [each.target for each in report.rows if each.target is not None and each.target not in page] == []


@pytest.mark.parametrize(
    ("bounds", "met"),
    [
        ({"below": 2.0}, True),
        ({"below": 1.9}, False),
        ({"at_least": 2.0}, True),
        ({"at_least": 2.1}, False),
        ({}, None),
    ],
)
def test_a_median_against_its_target(bounds: dict[str, float], met: bool | None) -> None:
    assert row("x", "y", [1.0, 2.0, 40.0], "ms", **bounds).met is met


def test_a_script_is_its_name() -> None:
    script = Script(tokens=7, pace="burst", delay_ms=20, every_ms=3, context=4096)
    assert Script.of(script.name) == script


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Last: 0\r\n\r\nhello", b"hello"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Last: 0\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            b"hello",
        ),
    ],
)
def test_a_message_split_anywhere(message: bytes, body: bytes) -> None:
    for place in range(1, len(message)):
        incoming = Incoming()
        assert [incoming.add(message[:place]), incoming.add(message[place:])] == [False, True]
        assert incoming.take_answer() == body
