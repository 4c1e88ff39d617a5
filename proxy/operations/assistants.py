"""Assistants: create, list, look at, modify, delete."""

from typing import TypeVar

from msgspec import UNSET, Raw, UnsetType

from proxy.errors import not_found
from proxy.ids import new_id
from proxy.operations.models import check_model
from proxy.operations.tool_resources import Resources, modified_resources, resources_of
from proxy.operations.tools import answered_tools, has_code_interpreter
from proxy.schema.assistants import Assistant, CreateAssistant, ModifyAssistant
from proxy.schema.fields import Deleted
from proxy.schema.pages import ListParams, Page
from proxy.schema.tools import Tool, ToolResources
from proxy.services import Services
from proxy.store import Connection, assistants

T = TypeVar("T")


async def create_assistant(services: Services, *, project: str, body: CreateAssistant) -> Assistant:
    tools = answered_tools(body.tools)
    now = services.clock.now()
    resources = resources_of(body.tool_resources, at=now, code_interpreter=has_code_interpreter(tools))
    check_model(services, body.model)
    assistant = Assistant(
        id=new_id("asst"),
        created_at=now,
        name=body.name,
        description=body.description,
        model=body.model,
        instructions=body.instructions,
        tools=tools,
        top_p=1.0 if body.top_p is None else body.top_p,
        temperature=1.0 if body.temperature is None else body.temperature,
        reasoning_effort=body.reasoning_effort,
        tool_resources=resources.answered,
        metadata=body.metadata or {},
        response_format="auto" if body.response_format is None else body.response_format,
    )

    async def save(db: Connection) -> None:
        await resources.save(db, project, at=now)
        await assistants.insert_assistant(db, project, assistant)

    await services.store.write(save)
    services.ingestion.wake()
    return assistant


async def list_assistants(services: Services, *, project: str, params: ListParams) -> Page:
    return await services.store.read(lambda db: assistants.list_assistants(db, project, params))


async def get_assistant(services: Services, *, project: str, assistant_id: str) -> Raw:
    assistant = await services.store.read(lambda db: assistants.assistant_json(db, project, assistant_id))
    if assistant is None:
        raise not_found("assistant", assistant_id)
    return assistant


async def modify_assistant(services: Services, *, project: str, assistant_id: str, body: ModifyAssistant) -> Assistant:
    """Runs that were created before go on with what the assistant was then: they carry copies."""
    tools = UNSET if body.tools is UNSET else answered_tools(body.tools)
    check_model(services, body.model or None)
    now = services.clock.now()

    async def save(db: Connection) -> Assistant:
        assistant = await assistants.find_assistant(db, project, assistant_id)
        if assistant is None:
            raise not_found("assistant", assistant_id)
        modified, resources = _modified(assistant, body, tools)
        await resources.save(db, project, at=now)
        await assistants.save_assistant(db, project, modified)
        return modified

    return await services.store.write(save)


async def delete_assistant(services: Services, *, project: str, assistant_id: str) -> Deleted:
    if not await services.store.write(lambda db: assistants.delete_assistant(db, project, assistant_id)):
        raise not_found("assistant", assistant_id)
    return Deleted(id=assistant_id, object="assistant.deleted")


def _modified(
    assistant: Assistant, body: ModifyAssistant, given_tools: list[Tool] | UnsetType
) -> tuple[Assistant, Resources]:
    """Absent keeps, null clears; an assistant cannot be without a model, so for that null keeps too."""
    tools = assistant.tools if given_tools is UNSET else given_tools
    resources = modified_resources(
        body.tool_resources or None,
        ToolResources() if body.tool_resources is None else assistant.tool_resources,
        code_interpreter=has_code_interpreter(tools),
    )
    modified = Assistant(
        id=assistant.id,
        created_at=assistant.created_at,
        name=_given(body.name, assistant.name, None),
        description=_given(body.description, assistant.description, None),
        model=_given(body.model, assistant.model, assistant.model),
        instructions=_given(body.instructions, assistant.instructions, None),
        tools=tools,
        top_p=_given(body.top_p, assistant.top_p, 1.0),
        temperature=_given(body.temperature, assistant.temperature, 1.0),
        reasoning_effort=_given(body.reasoning_effort, assistant.reasoning_effort, None),
        tool_resources=resources.answered,
        metadata=_given(body.metadata, assistant.metadata, {}),
        response_format=_given(body.response_format, assistant.response_format, "auto"),
    )
    return modified, resources


def _given(value: T | UnsetType | None, kept: T, cleared: T) -> T:
    match value:
        case UnsetType():
            return kept
        case None:
            return cleared
        case _:
            return value
