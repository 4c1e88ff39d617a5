"""For all tests: properties take as long as they take, because a busy machine is no counterexample. And a bucket."""

import platform
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.buckets import BucketServer

if find_spec("hypothesis"):  # the environments of older clients have none
    from hypothesis import HealthCheck, settings

    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")


@pytest.fixture(scope="session")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator["BucketServer"]:
    """One for all tests, each of which takes a prefix of its own: it takes seconds to start."""
    if (sys.platform, platform.machine()) == ("darwin", "x86_64"):
        pytest.skip("there is no server for buckets for this machine: requirements/test.in")
    from tests.buckets import bucket_server

    with bucket_server(tmp_path_factory.mktemp("buckets")) as server:
        yield server
