"""What Keep's interface shows of the provider: the fields of its form, its checks, and what can be called by hand."""

import dataclasses

import pydantic
from keep.providers.models.provider_config import ProviderScope
from keep.providers.models.provider_method import ProviderMethod


@pydantic.dataclasses.dataclass
class UnderstudyProviderAuthConfig:
    """Where the server is, and which assistant answers."""

    assistant_id: str = dataclasses.field(
        metadata={
            "required": True,
            "description": "ID of the assistant",
            "hint": "asst_…",
            "sensitive": False,
        },
    )
    base_url: pydantic.AnyHttpUrl | None = dataclasses.field(
        metadata={
            "required": False,
            "description": "Address of the server",
            "hint": "http://understudy:8020/v1; left out, OPENAI_BASE_URL of Keep's environment",
            "validation": "any_http_url",
            "sensitive": False,
        },
        default=None,
    )
    api_key: str | None = dataclasses.field(
        metadata={
            "required": False,
            "description": "API key",
            "hint": "Left out where the server has no keys",
            "sensitive": True,
        },
        default=None,
    )
    organization_id: str | None = dataclasses.field(
        metadata={
            "required": False,
            "description": "Organization, sent as OpenAI-Organization",
            "sensitive": False,
        },
        default=None,
    )


SCOPES: list[ProviderScope] = [
    ProviderScope(
        name="assistant_access",
        description="The assistant is there and can be asked",
        mandatory=True,
        alias="Assistant",
    ),
    ProviderScope(
        name="vector_stores",
        description="Runbooks can be kept in vector stores",
        alias="Runbooks",
    ),
    ProviderScope(
        name="threads",
        description="Threads can be listed, so that old ones can be deleted",
        alias="Thread list",
    ),
]

METHODS: list[ProviderMethod] = [
    ProviderMethod(
        name="List runbooks", func_name="list_runbooks", type="view", scopes=["vector_stores"],
        description="The runbooks of a vector store",
    ),
    ProviderMethod(
        name="Put runbook", func_name="put_runbook", type="action", scopes=["vector_stores"],
        description="Add a runbook to a vector store, or replace it",
    ),
    ProviderMethod(
        name="Remove runbook", func_name="remove_runbook", type="action", scopes=["vector_stores"],
        description="Remove a runbook from a vector store",
    ),
    ProviderMethod(
        name="List threads", func_name="list_threads", type="view", scopes=["threads"],
        description="The threads of this tenant",
    ),
    ProviderMethod(
        name="Delete idle threads", func_name="delete_idle_threads", type="action", scopes=["threads"],
        description="Delete threads of this tenant on which nothing was said for some days",
    ),
]  # fmt: skip
