"""examples/README.md names every example, and each is run as the page and its own first lines say."""

import re
from pathlib import Path

import pytest

from tests.processes import ROOT

EXAMPLES = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("examples/*.*") if path.suffix != ".md"}
PAGE = (ROOT / "examples/README.md").read_text(encoding="utf-8")


def test_every_example_is_on_the_page() -> None:
    assert set(re.findall(r"^\| \[.+?\]\((.+?)\)", PAGE, re.MULTILINE)) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_says_itself_how_it_is_run(name: str) -> None:
    commands = re.findall(rf"`((?:python|node) examples/{re.escape(name)}.*?)`", PAGE)
    (command,) = commands
    said = EXAMPLES[name][:800]
    assert f"    {command}\n" in said.replace("//   ", "    ")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_test_runs_it(name: str) -> None:
    test = ROOT / f"tests/examples/test_{Path(name).stem}.py"
    assert name in test.read_text(encoding="utf-8")
