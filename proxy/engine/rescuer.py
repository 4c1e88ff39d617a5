"""Takes up runs whose process died, and closes those past `expires_at`. One look a second, two indexed queries."""

import asyncio
import logging
import math
from collections.abc import Awaitable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from proxy.engine.parts import Parts
from proxy.engine.stopping import Stop
from proxy.engine.stored import put_back
from proxy.engine.supervisor import Supervisor
from proxy.runs import failures
from proxy.runs.lifecycle import Trigger, advance
from proxy.runs.progress import decode_progress
from proxy.schema.runs import RunStatus
from proxy.store import runs
from proxy.store.database import Connection, DatabaseFailed
from proxy.store.runs import StoredRun

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 100
"""Runs taken up in one look, so that a restart after a crash does not start thousands in one breath."""


class _Rescued(Struct, frozen=True):
    stored: StoredRun
    interruptions: int


class Rescuer:
    def __init__(self, parts: Parts, supervisor: Supervisor, *, lease_seconds: float, max_interruptions: int) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._renew_each_seconds = lease_seconds / 3
        self._max_interruptions = max_interruptions
        self._renewed_at = 0.0

    async def begin(self) -> None:
        """Take up what the last process left, before this one serves anybody.

        Where no other process can have the data directory open, every claim in it is a dead one's.
        """
        if self._parts.store.exclusive:
            await self._parts.store.write(runs.drop_claims)
        await self.look()

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("looking for runs to rescue failed; trying again")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        now = self._parts.clock.precise()
        if now - self._renewed_at >= self._renew_each_seconds:
            await self._supervisor.renew()
            self._renewed_at = now
        for run_id in await self._parts.store.read(lambda db: runs.overdue_runs(db, int(now), AT_ONCE)):
            await self._attempt(run_id, self._expire(run_id))
        lapsed = await self._parts.store.read(lambda db: runs.lapsed_runs(db, now, AT_ONCE))
        for run_id in lapsed:
            if not self._supervisor.plays(run_id):
                await self._attempt(run_id, self._take_up(run_id, claims_before=now))
        for run_id in list(self._supervisor.orphans):
            if not self._supervisor.plays(run_id):
                await self._attempt(run_id, self._take_up(run_id, claims_before=math.inf))
            self._supervisor.orphans.discard(run_id)

    async def _attempt(self, run_id: str, work: Awaitable[None]) -> None:
        """A run that cannot be read must not keep us from all the others; a disk that cannot be written will."""
        try:
            await work
        except DatabaseFailed:
            raise
        except Exception:
            log.exception("run %s cannot be looked after", run_id)

    async def _expire(self, run_id: str) -> None:
        stored = await self._parts.store.read(lambda db: runs.load_run(db, run_id))
        if stored is not None:
            self._supervisor.stop(stored.run, stored.project, Stop.EXPIRE)

    async def _take_up(self, run_id: str, *, claims_before: float) -> None:
        rescued = await self._parts.store.write(lambda db: self._claim(db, run_id, claims_before))
        if rescued is None:
            return
        run = rescued.stored.run
        if run.status is RunStatus.CANCELLING:
            self._supervisor.stop(run, rescued.stored.project, Stop.CANCEL)
        elif run.status is RunStatus.QUEUED:
            log.info("run %s goes on after interruption %d", run_id, rescued.interruptions)
            self._supervisor.start(run, rescued.stored.project)

    async def _claim(self, db: Connection, run_id: str, claims_before: float) -> _Rescued | None:
        """Claim a dead process's run and put it back to where it can go on; fail it when that was so too often."""
        until = self._supervisor.lease_until()
        if not await runs.claim_run(db, run_id, owner=self._parts.owner, lease_until=until, now=claims_before):
            return None
        stored = await runs.load_run(db, run_id)
        if stored is None:
            return None
        was_played = stored.run.status is RunStatus.IN_PROGRESS
        stored = await put_back(db, stored)
        if not was_played:
            return _Rescued(stored, stored.interruptions)
        interruptions = await runs.count_interruption(db, run_id)
        if interruptions > self._max_interruptions:
            failed = replace(
                stored.run,
                status=advance(stored.run.status, Trigger.FAILED),
                failed_at=self._parts.clock.now(),
                expires_at=None,
                last_error=failures.internal_error(),
                usage=decode_progress(stored.progress).usage,
            )
            await runs.save_run(db, failed, was=stored.run.status)
            stored = replace(stored, run=failed)
        return _Rescued(stored, interruptions)
