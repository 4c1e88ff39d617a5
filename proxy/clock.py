"""The only wall clock: everything that needs the time is given a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """Unix seconds, as the API writes them."""
        ...

    def precise(self) -> float:
        """Unix seconds with a fraction, for leases and latencies."""
        ...


class SystemClock:
    def now(self) -> int:
        return int(time.time())  # noqa: TID251 - this module is the one that may

    def precise(self) -> float:
        return time.time()  # noqa: TID251 - this module is the one that may
