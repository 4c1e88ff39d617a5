"""All chosen clients at once, in front of one server: the tests look at what came of each."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.clients.matrix import CLIENTS, chosen, missing
from tests.clients.playing import Played, playing

CHOSEN = chosen(os.environ.get("CLIENTS", "quick"))


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Played]]:
    """What came of a client, once it is done."""
    asked = [item.callspec.params["name"] for item in request.session.items if _is_about_a_client(item)]
    names = [name for name in CHOSEN if name in asked and missing(CLIENTS[name]) is None]

    with playing(names) as futures:

        def of(name: str) -> Played:
            if reason := missing(CLIENTS[name]):
                pytest.skip(reason)
            return futures[name].result()

        yield of


def _is_about_a_client(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "played" in item.fixturenames
