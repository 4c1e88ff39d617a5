"""What the client of a bucket raises, logged and made into errors of our own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from proxy.errors import OutOfSpace
from proxy.store.blobs import ContentsUnreachable
from proxy.store.bucket.place import BucketPlace

log = logging.getLogger(__name__)

_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"})


@contextmanager
def translated(place: BucketPlace, what: str) -> Iterator[None]:
    """Log with its cause whatever goes wrong with a request, and raise what it means to us.

    What is raised does not name the bucket: it reaches those who asked.
    """
    try:
        yield
    except (ClientError, BotoCoreError, aiohttp.ClientError, TimeoutError) as error:
        log.error("bucket %s: %s failed: %s", place, what, error or type(error).__name__)
        if isinstance(error, ClientError) and _code(error) in _FULL:
            raise OutOfSpace("The server has no room for this file. Nothing of it was kept.") from error
        raise ContentsUnreachable from error


def is_missing(error: ClientError) -> bool:
    """Whether the object, or the upload in parts, is not there; when its bucket is not, that is another matter."""
    return _code(error) in {"NoSuchKey", "NoSuchUpload"}


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
