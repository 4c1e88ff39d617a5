"""Lists: order, paging, and what a list holds that is not of the recording."""

from typing import Any

import pytest

from compat_tests.comparison.ids import Ids
from compat_tests.exchange import Answer
from tests.compat.comparison.builders import a_message, a_page, an_id, differences, paths, renamed, told, when

PATH = "/v1/threads/{thread_id}/messages"
KNOWN = when("GET", PATH)
OPEN = when("GET", "/v1/assistants", foreign_items=True)
ONE, TWO, THREE = a_message("a"), a_message("b"), a_message("c")


def known(*letters: str) -> Ids:
    ids = Ids()
    for letter in letters:
        ids.meet(an_id("msg", letter), an_id("msg", letter.upper()))
    return ids


def page(*items: Any, **changes: Any) -> Answer:
    return told(a_page(*items, **changes))


def ours(*items: Any, **changes: Any) -> Answer:
    return told(renamed(a_page(*items, **changes)))


@pytest.mark.parametrize("ids", [known(), known("a"), known("a", "b", "c")])
def test_the_same_page(ids: Ids) -> None:
    assert differences(page(ONE, TWO, THREE), ours(ONE, TWO, THREE), ids, KNOWN) == []
    assert ids.live(THREE["id"]) == renamed(THREE["id"])


def test_an_empty_page() -> None:
    assert differences(page(), ours(), Ids(), KNOWN) == []
    assert paths(page(), ours(ONE), Ids(), KNOWN) == ["body.data[0]", "body.first_id", "body.last_id"]
    assert paths(page(ONE), ours(), Ids(), KNOWN) == ["body.data[0]", "body.first_id", "body.last_id"]


def test_another_order_is_one_difference_and_the_items_are_still_compared() -> None:
    found = paths(page(ONE, TWO, THREE), ours(ONE, THREE, TWO | {"role": "assistant"}), known("a", "b", "c"), KNOWN)
    assert found == ["body.data (order)", "body.data[1].role", "body.last_id"]


def test_items_that_nobody_met_before_are_met_in_their_place() -> None:
    other = a_message("c", text="Something else.")
    found = paths(page(ONE, THREE), ours(ONE, other), known("a"), KNOWN)
    assert found == ["body.data[1].content[0].text.value"]


def test_an_item_is_missing_or_too_many() -> None:
    ids = known("a", "b", "c")
    found = differences(page(ONE, TWO, THREE), ours(ONE, THREE), ids, KNOWN)
    assert [(path, got) for path, _, got in found] == [("body.data[1]", "absent")]
    found = differences(page(ONE, THREE), ours(ONE, TWO, THREE), ids, KNOWN)
    assert [(path, expected) for path, expected, _ in found] == [("body.data[1]", "absent")]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"has_more": True}, ["body.has_more"]),
        ({"has_more": None}, ["body.has_more"]),
        ({"has_more": 0}, ["body.has_more"]),
        ({"first_id": None}, ["body.first_id"]),
        ({"first_id": TWO["id"]}, ["body.first_id"]),
        ({"last_id": ONE["id"]}, ["body.last_id"]),
        ({"object": "page"}, ["body.object"]),
        ({"more": 1}, ["body.more"]),
    ],
)
def test_what_a_page_says_of_itself(changes: dict[str, Any], found: list[str]) -> None:
    assert paths(page(ONE, TWO), ours(ONE, TWO, **changes), Ids(), KNOWN) == found


def test_a_page_without_a_key() -> None:
    other = renamed(a_page(ONE))
    del other["has_more"]
    assert differences(page(ONE), told(other), Ids(), KNOWN) == [("body.has_more", "false", "absent")]


def test_foreign_items_are_left_out_on_both_sides() -> None:
    recorded, live = page(ONE, a_message("d"), TWO, has_more=True), ours(ONE, TWO, a_message("e"))
    assert differences(recorded, live, known("a", "b"), OPEN) == []


def test_among_foreign_items_ours_keep_their_order_and_are_there() -> None:
    ids = known("a", "b")
    assert "body.data (order)" in paths(page(ONE, TWO, a_message("d")), ours(TWO, ONE), ids, OPEN)
    assert paths(page(ONE, TWO, a_message("d")), ours(ONE), ids, OPEN) == ["body.data[1]"]
    assert paths(page(ONE, a_message("d")), ours(ONE, TWO), ids, OPEN) == ["body.data[1]"]
    assert paths(page(ONE, a_message("d")), ours(ONE, TWO | {"role": "?"}), known("a"), OPEN) == []


def test_more_there_than_here_is_no_difference_and_the_other_way_round_is() -> None:
    ids = known("a")
    assert paths(page(ONE, has_more=True), ours(ONE), ids, OPEN) == []
    assert paths(page(ONE), ours(ONE, has_more=True), ids, OPEN) == ["body.has_more"]
    assert paths(page(ONE), ours(ONE, has_more=None), ids, OPEN) == ["body.has_more"]


def test_of_a_shortened_page_the_items_that_are_there_are_compared() -> None:
    shortened = when("GET", PATH, note="data shortened from 468 items to the first 20 and last 2")
    ids = known("a", "b", "c")
    assert differences(page(ONE, THREE), ours(ONE, TWO, THREE), ids, shortened) == []
    assert paths(page(ONE, THREE), ours(ONE, TWO, THREE | {"role": "?"}), ids, shortened) == ["body.data[1].role"]


def test_items_that_are_masked_alike_are_met_in_their_place() -> None:
    masked = page(ONE | {"id": "sanitized"}, TWO | {"id": "sanitized"})
    ids = Ids()
    ids.meet("sanitized", an_id("msg", "B"))
    assert differences(masked, ours(ONE, TWO), ids, KNOWN) == []
