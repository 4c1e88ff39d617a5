"""Which served model a name means."""

import pytest

from adapters.naming import default_model, meaning
from adapters.retired import is_retired
from config.settings import ModelSettings

SERVED = ["llama", "qwen"]
ALIASES = {"gpt-4o": "qwen", "gpt-4*": "llama", "gpt-4o*": "qwen", "mine": "default", "lost": "gone", "x-?": "qwen"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("llama", ("llama", "served")),
        ("gpt-4o", ("qwen", "alias")),
        ("gpt-4o-mini", ("llama", "alias")),  # the first pattern that fits, not the closest
        ("mine", ("llama", "alias")),
        ("lost", None),
        ("x-1", ("qwen", "alias")),
        ("x-12", ("llama", "unknown")),
        ("gpt-3.5-turbo", ("llama", "retired")),
        ("whatever", ("llama", "unknown")),
        ("LLAMA", ("llama", "unknown")),
    ],
)
def test_the_order(name: str, meant: tuple[str, str] | None) -> None:
    assert meaning(name, SERVED, ModelSettings(aliases=ALIASES)) == meant


def test_a_served_name_wins_over_an_alias() -> None:
    assert meaning("llama", SERVED, ModelSettings(aliases={"llama": "qwen", "*": "qwen"})) == ("llama", "served")


def test_unknown_names_may_be_refused() -> None:
    strict = ModelSettings(allow_unknown=False)
    assert meaning("whatever", SERVED, strict) is None
    assert meaning("gpt-4o", SERVED, strict) == ("llama", "retired")
    assert meaning("gpt-4o", SERVED, ModelSettings(allow_unknown=False, retired_openai_names=False)) is None


def test_the_default() -> None:
    assert default_model(SERVED, ModelSettings()) == "llama"
    assert default_model(SERVED, ModelSettings(default="qwen")) == "qwen"
    assert default_model(SERVED, ModelSettings(default="gone")) is None
    assert default_model(["nomic-embed-text", "llama"], ModelSettings()) == "llama"
    assert default_model([], ModelSettings()) is None


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o",
        "gpt-4-turbo-preview",
        "gpt-4.1-mini",
        "gpt-3.5-turbo-0125",
        "gpt-5",
        "o1",
        "o1-preview",
        "o3-mini",
        "o4-mini",
        "chatgpt-4o-latest",
        "ft:gpt-3.5-turbo-0613:org::id",
    ],
)
def test_retired_names(name: str) -> None:
    assert is_retired(name)


@pytest.mark.parametrize("name", ["llama", "gpt-oss-20b", "gpt2", "olmo", "text-embedding-3-small"])
def test_other_names(name: str) -> None:
    assert not is_retired(name)
