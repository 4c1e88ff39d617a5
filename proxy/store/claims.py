"""Claims on buckets: what this database wrote into the object that says whose a bucket is."""

from msgspec import Struct

from proxy.store.database import Connection


class StoredClaim(Struct, frozen=True, kw_only=True):
    token: str
    """As it was last seen in the bucket."""
    next_token: str
    """What was about to be written; it may be there, and may not."""


async def find_claim(db: Connection, place: str) -> StoredClaim | None:
    row = await db.one("SELECT token, next_token FROM bucket_claims WHERE place = :place", {"place": place})
    return None if row is None else StoredClaim(token=row["token"], next_token=row["next_token"])


async def save_claim(db: Connection, place: str, claim: StoredClaim) -> None:
    await db.run(
        """
        INSERT INTO bucket_claims (place, token, next_token) VALUES (:place, :token, :next_token)
        ON CONFLICT (place) DO UPDATE SET token = :token, next_token = :next_token
        """,
        {"place": place, "token": claim.token, "next_token": claim.next_token},
    )
