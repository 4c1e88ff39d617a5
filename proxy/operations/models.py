"""Models: what the model servers offer, and whether a name may be used."""

from msgspec import Struct

from adapters.naming import meaning
from adapters.upstream import Model as ServedModel
from proxy.errors import InvalidRequest, NotFound
from proxy.services import Services


class Model(Struct, frozen=True, kw_only=True):
    id: str
    object: str = "model"
    created: int
    owned_by: str


class Models(Struct, frozen=True, kw_only=True):
    """Not a page: this list has neither ids nor `has_more`."""

    object: str = "list"
    data: list[Model]


async def list_models(services: Services) -> Models:
    return Models(data=[_answered(model) for model in await services.upstreams.catalogue()])


async def get_model(services: Services, *, model: str) -> Model:
    """A model of the catalogue, or a name that stands for one of them: by the pattern of an alias, or a retired one.

    One that merely falls to the default model, as any name would, does not exist.
    """
    catalogue = await services.upstreams.catalogue()
    for served in catalogue:
        if served.id == model:
            return _answered(served)
    meant = meaning(model, [served.id for served in catalogue], services.settings.models)
    if meant is not None and meant[1] != "unknown":
        return _answered(ServedModel(id=model))
    raise NotFound(f"The model '{model}' does not exist", param="model", code="model_not_found")


def check_model(services: Services, model: str | None) -> None:
    """Refuse a name that nothing here answers to, unless unknown names fall to the default model."""
    if model is None or services.settings.models.allow_unknown or services.upstreams.knows(model):
        return
    raise InvalidRequest(f"The requested model '{model}' does not exist.", param="model", code="model_not_found")


def _answered(model: ServedModel) -> Model:
    return Model(id=model.id, created=model.created, owned_by=model.owned_by or "understudy")
