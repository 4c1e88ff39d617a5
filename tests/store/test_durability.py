"""What was acknowledged survives `kill -9`."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.store import Connection, Store
from tests.store.conftest import FixedClock

ROOT = Path(__file__).parents[2]


def acknowledged_until_killed(directory: Path, after: int) -> list[tuple[str, str]]:
    """The pairs of ids that a writing process printed until it was killed, a moment after the first `after` of them."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing_child", str(directory)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += child.stdout
    assert child.returncode == -signal.SIGKILL
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(thread, message) for thread, message in whole]


@pytest.mark.parametrize("round_", range(4))
async def test_every_acknowledged_row_is_there_after_kill_9(tmp_path: Path, clock: FixedClock, round_: int) -> None:
    acknowledged = acknowledged_until_killed(tmp_path, after=random.randint(1, 400))
    assert acknowledged
    store = await Store.open(tmp_path, clock)

    async def stored(db: Connection) -> tuple[set[str], set[str], str]:
        threads = await db.all("SELECT id FROM threads", {})
        messages = await db.all("SELECT id FROM messages", {})
        check = await db.one("PRAGMA integrity_check", {})
        assert check is not None
        return {row["id"] for row in threads}, {row["id"] for row in messages}, check["integrity_check"]

    threads, messages, check = await store.read(stored)
    await store.aclose()
    assert check == "ok"
    assert {thread for thread, _ in acknowledged} <= threads
    assert {message for _, message in acknowledged} <= messages
    # Of a transaction, all or nothing.
    assert len(threads) == len(messages)
