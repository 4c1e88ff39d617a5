"""Whose a bucket is: what no row names is deleted from it, so it has one database, and no copy of that either."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from proxy.store import Store
from proxy.store.blob_bucket import BucketBlobs
from proxy.store.blobs import ContentsUnreachable
from proxy.store.bucket import claim as claims
from proxy.store.bucket.claim import NAME, BucketTaken
from proxy.store.bucket.place import BucketPlace
from tests.buckets import BUCKET, KEY, SECRET, BucketServer
from tests.contents import content_of, keep, only
from tests.serving import StandingClock

Copied = Callable[[], Awaitable[Store]]


@pytest.fixture
def place(buckets: BucketServer) -> BucketPlace:
    return BucketPlace(
        bucket=BUCKET, prefix=uuid4().hex, endpoint=buckets.url, access_key_id=KEY, secret_access_key=SECRET
    )


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "other", StandingClock())
    yield store
    await store.aclose()


@pytest.fixture
async def copied(store: Store, tmp_path: Path) -> AsyncIterator[Copied]:
    """Makes a copy of the store's directory, as of that moment."""
    made: list[Store] = []

    async def copy() -> Store:
        shutil.copytree(store.directory, tmp_path / "copy", ignore=shutil.ignore_patterns("*.lock"))
        made.append(await Store.open(tmp_path / "copy", StandingClock()))
        return made[-1]

    yield copy
    for one in made:
        await one.aclose()


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is renewed with every file."""
    monkeypatch.setattr(claims, "EACH_SECONDS", 0.0)


async def test_another_database_is_refused_and_told_what_to_do(
    place: BucketPlace, store: Store, other: Store, buckets: BucketServer
) -> None:
    first = await BucketBlobs.open(place, store)
    await keep(first, "file-first", b"x")
    with pytest.raises(BucketTaken, match=rf"{place} is another database's.*{NAME}.*bucket_prefix"):
        await BucketBlobs.open(place, other)
    assert await content_of(first, "file-first") == b"x"
    await first.aclose()
    # As it is told: the object is deleted by hand.
    buckets.client.delete_object(Bucket=BUCKET, Key=f"{place.folder}{NAME}")
    second = await BucketBlobs.open(place, other)
    assert await second.sweep(only()) == 1
    await second.aclose()
    with pytest.raises(BucketTaken):
        await BucketBlobs.open(place, store)


async def test_the_same_database_is_let_in_again_and_again(place: BucketPlace, store: Store) -> None:
    for round_ in range(3):
        blobs = await BucketBlobs.open(place, store)
        await keep(blobs, f"file-of{round_}", b"x")
        await blobs.aclose()
    blobs = await BucketBlobs.open(place, store)
    assert await blobs.sweep(only("file-of0", "file-of1", "file-of2")) == 0
    await blobs.aclose()


@pytest.mark.usefixtures("always")
async def test_a_copy_is_refused_once_the_original_has_kept_something(
    place: BucketPlace, store: Store, copied: Copied
) -> None:
    blobs = await BucketBlobs.open(place, store)
    copy = await copied()
    await keep(blobs, "file-since", b"x")
    with pytest.raises(BucketTaken, match="a copy of this one has used it since"):
        await BucketBlobs.open(place, copy)
    assert await content_of(blobs, "file-since") == b"x"
    await blobs.aclose()


@pytest.mark.usefixtures("always")
async def test_a_copy_that_came_first_has_the_bucket_and_the_original_keeps_and_deletes_nothing_more(
    place: BucketPlace, store: Store, copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    original = await BucketBlobs.open(place, store)
    await keep(original, "file-before", b"x")
    taker = await BucketBlobs.open(place, await copied())
    new = await original.new("file-late")
    await new.write(b"x")
    with pytest.raises(ContentsUnreachable):
        await new.keep()
    await new.discard()
    assert "a copy of this one has used it since" in caplog.text
    await original.delete(["file-before"])
    assert await content_of(taker, "file-before") == b"x"
    assert await taker.sweep(only("file-before")) == 0
    await keep(taker, "file-taken", b"x")
    for blobs in (original, taker):
        await blobs.aclose()


@pytest.mark.usefixtures("always")
async def test_a_bucket_that_was_given_away_is_not_taken_back_until_the_next_start(
    place: BucketPlace, store: Store, buckets: BucketServer, caplog: pytest.LogCaptureFixture
) -> None:
    blobs = await BucketBlobs.open(place, store)
    buckets.client.delete_object(Bucket=BUCKET, Key=f"{place.folder}{NAME}")
    with pytest.raises(ContentsUnreachable):
        await keep(blobs, "file-late", b"x")
    assert "start this one again" in caplog.text
    assert buckets.keys(place.folder) == []
    await blobs.aclose()
    again = await BucketBlobs.open(place, store)
    await keep(again, "file-again", b"x")
    assert buckets.keys(place.folder) == ["file-again", NAME]
    await again.aclose()


@pytest.mark.parametrize("got_there", [False, True])
async def test_whoever_dies_while_the_claim_changes_is_let_in_again(
    place: BucketPlace, store: Store, buckets: BucketServer, got_there: bool
) -> None:
    """After the row, and before or after the object."""
    blobs = await BucketBlobs.open(place, store)
    await blobs.aclose()
    key = f"{place.folder}{NAME}"
    token = buckets.client.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    stored = claims.StoredClaim(token=token, next_token="claim_next")
    await store.write(lambda db: claims.save_claim(db, str(place), stored))
    if got_there:
        buckets.put(key, b"claim_next")
    blobs = await BucketBlobs.open(place, store)
    await blobs.aclose()


async def test_many_files_at_once_renew_it_once(place: BucketPlace, store: Store, buckets: BucketServer) -> None:
    blobs = await BucketBlobs.open(place, store)
    await asyncio.gather(*(keep(blobs, f"file-n{number:03d}", b"x") for number in range(20)))
    assert len(buckets.keys(place.folder)) == 21
    await blobs.aclose()
