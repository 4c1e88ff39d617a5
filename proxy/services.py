"""What an operation may use: a frozen handful of services, put together once by `proxy.app`."""

from msgspec import Struct

from adapters import Upstreams
from adapters.embedding import Embedder
from config.settings import Settings
from proxy.clock import Clock
from proxy.engine import Engine
from proxy.retrieval.ingestion import Ingestion
from proxy.store import Store
from proxy.store.blobs import Blobs


class Services(Struct, frozen=True, kw_only=True):
    settings: Settings
    clock: Clock
    store: Store
    blobs: Blobs
    upstreams: Upstreams
    engine: Engine
    ingestion: Ingestion
    embedder: Embedder | None = None
    """None where files are searched by words only."""
