"""Which places a run waits for: those of the servers that answer for its model."""

from adapters import Route
from proxy.engine.slots import Slots


class Places:
    """One limit for each group of servers; models that the same servers have share it."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, ...], Slots] = {}

    def at(self, route: Route) -> Slots:
        return self._slots.setdefault(route.servers, Slots(route.places))
