"""Assistants as they are answered: key order, defaults, normalised tools, and what an update keeps and clears."""

from typing import Any

import msgspec
import pytest

from proxy.errors import NotFound
from proxy.operations.assistants import (
    create_assistant,
    delete_assistant,
    get_assistant,
    list_assistants,
    modify_assistant,
)
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.pages import ListParams
from proxy.services import Services
from tests.builders import AT
from tests.operations.conftest import AWAY, HOME

KEYS = [
    "id",
    "object",
    "created_at",
    "name",
    "description",
    "model",
    "instructions",
    "tools",
    "top_p",
    "temperature",
    "reasoning_effort",
    "tool_resources",
    "metadata",
    "response_format",
]
FULL = {
    "model": "tiny",
    "name": "Ann",
    "description": "d",
    "instructions": "Be brief.",
    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "code_interpreter"}],
    "tool_resources": {
        "code_interpreter": {"file_ids": ["file-1"]},
        "file_search": {"vector_store_ids": ["vs_1"]},
    },
    "metadata": {"k": "v", "l": "w"},
    "temperature": 0.5,
    "top_p": 0.25,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
}


def as_sent(answered: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answered))


async def created(services: Services, body: dict[str, Any], project: str = HOME) -> Any:
    return as_sent(await create_assistant(services, project=project, body=msgspec.convert(body, CreateAssistant)))


async def modified(services: Services, id: str, body: dict[str, Any]) -> Any:
    given = msgspec.convert(body, ModifyAssistant)
    return as_sent(await modify_assistant(services, project=HOME, assistant_id=id, body=given))


async def test_an_assistant_of_defaults(services: Services):
    answered = await created(services, {"model": "tiny"})
    assert list(answered) == KEYS
    id = answered.pop("id")
    assert id.startswith("asst_")
    assert id[5:].isalnum()
    assert len(id) == 29
    assert answered == {
        "object": "assistant",
        "created_at": AT,
        "name": None,
        "description": None,
        "model": "tiny",
        "instructions": None,
        "tools": [],
        "top_p": 1.0,
        "temperature": 1.0,
        "reasoning_effort": None,
        "tool_resources": {},
        "metadata": {},
        "response_format": "auto",
    }


async def test_null_is_the_same_as_absent(services: Services):
    given = dict.fromkeys(set(FULL) - {"model"})
    answered, plain = [await created(services, {"model": "tiny"} | body) for body in (given, {})]
    assert answered | {"id": ""} == plain | {"id": ""}


async def test_what_is_given_is_echoed_and_stored(services: Services):
    answered = await created(services, FULL)
    assert {key: answered[key] for key in FULL if key != "tools"} == {k: v for k, v in FULL.items() if k != "tools"}
    stored = as_sent(await get_assistant(services, project=HOME, assistant_id=answered["id"]))
    assert stored == answered
    assert list(stored) == KEYS


@pytest.mark.parametrize(
    ("tool", "answered"),
    [
        (
            {"type": "function", "function": {"name": "f"}},
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
            },
        ),
        (
            {
                "type": "function",
                "function": {"strict": True, "parameters": {"type": "object"}, "name": "f", "description": "d"},
            },
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
            },
        ),
        (
            {"type": "file_search"},
            {
                "type": "file_search",
                "file_search": {
                    "ranking_options": {
                        "ranker": "default_2024_08_21",
                        "score_threshold": 0.0,
                        "hybrid_search": None,
                    }
                },
            },
        ),
        ({"type": "code_interpreter"}, {"type": "code_interpreter"}),
    ],
)
async def test_tools_are_answered_in_full_and_accepted_again(
    services: Services, tool: dict[str, Any], answered: dict[str, Any]
):
    assistant = await created(services, {"model": "tiny", "tools": [tool]})
    assert msgspec.json.encode(assistant["tools"]) == msgspec.json.encode([answered])
    again = {key: assistant[key] for key in FULL}
    assert (await created(services, again)) | {"id": ""} == assistant | {"id": ""}
    assert await modified(services, assistant["id"], again) == assistant


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        (None, {}),
        ({"code_interpreter": None, "file_search": None}, {}),
        ({"file_search": {}}, {"file_search": {"vector_store_ids": []}}),
        (
            {"file_search": {"vector_store_ids": ["vs_1"], "vector_stores": []}},
            {"file_search": {"vector_store_ids": ["vs_1"]}},
        ),
        ({"code_interpreter": {"file_ids": ["file-1"]}}, {"code_interpreter": {"file_ids": ["file-1"]}}),
    ],
)
async def test_tool_resources(services: Services, given: Any, answered: Any):
    assistant = await created(services, {"model": "tiny", "tool_resources": given})
    assert assistant["tool_resources"] == answered
    with_tool = await created(
        services, {"model": "tiny", "tools": [{"type": "code_interpreter"}], "tool_resources": given}
    )
    assert with_tool["tool_resources"] == {"code_interpreter": {"file_ids": []}} | answered


