"""Owns the tasks that play runs: starts them, stops them, keeps their leases and hands them over at the end."""

import logging

from proxy.engine.driver import Drive
from proxy.engine.parts import Parts
from proxy.engine.stopping import Stop
from proxy.runs.lifecycle import is_terminal
from proxy.schema.runs import Run
from proxy.store import runs

log = logging.getLogger(__name__)


class Supervisor:
    def __init__(self, parts: Parts, *, lease_seconds: float) -> None:
        self._parts = parts
        self._lease_seconds = lease_seconds
        self._drives: dict[str, Drive] = {}
        self._leaving = False
        self.orphans: set[str] = set()
        """Runs whose end could not be saved; the rescuer takes them up again."""

    def start(self, run: Run, project: str) -> None:
        """Play a run that is claimed by this process."""
        drive = Drive(self._parts, run, project)
        if self._leaving:
            drive.stop(Stop.SHUT_DOWN)
        self._drives[run.id] = drive
        self._parts.tasks.start(self._see_through(run.id, drive, None), name=f"run {run.id}")

    def stop(self, run: Run, project: str, reason: Stop) -> None:
        """Stop a run wherever it is: the one who plays it here is told; one that nobody plays is closed."""
        drive = self._drives.get(run.id)
        if drive is not None:
            drive.stop(reason)
        elif not is_terminal(run.status):
            drive = self._drives[run.id] = Drive(self._parts, run, project)
            self._parts.tasks.start(self._see_through(run.id, drive, reason), name=f"close {run.id}")

    def plays(self, run_id: str) -> bool:
        return run_id in self._drives

    def lease_until(self) -> float:
        return self._parts.clock.precise() + self._lease_seconds

    async def renew(self) -> None:
        """Keep the claims on the runs that are played here. Called well within `lease_seconds`."""
        if self._drives:
            until, played = self.lease_until(), list(self._drives)
            await self._parts.store.write(lambda db: runs.renew_leases(db, self._parts.owner, played, until))

    async def aclose(self, *, patience_seconds: float) -> None:
        """Let runs end for a while; then leave the rest as they are saved, for the next start to go on with."""
        self._leaving = True
        await self._parts.tasks.wait(patience_seconds)
        for drive in list(self._drives.values()):
            drive.stop(Stop.SHUT_DOWN)
        await self._parts.tasks.wait(5.0)
        await self._parts.tasks.cancel()

    async def _see_through(self, run_id: str, drive: Drive, reason: Stop | None) -> None:
        try:
            saved = await (drive.play() if reason is None else drive.close(reason))
            if drive.unheeded is not None:
                saved = await Drive(self._parts, drive.run, drive.project).close(drive.unheeded)
            if not saved:
                self.orphans.add(run_id)
        finally:
            # Unless another has the run by now, nobody here says more of it.
            if self._drives.get(run_id) is drive:
                del self._drives[run_id]
                self._parts.broadcast.end(run_id)
