"""Where a bucket is, and who we are there."""

from typing import Literal

from msgspec import Struct


class BucketPlace(Struct, frozen=True, kw_only=True):
    """What is None, AWS's own variables and files say."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    addressing: Literal["path", "virtual"] | None = None
    """Whether the bucket is part of the path or of the host's name. Path, where there is an endpoint."""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.folder}"

    def __repr__(self) -> str:
        """Without the keys."""
        return f"BucketPlace({self})"

    @property
    def folder(self) -> str:
        """The prefix, with a slash at its end: so no other prefix begins with it by chance."""
        plain = self.prefix.strip("/")
        return f"{plain}/" if plain else ""