async def test_an_update_keeps_what_is_absent(services: Services):
    assistant = await created(services, FULL)
    assert await modified(services, assistant["id"], {}) == assistant
    assert await modified(services, assistant["id"], {"name": "Bob"}) == assistant | {"name": "Bob"}


async def test_an_update_clears_what_is_null(services: Services):
    assistant = await created(services, FULL)
    plain = await created(services, {"model": "tiny"})
    cleared = await modified(services, assistant["id"], dict.fromkeys(FULL))
    assert cleared == plain | {"id": assistant["id"]}
    assert as_sent(await get_assistant(services, project=HOME, assistant_id=assistant["id"])) == cleared


async def test_an_update_replaces_metadata_as_a_whole_and_resources_by_tool(services: Services):
    assistant = await created(services, FULL)
    resources = {"file_search": {"vector_store_ids": ["vs_2"]}}
    answered = await modified(services, assistant["id"], {"metadata": {"m": "x"}, "tool_resources": resources})
    assert answered["metadata"] == {"m": "x"}
    assert answered["tool_resources"] == FULL["tool_resources"] | resources  # type: ignore[operator]


async def test_code_interpreter_comes_with_its_files(services: Services):
    assistant = await created(services, {"model": "tiny"})
    answered = await modified(services, assistant["id"], {"tools": [{"type": "code_interpreter"}]})
    assert answered["tool_resources"] == {"code_interpreter": {"file_ids": []}}


async def test_a_deleted_assistant_is_gone(services: Services):
    assistant = await created(services, {"model": "tiny"})
    answered = await delete_assistant(services, project=HOME, assistant_id=assistant["id"])
    assert as_sent(answered) == {"id": assistant["id"], "object": "assistant.deleted", "deleted": True}
    with pytest.raises(NotFound):
        await get_assistant(services, project=HOME, assistant_id=assistant["id"])
    with pytest.raises(NotFound):
        await delete_assistant(services, project=HOME, assistant_id=assistant["id"])


async def test_another_project_has_none_of_it(services: Services):
    assistant = await created(services, {"model": "tiny"})
    given = {"services": services, "project": AWAY, "assistant_id": assistant["id"]}
    with pytest.raises(NotFound):
        await get_assistant(**given)
    with pytest.raises(NotFound):
        await modify_assistant(**given, body=ModifyAssistant(name="Mine"))
    with pytest.raises(NotFound):
        await delete_assistant(**given)
    assert (await list_assistants(services, project=AWAY, params=ListParams())).data == []
    assert as_sent(await get_assistant(services, project=HOME, assistant_id=assistant["id"])) == assistant


async def test_a_list(services: Services):
    made = [await created(services, {"model": "tiny", "name": name}) for name in "abc"]
    page = as_sent(await list_assistants(services, project=HOME, params=ListParams(limit=2)))
    assert page == {
        "object": "list",
        "data": [made[2], made[1]],
        "first_id": made[2]["id"],
        "last_id": made[1]["id"],
        "has_more": True,
    }
    assert list(page) == ["object", "data", "first_id", "last_id", "has_more"]
    rest = as_sent(await list_assistants(services, project=HOME, params=ListParams(after=made[1]["id"])))
    assert (rest["data"], rest["has_more"]) == ([made[0]], False)
