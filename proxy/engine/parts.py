"""What runs are played with: the same things for all of them."""

from msgspec import Struct

from adapters import Upstreams
from adapters.embedding import Embedder
from proxy.clock import Clock
from proxy.engine.broadcast import Broadcast
from proxy.engine.places import Places
from proxy.store import Store
from proxy.store.blobs import Blobs
from proxy.tasks import TaskGroup


class Parts(Struct, frozen=True, kw_only=True):
    store: Store
    blobs: Blobs
    upstreams: Upstreams
    embedder: Embedder | None = None
    clock: Clock
    broadcast: Broadcast
    places: Places
    tasks: TaskGroup
    owner: str

    def now(self) -> int:
        return self.clock.now()
