"""Which served model a name means. Pure: names and settings in, a served name out."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

from adapters.retired import is_retired
from config.settings import ModelSettings

DEFAULT: Final = "default"
"""What an alias may say instead of a model."""

How = Literal["served", "alias", "retired", "unknown"]


def meaning(name: str, served: Sequence[str], settings: ModelSettings) -> tuple[str, How] | None:
    """The served model that `name` means, and how it came to; None where nothing answers to it.

    In this order: a served model of that name, an alias that is exactly it, the first alias in the order of the
    settings whose pattern (`gpt-4o*`) fits, a name that the real service had, and, where unknown names are allowed,
    anything.
    First in order, not most specific: who writes the list sees the order, and ranks patterns by it.
    """
    if name in served:
        return name, "served"
    target = settings.aliases.get(name) or next(
        (target for pattern, target in settings.aliases.items() if fnmatchcase(name, pattern)), None
    )
    if target is not None:
        # An alias that leads nowhere is a mistake or a server that is down: no other model takes its place.
        model = default_model(served, settings) if target == DEFAULT else target
        return (model, "alias") if model is not None and model in served else None
    default = default_model(served, settings)
    if default is None:
        return None
    if settings.retired_openai_names and is_retired(name):
        return default, "retired"
    return (default, "unknown") if settings.allow_unknown else None


def default_model(served: Sequence[str], settings: ModelSettings) -> str | None:
    """The one of the settings, if it is served; where they name none, the first served one that does not only embed."""
    if settings.default is not None:
        return settings.default if settings.default in served else None
    return next((name for name in served if "embed" not in name.lower()), None)


def is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")
