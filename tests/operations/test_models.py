"""Models: the catalogue, and names that stand for one of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from compat_tests.scripted_upstream import ScriptedUpstream, scripted_upstream
from config.settings import ModelSettings, Settings, UpstreamSettings
from proxy.errors import InvalidRequest, NotFound
from proxy.operations.models import check_model, get_model, list_models
from proxy.services import Services
from tests.operations.test_assistants import as_sent
from tests.serving import serving

STRICT = ModelSettings(aliases={"fast": "org/tiny:7b", "gpt-4o*": "default"}, allow_unknown=False)


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream(models=["org/tiny:7b", "other"]) as upstream:
        yield upstream


@pytest.fixture(params=[STRICT, replace(STRICT, allow_unknown=True)], ids=["strict", "lenient"])
async def services(
    tmp_path: Path, upstream: ScriptedUpstream, request: pytest.FixtureRequest
) -> AsyncIterator[Services]:
    server = UpstreamSettings(url=upstream.url, dialect="generic")
    async with serving(tmp_path / "data", server, Settings(models=request.param)) as services:
        yield services


async def test_the_catalogue(services: Services):
    answered = as_sent(await list_models(services))
    assert list(answered) == ["object", "data"]
    assert [model["id"] for model in answered["data"]] == ["org/tiny:7b", "other", "fast"]
    for model in answered["data"]:
        assert list(model) == ["id", "object", "created", "owned_by"]
        assert model["object"] == "model"
        assert isinstance(model["created"], int)
        assert model["owned_by"]


@pytest.mark.parametrize("name", ["org/tiny:7b", "other", "fast", "gpt-4o-mini", "gpt-3.5-turbo"])
async def test_names_that_stand_for_a_model(services: Services, name: str):
    assert (await get_model(services, model=name)).id == name
    check_model(services, name)


async def test_a_name_that_stands_for_none(services: Services):
    with pytest.raises(NotFound) as refused:
        await get_model(services, model="fake_id")
    assert (refused.value.message, refused.value.param, refused.value.code) == (
        "The model 'fake_id' does not exist",
        "model",
        "model_not_found",
    )


async def test_whether_it_may_be_used_is_the_operators_choice(services: Services):
    if services.settings.models.allow_unknown:
        check_model(services, "fake_id")
        return
    with pytest.raises(InvalidRequest, match=r"^The requested model 'fake_id' does not exist\.$"):
        check_model(services, "fake_id")
