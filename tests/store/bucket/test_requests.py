"""What a bucket's server does to us: refusing, being away, breaking off, more than a page, and others' things."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from uuid import uuid4

import pytest
from msgspec.structs import replace

from proxy.errors import APIError, OutOfSpace
from proxy.store import Store
from proxy.store.blob_bucket import PART_BYTES, BucketBlobs
from proxy.store.blobs import ContentsUnreachable
from proxy.store.bucket import requests
from proxy.store.bucket.claim import NAME as OWNER
from proxy.store.bucket.place import BucketPlace
from tests.buckets import BUCKET, KEY, READER, READER_SECRET, SECRET, BucketServer
from tests.contents import LARGE, NAME, content_of, keep, only


@pytest.fixture
def place(buckets: BucketServer) -> BucketPlace:
    return BucketPlace(
        bucket=BUCKET, prefix=uuid4().hex, endpoint=buckets.url, access_key_id=KEY, secret_access_key=SECRET
    )


@pytest.fixture
async def blobs(place: BucketPlace, store: Store) -> AsyncIterator[BucketBlobs]:
    blobs = await BucketBlobs.open(place, store)
    yield blobs
    await blobs.aclose()


async def refusal(place: BucketPlace, store: Store) -> APIError:
    with pytest.raises(ContentsUnreachable) as caught:
        await BucketBlobs.open(place, store)
    return caught.value


async def test_whoever_is_refused_learns_why_from_the_log_and_nobody_else_does(
    place: BucketPlace, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ATTEMPTS", 1)
    wrong = [
        (replace(place, secret_access_key="hush-hush"), "SignatureDoesNotMatch"),
        (replace(place, access_key_id="nobody"), "InvalidAccessKeyId"),
        (replace(place, access_key_id=READER, secret_access_key=READER_SECRET), "AccessDenied"),
        (replace(place, bucket="not-there"), "NoSuchBucket"),
        (replace(place, endpoint="http://127.0.0.1:9"), "Could not connect"),
    ]
    for one, why in wrong:
        caplog.clear()
        error = await refusal(one, store)
        assert (error.status, why in caplog.text) == (503, True), caplog.text
        assert one.bucket not in error.message
        assert "hush" not in caplog.text


async def test_at_debug_level_nothing_secret_is_logged(
    place: BucketPlace, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    blobs = await BucketBlobs.open(place, store)
    await keep(blobs, NAME, b"x")
    await blobs.aclose()
    assert SECRET not in caplog.text
    assert "Signature" not in caplog.text


async def test_what_is_in_other_folders_or_is_no_file_is_left_alone(
    place: BucketPlace, blobs: BucketBlobs, buckets: BucketServer
) -> None:
    beside = f"{place.prefix}2/"
    within = f"{place.folder}deeper/"
    for folder in (beside, within):
        buckets.put(f"{folder}file-others")
        buckets.client.create_multipart_upload(Bucket=BUCKET, Key=f"{folder}file-half")
    buckets.put(f"{place.folder}notes.txt")
    buckets.client.create_multipart_upload(Bucket=BUCKET, Key=f"{place.folder}notes.bin")
    assert await blobs.sweep(only()) == 0
    assert buckets.keys(beside) == buckets.keys(within) == ["file-others"]
    assert buckets.half(beside) == buckets.half(within) == ["file-half"]
    assert buckets.keys(place.folder) == ["deeper/file-others", "notes.txt", OWNER]
    assert buckets.half(place.folder) == ["deeper/file-half", "notes.bin"]


async def test_more_than_a_page_is_swept(place: BucketPlace, blobs: BucketBlobs, buckets: BucketServer) -> None:
    for number in range(1005):
        buckets.put(f"{place.folder}file-{number:06d}")
    asked: list[int] = []

    async def known(names: list[str]) -> set[str]:
        asked.append(len(names))
        return {"file-000000", "file-001004"} & set(names)

    assert await blobs.sweep(known) == 1003
    assert len(asked) > 1
    assert max(asked) <= 1000
    assert buckets.keys(place.folder) == ["file-000000", "file-001004", OWNER]


class Relay:
    """In front of the bucket's server: hangs up after so many bytes of an answer, or answers for it."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self.url = ""
        self.most = 1 << 60
        """Bytes that a connection brings back."""
        self.refuses_conditions = False
        self.says: bytes | None = None
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is gone with the next turn of the loop

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        way = asyncio.ensure_future(self._pass_on(reader, writer))
        self._ways.add(way)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._port)
            with closing(there):
                ways = [
                    asyncio.ensure_future(self._forth(reader, there, writer)),
                    asyncio.ensure_future(self._back(there_reader, writer)),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _forth(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(1 << 16):
            says = self.says
            if self.refuses_conditions and b"if-none-match:" in data.lower():
                says = b"HTTP/1.1 501 Not Implemented"
            if says is not None:
                back.write(says + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await back.drain()
                return
            there.write(data)
            await there.drain()

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = 0
        while sent < self.most and (data := await there.read(min(self.most - sent, 1 << 16))):
            sent += len(data)
            writer.write(data)
            await writer.drain()


async def test_an_answer_that_breaks_off_is_asked_for_again_where_it_did(
    place: BucketPlace, blobs: BucketBlobs, store: Store
) -> None:
    await keep(blobs, NAME, LARGE)
    await blobs.aclose()
    assert place.endpoint is not None
    async with Relay(place.endpoint) as relay:
        through = await BucketBlobs.open(replace(place, endpoint=relay.url), store)
        relay.most = 1 << 20
        before = relay.connections
        assert await content_of(through, NAME) == LARGE
        assert await content_of(through, NAME, start=5, length=len(LARGE) - 10) == LARGE[5:-5]
        assert relay.connections - before >= 6
        # Where nothing more comes at all, it is given up, after what had come.
        async with aclosing(through.read(NAME)) as pieces:
            assert await anext(pieces)
            relay.says = b"HTTP/1.1 500 Internal Server Error"
            with pytest.raises(ContentsUnreachable):
                async for _ in pieces:
                    pass
        await through.aclose()


async def test_a_server_that_knows_no_conditions_is_used_without(
    place: BucketPlace, store: Store, buckets: BucketServer
) -> None:
    assert place.endpoint is not None
    async with Relay(place.endpoint) as relay:
        relay.refuses_conditions = True
        blobs = await BucketBlobs.open(replace(place, endpoint=relay.url), store)
        await keep(blobs, NAME, b"x")
        await blobs.aclose()
    assert buckets.keys(place.folder) == [NAME, OWNER]


async def test_a_bucket_that_is_full_says_so(place: BucketPlace, store: Store) -> None:
    assert place.endpoint is not None
    async with Relay(place.endpoint) as relay:
        blobs = await BucketBlobs.open(replace(place, endpoint=relay.url), store)
        new = await blobs.new(NAME)
        relay.says = b"HTTP/1.1 507 Insufficient Storage"
        with pytest.raises(OutOfSpace):
            await new.write(bytes(PART_BYTES))
        relay.says = None
        await new.discard()
        await blobs.aclose()


async def test_a_server_that_goes_away_fails_what_is_under_way_and_nothing_later(
    place: BucketPlace, store: Store, buckets: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ATTEMPTS", 1)
    assert place.endpoint is not None
    async with Relay(place.endpoint) as relay:
        blobs = await BucketBlobs.open(replace(place, endpoint=relay.url), store)
        await keep(blobs, "file-kept", LARGE)
        new = await blobs.new(NAME)
        await new.write(bytes(PART_BYTES))
        relay.says = b"HTTP/1.1 503 Slow Down"
        with pytest.raises(ContentsUnreachable):
            await new.write(bytes(PART_BYTES))
        with pytest.raises(ContentsUnreachable):
            await content_of(blobs, "file-kept")
        with pytest.raises(ContentsUnreachable):
            async with blobs.local("file-kept"):
                pass
        await blobs.delete(["file-kept"])  # its row is gone; this one stays for the next start
        await new.discard()
        assert buckets.half(place.folder) == [NAME]
        relay.says = None
        await new.discard()
        assert buckets.half(place.folder) == []
        assert await content_of(blobs, "file-kept") == LARGE
        assert await blobs.sweep(only()) == 1
        await blobs.aclose()
