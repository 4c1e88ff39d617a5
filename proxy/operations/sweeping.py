"""Takes away what nobody can ask for any more: expired files and uploads, and bytes that no row names."""

import asyncio
import logging
from functools import partial
from typing import Final

from msgspec.structs import replace

from proxy.operations.files import clear_up
from proxy.services import Services
from proxy.store import Store, files, uploads
from proxy.store.blobs import Blobs

log = logging.getLogger(__name__)

EACH_SECONDS: Final = 60.0
_AT_ONCE: Final = 100


async def sweep_blobs(store: Store, blobs: Blobs) -> None:
    """What a killed process left. To be called before anybody is served, by the one process that has the directory."""

    async def known(names: list[str]) -> set[str]:
        return await store.read(lambda db: files.known_blobs(db, names))

    swept = await blobs.sweep(known)
    if swept:
        log.info("swept %d contents of files that a former process left unfinished or undeleted", swept)


async def keep_sweeping(services: Services) -> None:
    while True:
        try:
            await sweep_expired(services)
        except Exception:
            log.exception("sweeping what has expired failed; trying again")
        await asyncio.sleep(EACH_SECONDS)


async def sweep_expired(services: Services) -> None:
    """Everything whose time is over by now. Reads have passed it over since then."""
    now = services.clock.now()
    while due := await services.store.read(lambda db: files.expired_files(db, now, _AT_ONCE)):
        for file in due:
            await services.store.write(partial(files.delete_file, project=file.project, id=file.id))
            await clear_up(services, file.project, file.id)
    while late := await services.store.read(lambda db: uploads.expired_uploads(db, now, _AT_ONCE)):
        for one in late:
            closed = replace(one.upload, status="expired")
            part_ids = await services.store.write(partial(uploads.close_upload, project=one.project, upload=closed))
            await services.blobs.delete(part_ids or [])
