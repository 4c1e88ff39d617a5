"""docs/configuration.md keeps its word: every example on it is carried out."""

import re
import shlex
from pathlib import Path

import pytest

import run
from config.loading import FLAGS, SettingsError, load
from config.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def lines(start: str) -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith(start)]


def rows(cells: str) -> list[tuple[str, str]]:
    """Of a table with two columns."""
    return re.findall(cells, PAGE, flags=re.MULTILINE)


VARIABLES = rows(r"^\| `([a-z._]+)` \| `(UNDERSTUDY_\w+)` \|$")
ARGUMENTS = rows(r"^\| `(--[a-z-]*)` \| `([a-z._]+)` \|$")


def test_everything_that_can_be_carried_out_is_known_here() -> None:
    assert len(blocks("toml")) == 3
    assert len(lines("export ")) + len(lines("python run.py ")) == sum(
        len(block.splitlines()) for block in blocks("sh")
    )


@pytest.mark.parametrize("text", blocks("toml"))
def test_files(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text, encoding="utf-8")
    settings = load({}, file=file, environ={})
    assert settings.files.bucket == "understudy-files" or len(settings.upstreams) == 2


@pytest.mark.parametrize("line", lines("export "))
def test_variables(line: str) -> None:
    name, _, value = shlex.split(line)[1].partition("=")
    assert load({}, file=None, environ={name: value}) != Settings()


@pytest.mark.parametrize(("setting", "variable"), VARIABLES)
def test_names_of_variables(setting: str, variable: str) -> None:
    """The name is understood: what is refused is the value, under the setting's name."""
    if setting == "data":
        assert load({}, file=None, environ={variable: "[x"}).data == "[x"
        return
    with pytest.raises(SettingsError, match=rf"^{re.escape(setting)}: expected"):
        load({}, file=None, environ={variable: "[x"})


@pytest.mark.parametrize("line", lines("python run.py "))
def test_commands(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    settings = run.settings_from(run.parse(shlex.split(line)[2:]))
    assert settings != Settings()


def test_the_table_of_arguments() -> None:
    assert dict(ARGUMENTS) == {flag: setting for setting, flag in FLAGS.items()}


def test_the_messages_are_those_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("understudy.toml").write_text("[server]\nprot = 1\n", encoding="utf-8")
    said = []
    for file, environ in [(None, {"UNDERSTUDY_SERVER__PORT": "abc"}), (Path("understudy.toml"), {})]:
        with pytest.raises(SettingsError) as caught:
            load({}, file=file, environ=environ)
        said.append(f"understudy: {caught.value}")
    assert "\n".join(said) in PAGE
