"""Whose a bucket is: an object in it and a row of the database say the same, and what they say changes all the time.

`sweep` deletes what no row names. In a bucket that a second database uses as well, these are that database's files. So
the bucket is claimed by an object beside the contents, and whoever finds it to be somebody else's leaves the bucket
alone. A copy of the database would pass for the original, if what they say were always the same; so it is changed
whenever the server starts, and before a file is kept, if the last time is some seconds ago. From then on each copy that
was made before is refused, and where a copy is started first, the original is. The one that is refused loses nothing:
its files are not acknowledged, and those that were are still there.
"""

import asyncio
import logging
import time
from typing import Final

from proxy.ids import new_hex_id
from proxy.store import Store
from proxy.store.blobs import ContentsUnreachable
from proxy.store.bucket.requests import Bucket, Changed
from proxy.store.claims import StoredClaim, find_claim, save_claim
from proxy.store.database import StoreError

log = logging.getLogger(__name__)

NAME: Final = "understudy-owner"
EACH_SECONDS: Final = 15.0
"""Two requests as often as this at the most, and only while files are kept or deleted."""


class BucketTaken(StoreError):
    """The bucket belongs to another database. To be said at the start."""


class Claim:
    def __init__(self, store: Store, bucket: Bucket) -> None:
        self._store = store
        self._bucket = bucket
        self._place = str(bucket.place)
        self._changed_at = -EACH_SECONDS
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Raises `BucketTaken` where it is another database's, or was given to a copy of this one."""
        found = await self._bucket.get(NAME)
        if found is not None and not await self._is_ours(_text(found[0])):
            raise BucketTaken(self._refusal())
        if found is None:
            log.info("bucket %s belongs to nobody, and is claimed", self._place)
        await self._change(found)

    async def renew(self) -> None:
        """To be called before anything is kept or deleted. Raises `ContentsUnreachable` where it is lost."""
        async with self._turn:
            if time.monotonic() - self._changed_at < EACH_SECONDS:
                return
            try:
                found = await self._bucket.get(NAME)
                if found is None:
                    raise BucketTaken(
                        f"The object {NAME} of the bucket {self._place} is gone. Whoever deleted it gave the bucket "
                        "away. Unless another server is to have it, start this one again."
                    )
                if not await self._is_ours(_text(found[0])):
                    raise BucketTaken(self._refusal())
                await self._change(found)
            except BucketTaken as taken:
                log.error("%s", taken)
                raise ContentsUnreachable from taken

    async def _is_ours(self, token: str) -> bool:
        stored = await self._store.read(lambda db: find_claim(db, self._place))
        return stored is not None and token in {stored.token, stored.next_token}

    async def _change(self, found: tuple[bytes, str] | None) -> None:
        """First the row and then the object: who dies between the two finds that the row knows both."""
        token = new_hex_id("claim")
        claim = StoredClaim(token=token if found is None else _text(found[0]), next_token=token)
        await self._store.write(lambda db: save_claim(db, self._place, claim))
        try:
            await self._bucket.replace(NAME, token.encode(), etag=None if found is None else found[1])
        except Changed:
            # By somebody else; or by ourselves, in an attempt whose answer was lost.
            found = await self._bucket.get(NAME)
            if found is None or _text(found[0]) != token:
                raise BucketTaken(self._refusal()) from None
        self._changed_at = time.monotonic()

    def _refusal(self) -> str:
        return (
            f"The bucket {self._place} is another database's, or a copy of this one has used it since: its object "
            f"{NAME} says so. Give each server a bucket or a files.bucket_prefix of its own. If the other one will "
            "never run again, delete that object and start this server: what is in the bucket and not in this "
            "database is deleted then."
        )


def _text(content: bytes) -> str:
    return content.decode(errors="replace").strip()
