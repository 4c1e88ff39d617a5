"""Keep finds the provider, makes its form of it, checks it, and lists what it can do."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import httpx
import pytest
from keep.exceptions.provider_exception import ProviderException
from keep.providers.base.base_provider import BaseProvider
from keep.providers.understudy_provider.understudy_provider import UnderstudyProvider, UnderstudyProviderAuthConfig

from tests.keep import installed
from tests.keep.models import Model
from tests.processes import Server

Make = Callable[..., Any]
REAL = pytest.mark.skipif(
    installed.KIND == "stand-in", reason="needs Keep itself: `make test` runs it where there is one"
)


def test_it_is_a_provider(provider: Make) -> None:
    assert issubclass(UnderstudyProvider, BaseProvider)
    assert isinstance(provider(), UnderstudyProvider)


def test_its_form() -> None:
    form = {field.name: field.metadata for field in fields(UnderstudyProviderAuthConfig)}
    assert list(form) == ["assistant_id", "base_url", "api_key", "organization_id"]
    assert [name for name, it in form.items() if it["required"]] == ["assistant_id"]
    assert [name for name, it in form.items() if it["sensitive"]] == ["api_key"]
    assert all(it["description"] for it in form.values())


@REAL
def test_keeps_loader_lists_it() -> None:
    from keep.providers.providers_factory import ProvidersFactory

    assert ProvidersFactory.get_provider_class("understudy") is UnderstudyProvider
    assert ProvidersFactory.get_provider_required_config("understudy") is UnderstudyProviderAuthConfig
    (listed,) = [each for each in ProvidersFactory.get_all_providers() if each.type == "understudy"]
    assert listed.can_query
    assert listed.can_notify
    assert "prompt" in listed.notify_params + (getattr(listed, "query_params", None) or ["prompt"])
    assert set(listed.notify_params) > {"operation", "vector_store", "name", "content"}
    assert list(listed.config) == ["assistant_id", "base_url", "api_key", "organization_id"]
    assert [scope.name for scope in listed.scopes if scope.mandatory] == ["assistant_access"]
    methods = {method.func_name: [parameter.name for parameter in method.func_params] for method in listed.methods}
    assert methods == {
        "list_runbooks": ["vector_store"],
        "put_runbook": ["vector_store", "name", "content"],
        "remove_runbook": ["vector_store", "name"],
        "list_threads": [],
        "delete_idle_threads": ["idle_days"],
    }
    if hasattr(listed, "display_name"):  # Keep has shown it since 0.3
        assert (listed.display_name, listed.categories) == ("Understudy", ["AI"])
        assert set(listed.query_params) > {"prompt", "thread_id", "functions", "temperature"}


def test_scopes_are_checked(provider: Make, api: httpx.Client) -> None:
    assert provider().validate_scopes() == {"assistant_access": True, "vector_stores": True, "threads": True}
    scopes = provider(assistant_id="asst_gone").validate_scopes()
    assert scopes["assistant_access"] == "No assistant found with id 'asst_gone'. (HTTP 404)"
    assert {scope.name for scope in UnderstudyProvider.PROVIDER_SCOPES} == set(scopes)


def test_what_it_says_of_itself(provider: Make, server: Server) -> None:
    assert provider().get_provider_metadata() == {
        "assistant_name": "Triage",
        "assistant_model": "tiny",
        "assistant_tools": [],
        "base_url": server.url,
    }


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_base_urls_of_every_kind(provider: Make, server: Server, says: Model, suffix: str) -> None:
    assert provider(base_url=server.url + suffix).query(prompt="Hello")["response"] == "Hello"


def test_the_base_url_of_the_environment(
    server: Server, assistant: str, says: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ProviderException, match="base_url is missing"):
        installed.provider({"assistant_id": assistant, "base_url": ""})
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    mine = installed.provider({"assistant_id": assistant, "organization_id": "org-ops"})
    assert mine.query(prompt="Hello")["response"] == "Hello"
    mine.dispose()
    mine.dispose()  # Keep may do so twice
    assert mine.query(prompt="Still there?")["response"] == "Still there?"
    mine.dispose()


@pytest.mark.parametrize("given", [{"assistant_id": "Triage"}, {"base_url": "server:8020"}, {"assistant_id": None}])
def test_a_form_that_cannot_be_meant(server: Server, given: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"assistant_id|base_url"):
        installed.provider({"base_url": server.url, "assistant_id": "asst_1", **given})
