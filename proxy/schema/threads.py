"""Threads: the object and the bodies that create and modify one."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from proxy.schema.fields import Metadata
from proxy.schema.messages import CreateMessage
from proxy.schema.tools import ToolResources, ToolResourcesInput


class Thread(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["thread"] = "thread"
    created_at: int
    metadata: dict[str, str] = {}
    tool_resources: ToolResources = ToolResources()


class CreateThread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    messages: list[CreateMessage] | None = None
    tool_resources: ToolResourcesInput | None = None
    metadata: Metadata | None = None


class ModifyThread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    metadata: Metadata | UnsetType | None = UNSET
    tool_resources: ToolResourcesInput | UnsetType | None = UNSET
