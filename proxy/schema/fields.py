"""Types of single fields that many objects share, with the limits that the real service enforced."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)]

Name = Annotated[str, Meta(max_length=256)]
Description = Annotated[str, Meta(max_length=512)]
Instructions = Annotated[str, Meta(max_length=256_000)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
TopP = Annotated[float, Meta(ge=0, le=1)]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Deleted(Struct, frozen=True, kw_only=True):
    """The answer to every DELETE of this API."""

    id: str
    object: str
    deleted: bool = True
