"""Files that are no traffic, or are broken, are refused in words; and nothing of theirs is repeated."""

import json
import re
from pathlib import Path

import pytest

from compat_tests.reading import Unreadable, files, read
from tests.compat.reading.conftest import Keep
from tests.compat.reading.test_vcr import PYTHON, RUBY

LAUGHS = "\n".join(
    [
        "a: &a [x,x,x,x,x,x,x,x,x]",
        *(f"{name}: &{name} [{','.join(['*' + chr(ord(name) - 1)] * 9)}]" for name in "bcdefghij"),
    ]
)
VCR_JSON = {
    "interactions": [
        {
            "request": {"method": "GET", "uri": "/v1/models", "body": {"base64_string": "e30="}},
            "response": {"status": 200},
        }
    ]
}
SECRET = "sk-shibboleth"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.json", "", "empty"),
        ("blank.yaml", " \n\n", "empty"),
        ("cut.json", '{"log": {"entries": [', "no JSON"),
        ("deep.json", "[" * 100_000, "no JSON"),
        ("latin.json", b'{"a": "\xff"}', "no JSON"),
        ("twice.json", "{}{}", "no JSON"),
        ("list.json", "[]", "no recorded traffic"),
        ("other.json", {"name": "a", "version": "1"}, "no recorded traffic"),
        ("numbers.json", {"log": {"entries": 7}}, "no recorded traffic"),
        ("text.yaml", "hello", "no recorded traffic"),
        ("picture.json", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "something binary"),
        ("nonsense.json", bytes(range(128, 255)), "no YAML"),
        ("tab.yaml", "a:\n\t- b\n  c: d", "no YAML: line 2"),
        ("bytes.yaml", "a: !!binary '***'", "no YAML: line 1: broken base64"),
        ("deep.yaml", "- " * 100_000 + "x", "no YAML: nested too deep"),
        ("deep.yml", "? " * 100_000 + "x", "no YAML: nested too deep"),
        ("two.yaml", "a\n--- \nb\n--- \nc", "no YAML"),
        ("key.yaml", "? [a]\n: b", "no YAML: line 1"),
        ("laughs.yaml", LAUGHS, "aliases written out"),
        ("ring.yaml", "a: &a [*a]", "aliases written out"),
        ("later.yaml", PYTHON.replace("version: 1", "version: 2"), "of version 2"),
        ("hollow.yaml", "interactions: []\nversion: 1", "no request to an Assistants API in it"),
        ("chat.yaml", PYTHON.replace("/v1/assistants", "/v1/responses"), r"left out: 3 not of the Assistants API"),
        ("status.yaml", PYTHON.replace("code: 200", "code: good", 1), "entry 1: its response's status is no number"),
        ("body.yaml", PYTHON.replace("body: null", "body: [1]"), "entry 2: a body that is neither"),
        ("bytes.json", json.dumps(VCR_JSON).replace("e30=", "*"), "entry 1: broken base64"),
        ("headers.yaml", RUBY.replace("headers: {}", "headers: 7"), "entry 2: headers that are neither"),
        ("entry.yaml", "interactions: [7]", "entry 1: it is missing, or no object"),
        ("half.yaml", "interactions: [{request: {}}]", "entry 1: its response is missing"),
    ],
)  # fmt: skip
def test_a_file_is_refused(keep: Keep, name: str, content: object, why: str) -> None:
    file = keep(name, content)
    with pytest.raises(Unreadable, match=rf"^{re.escape(str(file))}: .*{why}"):
        read(file)


@pytest.mark.parametrize(
    "content",
    [
        f"authorization: Bearer {SECRET}: x",
        f"authorization: 'Bearer {SECRET}\nb: [",
        f'{{"authorization": "Bearer {SECRET}", }}',
        PYTHON.replace("method: POST", "method: 7", 1).replace("status: {code: 200", f"status: {{code: {SECRET}"),
    ],
)
def test_no_secret_is_in_a_message(keep: Keep, content: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(keep("secret.yaml", content))
    assert SECRET not in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="nowhere"):
        read(tmp_path / "nowhere.json")


def test_a_file_that_is_too_large(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_BYTES", 10)
    with pytest.raises(Unreadable, match="larger than"):
        read(keep("large.json", "x" * 11))


def test_a_directory(keep: Keep, tmp_path: Path) -> None:
    keep("b/it.yaml", PYTHON)
    keep("a.yml", RUBY)
    keep("b/.hidden/it.yaml", "hello")
    keep("README.md", "hello")
    assert [each.name for each in read(tmp_path)] == ["a.yml", "b/it.yaml"]


def test_a_directory_without_recordings(keep: Keep, tmp_path: Path) -> None:
    keep("README.md", "hello")
    with pytest.raises(Unreadable, match="no recordings in it"):
        read(tmp_path)


def test_a_directory_with_something_else_in_it(keep: Keep, tmp_path: Path) -> None:
    keep("it.yaml", PYTHON)
    keep("package.json", {"name": "a"})
    with pytest.raises(Unreadable, match=r"package\.json"):
        read(tmp_path)
