"""Lists: the envelope, and the parameters that page through one."""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

Order = Literal["asc", "desc"]


class Page(Struct, frozen=True, kw_only=True):
    """A page of stored objects; `data` is the stored JSON, handed out as it is."""

    object: Literal["list"] = "list"
    data: list[Raw]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ListParams(Struct, frozen=True, kw_only=True):
    """The query of every list. Unknown query parameters are ignored, as the real service did."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Order = "desc"
    after: str | None = None
    before: str | None = None


class ListMessagesParams(ListParams, frozen=True, kw_only=True):
    run_id: str | None = None


class ListThreadsParams(ListParams, frozen=True, kw_only=True):
    """Ours: `metadata[key]=value` may be given several times, and all must match."""

    metadata: dict[str, str] = {}
