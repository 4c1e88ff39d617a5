"""Every row is found by every way of writing its path, and nothing else is."""

import re
from inspect import signature

import pytest

from proxy.api.routes import TABLE, Routes, parts_of
from proxy.operations import models, runs, threads

ROUTES = Routes(TABLE)


@pytest.mark.parametrize("base", ["/v1", "", "//v1/", "/v1//"])
@pytest.mark.parametrize("end", ["", "/", "//"])
@pytest.mark.parametrize(("method", "path", "operation"), TABLE)
def test_every_row_is_found(method: str, path: str, operation: object, base: str, end: str):
    filled = re.sub(r"{(\w+)\*?}", r"\1_value", path)
    match = ROUTES.match(parts_of(base + filled + end))
    assert match is not None
    assert match.target(method) is operation
    assert match.ids == {name: f"{name}_value" for name in re.findall(r"{(\w+)\*?}", path)}


@pytest.mark.parametrize(("method", "path", "operation"), TABLE)
def test_an_operation_takes_the_ids_of_its_path(method: str, path: str, operation: object):
    parameters = signature(operation).parameters  # type: ignore[arg-type]
    assert set(parameters) - {"services", "project", "body", "params", "gone"} == set(re.findall(r"{(\w+)\*?}", path))


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/v1/threads", "/v1/assistant", "/v1/threads/t/messages/m/files", "/v1/threads/t/runs/r/steps/s/x"],
)
def test_nothing_else_is_found(path: str):
    assert ROUTES.match(parts_of(path)) is None


def test_runs_is_no_id_of_a_thread():
    match = ROUTES.match(parts_of("/v1/threads/runs"))
    assert match is not None
    assert match.target("POST") is runs.create_thread_and_run
    assert match.target("GET") is None


def test_names_of_models_contain_slashes_and_colons():
    match = ROUTES.match(parts_of("/v1/models/org/name:7b"))
    assert match is not None
    assert match.target("GET") is models.get_model
    assert match.ids == {"model": "org/name:7b"}


def test_head_asks_for_what_get_does():
    match = ROUTES.match(parts_of("/v1/threads/thread_1"))
    assert match is not None
    assert match.target("HEAD") is threads.get_thread
