"""Assistants: the object and the bodies that create and modify one."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from proxy.schema.fields import Description, Instructions, Metadata, Name, ReasoningEffort, Temperature, TopP
from proxy.schema.tools import ResponseFormat, Tool, ToolInputs, ToolResources, ToolResourcesInput

ModelName = Annotated[str, Meta(min_length=1)]


class Assistant(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["assistant"] = "assistant"
    created_at: int
    name: str | None = None
    description: str | None = None
    model: str
    instructions: str | None = None
    tools: list[Tool] = []
    top_p: float = 1.0
    temperature: float = 1.0
    reasoning_effort: str | None = None
    tool_resources: ToolResources = ToolResources()
    metadata: dict[str, str] = {}
    response_format: ResponseFormat = "auto"


class CreateAssistant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: ModelName
    name: Name | None = None
    description: Description | None = None
    instructions: Instructions | None = None
    tools: ToolInputs | None = None
    tool_resources: ToolResourcesInput | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: ReasoningEffort | None = None


class ModifyAssistant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: ModelName | UnsetType | None = UNSET
    name: Name | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    instructions: Instructions | UnsetType | None = UNSET
    tools: ToolInputs | UnsetType | None = UNSET
    tool_resources: ToolResourcesInput | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    temperature: Temperature | UnsetType | None = UNSET
    top_p: TopP | UnsetType | None = UNSET
    response_format: ResponseFormat | UnsetType | None = UNSET
    reasoning_effort: ReasoningEffort | UnsetType | None = UNSET
