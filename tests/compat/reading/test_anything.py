"""Whatever stands in a file, it is read or refused in words: nothing else comes of it."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compat_tests.exchange import Recording
from compat_tests.reading import Unreadable, read
from tests.compat.reading import test_azure, test_har
from tests.compat.reading.test_directory import scenario
from tests.compat.reading.test_vcr import PHP, PYTHON, RUBY

FILES: dict[str, Any] = {
    "scenario.json": scenario({"body": {"_multipart": [{"name": "a", "base64": "AAEC"}]}, "query": {"a": ["b"]}}),
    "python.yaml": yaml.safe_load(PYTHON),
    "ruby.yaml": yaml.safe_load(
        RUBY.replace("!ruby/string", "").replace("!ruby/object:Whatever", "").replace("!binary", "")
    ),
    "php.yaml": yaml.safe_load(PHP),
    "session.har": test_har.har(
        test_har.entry("POST", posted={"mimeType": "multipart/form-data", "params": [{"name": "a"}]})
    ),
    "session.json": test_azure.session(test_azure.entry()),
}
WORDS = [
    "",
    "*",
    "\ud800",
    "2024-01-01",
    "9999-12-31T23:59:59-23:59",
    "GET",
    "/v1/threads",
    "multipart/form-data",
    "gzip",
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.sampled_from(WORDS)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []:
        found += places(each, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def read_or_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with contextlib.suppress(Unreadable):
        assert all(isinstance(each, Recording) for each in read(file))


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_anything_in_any_place(name: str, tmp_path: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(places(FILES[name])))
    content = changed(FILES[name], path, data.draw(ANYTHING))
    if name.endswith(".yaml"):
        read_or_refused(tmp_path / name, yaml.safe_dump(content, allow_unicode=True).encode(errors="surrogatepass"))
    read_or_refused(tmp_path / name, json.dumps(content, default=str).encode())


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_in_any_place(name: str, tmp_path: Path, data: st.DataObject) -> None:
    content = (yaml.safe_dump(FILES[name]) if name.endswith(".yaml") else json.dumps(FILES[name])).encode()
    place = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(place, len(content)))
    read_or_refused(tmp_path / name, content[:place] + data.draw(st.binary(max_size=8)) + content[end:])
