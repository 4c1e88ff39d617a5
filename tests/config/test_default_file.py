"""config/default.toml says every setting, each with its default and a comment; and nothing else."""

import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.loading import load
from config.settings import Settings

DEFAULT_FILE = Path(__file__).parents[2] / "config/default.toml"
TEXT = DEFAULT_FILE.read_text(encoding="utf-8")

# `#key = …` shows a setting without a default; prose has a space after the `#`.
SHOWN = re.sub(r"^#(?=[a-z\[])", "", TEXT, flags=re.MULTILINE)


def defaults(table: Any, above: str = "") -> dict[str, object]:
    """Dotted name -> default, of everything that can be set; None where there is none."""
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(table):
        name = f"{above}{field.name}"
        inner = typing.get_args(field.type)[0] if typing.get_origin(field.type) is list else field.type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            found |= defaults(inner, f"{name}.")
        elif field.default_factory is not msgspec.NODEFAULT:
            found[name] = field.default_factory()
        else:
            found[name] = None if field.default is msgspec.NODEFAULT else field.default
    return found


def shown(table: dict[str, Any], above: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in table.items():
        name = f"{above}{key}"
        if name == "models.aliases" or not isinstance(value, dict | list) or value == []:
            found[name] = value
        else:
            found |= shown(value[0] if isinstance(value, list) else value, f"{name}.")
    return found


def test_what_it_sets_are_the_defaults() -> None:
    assert load({}, file=DEFAULT_FILE, environ={}) == Settings()


def test_it_shows_every_setting_and_no_other() -> None:
    assert sorted(shown(tomllib.loads(SHOWN))) == sorted(defaults(Settings))


@pytest.mark.parametrize(("name", "default"), [(n, d) for n, d in defaults(Settings).items() if d is not None])
def test_it_shows_the_default(name: str, default: object) -> None:
    assert shown(tomllib.loads(SHOWN))[name] == default


def test_what_it_shows_in_comments_can_be_set(tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(SHOWN, encoding="utf-8")
    settings = load({}, file=file, environ={})
    assert [upstream.url for upstream in settings.upstreams] == ["http://127.0.0.1:30000"]
    assert settings.launch.server == "sglang"


def test_every_setting_has_a_comment() -> None:
    lines = TEXT.splitlines()
    settings = [place for place, line in enumerate(lines) if re.match(r"#?[a-z_]+ = ", line)]
    assert len(settings) == len(defaults(Settings))
    assert [lines[place] for place in settings if not lines[place - 1].startswith("# ")] == []
