"""The requests that we make of a bucket, and the only module that knows the client, aiobotocore.

What fails is tried again a few times by the client, and then it is one of our own errors. Everything that is sent has
its MD5 with it, and the server checks it against that. So the payload need not be part of the signature, which would be
computed on the event loop.
"""

import base64
import hashlib
import io
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final, TypedDict

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from proxy.store.blobs import PIECE_BYTES, BlobMissing, ContentsUnreachable
from proxy.store.bucket.failures import is_missing, status_of, translated
from proxy.store.bucket.place import BucketPlace

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

# At its most talkative, the client writes down what it signs requests with.
for quiet in ("botocore", "aiobotocore"):
    logging.getLogger(quiet).setLevel(logging.INFO)

CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 30.0
"""Of the server, after which a request has failed."""
ATTEMPTS: Final = 4
"""At a request, with pauses of up to a second, two and four between them."""
_CONNECTIONS: Final = 64


class Changed(Exception):
    """The object is not as it was expected to be."""


class Bucket:
    """Names are those of objects under the prefix. Raises `ContentsUnreachable`, and `OutOfSpace` for a full one."""

    def __init__(self, place: BucketPlace, client: "S3Client", opened: AsyncExitStack) -> None:
        self.place = place
        self._client = client
        self._opened = opened

    @classmethod
    async def open(cls, place: BucketPlace) -> "Bucket":
        """Asks nothing of the server yet."""
        addressing = place.addressing or ("path" if place.endpoint else "auto")
        config = AioConfig(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=SILENCE_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=_CONNECTIONS,
            s3={"addressing_style": addressing, "payload_signing_enabled": False},
            # Newer checksums than MD5 only where AWS insists: many compatible servers do not know them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        opened = AsyncExitStack()
        with translated(place, "opening the client"):
            client = await opened.enter_async_context(
                get_session().create_client(
                    "s3",
                    endpoint_url=place.endpoint,
                    # The servers that have no regions take any, and most of them call it this.
                    region_name=place.region or ("us-east-1" if place.endpoint else None),
                    aws_access_key_id=place.access_key_id,
                    aws_secret_access_key=place.secret_access_key,
                    config=config,
                )
            )
        return cls(place, client, opened)

    async def put(self, name: str, content: bytes, md5: bytes) -> None:
        with self._asking(f"putting {name}"):
            await self._client.put_object(**self._at(name), Body=io.BytesIO(content), ContentMD5=_base64(md5))

    async def replace(self, name: str, content: bytes, *, etag: str | None) -> None:
        """Put a small object where that one is, or none. Raises `Changed` where something else is there.

        Servers that cannot tell are asked to put it all the same.
        """
        condition: dict[str, str] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        with self._asking(f"writing {name}"):
            try:
                await self._client.put_object(**self._at(name), Body=content, ContentMD5=_base64(md5), **condition)  # type: ignore[arg-type]
                return
            except ClientError as error:
                if status_of(error) in {409, 412}:
                    raise Changed(name) from error
                if status_of(error) != 501:
                    raise
        await self.put(name, content, md5)

    async def get(self, name: str) -> tuple[bytes, str] | None:
        """A small object and its ETag. None where there is none."""
        with self._asking(f"reading {name}"):
            try:
                answer = await self._client.get_object(**self._at(name))
            except ClientError as error:
                if is_missing(error):
                    return None
                raise
            async with answer["Body"] as body:
                return await body.read(), answer["ETag"]

    async def begin_parts(self, name: str) -> str:
        with self._asking(f"beginning {name}"):
            return (await self._client.create_multipart_upload(**self._at(name)))["UploadId"]

    async def put_part(self, name: str, upload: str, number: int, content: bytes, md5: bytes) -> str:
        """Its ETag. Numbers begin with 1."""
        with self._asking(f"putting part {number} of {name}"):
            answer = await self._client.upload_part(
                **self._at(name),
                UploadId=upload,
                PartNumber=number,
                Body=io.BytesIO(content),
                ContentMD5=_base64(md5),
            )
            return answer["ETag"]

    async def complete_parts(self, name: str, upload: str, etags: list[str]) -> None:
        with self._asking(f"completing {name}"):
            await self._client.complete_multipart_upload(
                **self._at(name),
                UploadId=upload,
                MultipartUpload={
                    "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
                },
            )

    async def abort_parts(self, name: str, upload: str) -> None:
        with self._asking(f"aborting {name}"):
            try:
                await self._client.abort_multipart_upload(**self._at(name), UploadId=upload)
            except ClientError as error:
                if not is_missing(error):
                    raise

    async def delete(self, name: str) -> None:
        """One that is not there is deleted already."""
        with self._asking(f"deleting {name}"):
            await self._client.delete_object(**self._at(name))

    async def read(self, name: str, start: int, length: int | None) -> AsyncGenerator[bytes, None]:
        """Raises `BlobMissing`. An answer that breaks off is asked for again, from the place where it did."""
        end = None if length is None else start + length
        while end is None or start < end:
            began_at = start
            try:
                async with aclosing(self._range(name, start, end)) as pieces:
                    async for piece in pieces:
                        start += len(piece)
                        yield piece
                return
            except ContentsUnreachable:
                # A slow reader lets the server wait, for which it may hang up. That is no failure.
                if start == began_at:
                    raise

    async def _range(self, name: str, start: int, end: int | None) -> AsyncGenerator[bytes, None]:
        with self._asking(f"reading {name}"):
            try:
                last = "" if end is None else str(end - 1)
                answer = await self._client.get_object(**self._at(name), Range=f"bytes={start}-{last}")
            except ClientError as error:
                if status_of(error) == 416:  # it ends before that, or is empty
                    return
                if is_missing(error):
                    raise BlobMissing(f"The content of {name} is not there.") from error
                raise
        body = answer["Body"]
        try:
            while True:
                with self._asking(f"reading {name}"):
                    piece = await body.read(PIECE_BYTES)
                if not piece:
                    return
                yield piece
        finally:
            body.close()

    async def pages(self) -> AsyncIterator[list[str]]:
        """The names of everything under the prefix, but for what is in folders of it."""
        folder = self.place.folder
        with self._asking("listing"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.place.bucket, Prefix=folder, Delimiter="/"
            )
            async for page in pages:
                yield [one["Key"].removeprefix(folder) for one in page.get("Contents", [])]

    async def uploads(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Names and ids of uploads in parts that were neither completed nor aborted."""
        folder = self.place.folder
        with self._asking("listing what is half uploaded"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.place.bucket, Prefix=folder
            )
            async for page in pages:
                yield [(one["Key"].removeprefix(folder), one["UploadId"]) for one in page.get("Uploads", [])]

    async def aclose(self) -> None:
        await self._opened.aclose()

    def _at(self, name: str) -> "_Object":
        return _Object(Bucket=self.place.bucket, Key=f"{self.place.folder}{name}")

    def _asking(self, what: str) -> AbstractContextManager[None]:
        return translated(self.place, what)


class _Object(TypedDict):
    """Which object is meant, in the words of the client."""

    Bucket: str
    Key: str


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
