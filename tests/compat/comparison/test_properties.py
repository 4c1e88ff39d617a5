"""Whatever an answer is: it is equal to itself with other ids, and any one change of it is reported."""

import copy
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_tests.comparison.accepted import Accepted
from compat_tests.comparison.compare import compare
from compat_tests.comparison.ids import Ids, is_id_key
from compat_tests.comparison.relations import Relations
from compat_tests.comparison.values import is_time
from compat_tests.exchange import Answer, Event
from compat_tests.reading import read
from tests.compat.comparison.builders import told, when
from tests.recordings import DIRECTORY, cases

KEYS = st.sampled_from(
    ["id", "object", "thread_id", "file_ids", "created_at", "status", "usage", "content", "text", "tools"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)


def objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def made(pairs: dict[str, Any]) -> dict[str, Any]:
        for key in pairs.keys() & {"id", "thread_id"}:
            pairs[key] = "thread_" + "b" * 24
        if "file_ids" in pairs:
            pairs["file_ids"] = ["file-" + "c" * 24]
        return pairs

    return st.dictionaries(KEYS, children, max_size=5).map(made)


ANSWERS = objects(st.recursive(SCALARS, lambda some: st.lists(some, max_size=3) | objects(some), max_leaves=12))
AN_ID = re.compile(r"((?:asst|thread|run|step|msg|call|vs|vsfb_ibj|vsfb|upload|part)_|file-)([A-Za-z0-9]{16,})")


def renamed(value: Any) -> Any:
    match value:
        case dict():
            return {key: renamed(each) for key, each in value.items()}
        case list():
            return [renamed(each) for each in value]
        case str():
            return AN_ID.sub(lambda found: f"{found[1]}{found[2][::-1].swapcase()}", value)
        case _:
            return value


def mutations(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is one change away: a key dropped or added, a value of another type, null, another value."""
    match value:
        case dict():
            for each, inner in value.items():
                yield f"{each} dropped", {name: value[name] for name in value if name != each}
                yield from ((what, {**value, each: other}) for what, other in mutations(inner, each))
            yield "a key more", {**value, "colour": "red"}
        case list():
            for place, inner in enumerate(value):
                yield f"{key}[{place}] dropped", value[:place] + value[place + 1 :]
                for what, other in mutations(inner, key):
                    yield what, [*value[:place], other, *value[place + 1 :]]
            yield f"{key} longer", [*value, {"another": "one"}]
        case None:
            yield f"{key} not null", 12345
        case bool():
            yield f"{key} turned", not value
            yield f"{key} null", None
        case int() | float():
            yield f"{key} null", None
            yield f"{key} text", str(value)
            yield f"{key} a boolean", value == 0
            if not is_time(key) and key != "usage_bytes":
                yield f"{key} another number", -value - 1.5
        case str():
            yield f"{key} null", None
            yield f"{key} a number", 7
            if not is_id_key(key):
                yield f"{key} longer", value + "!"


@given(ANSWERS)
def test_an_answer_equals_itself_on_another_server(body: dict[str, Any]) -> None:
    assert compare(told(body), told(renamed(body)), Ids(), when(key_order=True)) == []


@given(ANSWERS, st.data())
def test_any_one_change_is_reported(body: dict[str, Any], data: st.DataObject) -> None:
    what, changed = data.draw(st.sampled_from(list(mutations(body))))
    assert compare(told(body), told(renamed(changed)), Ids(), when()) != [], what


@given(ANSWERS, ANSWERS)
def test_whatever_a_server_answers_it_is_reported(recorded: dict[str, Any], ours: dict[str, Any]) -> None:
    relations = Relations()
    for known in (when(), when("POST", "/v1/threads"), when(scripted=False, foreign_items=True, moving=True)):
        found = [*compare(told(recorded), told(ours), Ids(), known), *relations.look(told(ours), known)]
        assert all(isinstance(each.path, str) for each in Accepted().judge(found, known))


RECORDED = [each for each in read(DIRECTORY) if each.api_version == "v2"] if DIRECTORY.is_dir() else []


def on_another_server(answer: Answer) -> Answer:
    events = None if answer.events is None else tuple(Event(each.event, renamed(each.data)) for each in answer.events)
    return Answer(status=answer.status, headers=renamed(answer.headers), body=renamed(answer.body), events=events)


@pytest.mark.parametrize("everything", cases([RECORDED] if RECORDED else []))
def test_all_that_was_recorded_equals_itself_on_another_server(everything: Any) -> None:
    for recording in everything:
        ids = Ids()
        for exchange in recording.exchanges:
            known = when(exchange.request.method, exchange.request.path, note=exchange.note, key_order=True)
            assert compare(exchange.answer, on_another_server(exchange.answer), ids, known) == []


def distinct(everything: Any) -> Iterator[Answer]:
    """One answer of each shape is enough."""
    seen = set()
    for recording in everything:
        for exchange in recording.exchanges:
            answer = exchange.answer
            body = answer.body
            shape = (exchange.request.method, answer.status, keys_of(body))
            if isinstance(body, dict) and "_binary" not in body and shape not in seen:
                seen.add(shape)
                yield answer


def keys_of(value: Any) -> Any:
    match value:
        case dict():
            return tuple((key, keys_of(value[key])) for key in value)
        case list():
            return tuple(sorted({str(keys_of(each)) for each in value}))
        case _:
            return type(value).__name__


@pytest.mark.parametrize("everything", cases([RECORDED] if RECORDED else []))
def test_any_one_change_of_what_was_recorded_is_reported(everything: Any) -> None:
    unseen = []
    changed = 0
    for answer in distinct(everything):
        body = copy.deepcopy(answer.body)
        if body.get("object") == "list":
            body["data"] = body["data"][:2]
            body |= {"first_id": body["data"][0]["id"], "last_id": body["data"][-1]["id"]} if body["data"] else {}
        for what, other in mutations(body):
            changed += 1
            ours = told(renamed(other), answer.status)
            if not compare(told(body, answer.status), ours, Ids(), when("POST", "/v1/somewhere")):
                unseen.append(what)
    assert unseen == []
    assert changed > 5000


@pytest.mark.parametrize("everything", cases([RECORDED] if RECORDED else []))
def test_an_event_lost_or_out_of_place_is_reported(everything: Any) -> None:
    streams = [one.answer for each in everything for one in each.exchanges if one.answer.events]
    assert len(streams) > 20
    for answer in streams:
        events = list(answer.events or ())
        others = [[*events[:place], *events[place + 1 :]] for place in range(len(events))]
        for place, (one, other) in enumerate(pairwise(events)):
            if one != other:
                others.append([*events[:place], other, one, *events[place + 2 :]])
        for wrong in others:
            ours = Answer(status=200, headers=answer.headers, events=tuple(wrong))
            assert compare(answer, ours, Ids(), when("POST", "/v1/threads/runs")) != []
