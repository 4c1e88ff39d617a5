"""Keys, as a request is checked against them. Making and revoking them is for the command line only."""

from proxy.services import Services
from proxy.store import keys
from proxy.store.keys import KeyRow


async def keys_with_hint(services: Services, hint: str) -> list[KeyRow]:
    """Those that still open their project and begin so."""
    return await services.store.read(lambda db: keys.find_keys_by_hint(db, hint))


async def any_key(services: Services) -> bool:
    """Whether a key was ever made; until then everybody may ask."""
    return await services.store.read(keys.any_key)
