"""Which differences are known: rows fit what they are about, are counted, and say what is so."""

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from compat_tests.comparison.accepted import ACCEPTED, SERVICE, Accepted, Row, is_within, matches, rows_in
from compat_tests.comparison.shape import described
from compat_tests.exchange import Recording
from compat_tests.reading import read
from compat_tests.result import Difference
from tests.compat.comparison.builders import when
from tests.recordings import DIRECTORY, cases

FACTS = rows_in(SERVICE)
ROWS = [*FACTS, *rows_in(ACCEPTED)]
OURS = {"not-built", "by-decision"}


def a_row(**changes: Any) -> Row:
    known: dict[str, Any] = {"name": "a", "kind": "by-decision", "path": "body.colour", "reason": "So."}
    return Row(**(known | changes))


def a_difference(**changes: Any) -> Difference:
    return Difference(**({"path": "body.colour", "expected": '"blue"', "got": '"red"'} | changes))


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("body.data[*].usage", "body.data[12].usage", True),
        ("body.data[*].usage", "body.data.usage", False),
        ("*.usage", "body.data[0].usage", True),
        ("body", "body.data", False),
        (["a", "b*"], "bc", True),
        ('{"file_ids": []}', '{"file_ids": []}', True),
        ("*", "", True),
        ("a?c", "abc", False),
    ],
)
def test_patterns(pattern: str | list[str], text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"path": "body.*"}, True),
        ({"path": "events*"}, False),
        ({"theirs": '"blue"', "ours": '"red"'}, True),
        ({"theirs": '"green"'}, False),
        ({"ours": ["absent", "null"]}, False),
        ({"where": "made/*"}, True),
        ({"where": "/v1/threads/{thread_id}"}, True),
        ({"where": "GET /v1/threads/*"}, True),
        ({"where": "POST *"}, False),
        ({"until": "2025-01-02"}, True),
        ({"until": "2025-01-01"}, False),
        ({"since": "2025-01-01"}, True),
        ({"since": "2025-01-02"}, False),
    ],
)
def test_a_row_fits(changes: dict[str, Any], fits: bool) -> None:
    assert a_row(**changes).fits(a_difference(), when(recorded_on="2025-01-01")) is fits


def test_a_row_about_a_tool_fits_recordings_that_call_it() -> None:
    row = a_row(tool="file_search")
    assert not row.fits(a_difference(), when())
    assert not row.fits(a_difference(), when(hosted_tools=frozenset({"code_interpreter"})))
    assert row.fits(a_difference(), when(hosted_tools=frozenset({"file_search"})))


def test_a_recording_of_an_unknown_day_may_be_of_any() -> None:
    assert is_within("", "2025-01-01", "2025-01-02")


@pytest.fixture
def accepted(tmp_path: Path) -> Accepted:
    service, ours = tmp_path / "service.json", tmp_path / "accepted.json"
    service.write_text('[{"name": "grown", "kind": "changed", "path": "body.size", "reason": "It has grown."}]')
    ours.write_text(
        '[{"name": "red", "kind": "by-decision", "path": "body.colour", "reason": "It is red on purpose."},'
        ' {"name": "any", "kind": "not-built", "path": "body.colour", "reason": "Never asked."}]'
    )
    return Accepted(service, ours)


def test_what_is_accepted_has_its_reason_and_what_the_service_changed_is_left_out(accepted: Accepted) -> None:
    found = [a_difference(), a_difference(path="body.size"), a_difference(path="body.form")]
    judged = accepted.judge(found, when())
    assert [(each.path, each.reason) for each in judged] == [
        ("body.colour", "It is red on purpose."),
        ("body.form", None),
    ]


def test_it_is_counted(accepted: Accepted) -> None:
    accepted.judge([a_difference(), a_difference(path="body.size"), a_difference(path="body.size")], when())
    assert [(each.row.name, each.differences, each.recordings) for each in accepted.service] == [
        ("grown", 2, {"made/by-hand"})
    ]
    assert accepted.rests_on("made/by-hand") == ["grown"]
    assert accepted.rests_on("another") == []
    assert [row.name for row in accepted.stale()] == ["any"]


def test_without_rows_everything_is_a_difference() -> None:
    accepted = Accepted(None, None)
    assert accepted.judge([a_difference()], when()) == [a_difference()]
    assert accepted.stale() == []


@pytest.mark.parametrize("text", ["[", "{}", '[{"name": "a"}]', '[{"name": "a", "colour": "red"}]'])
def test_a_file_that_holds_no_rows_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rows.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"rows\.json: "):
        Accepted(file, None)
    with pytest.raises(ValueError, match=r"nowhere\.json: "):
        Accepted(None, tmp_path / "nowhere.json")


def test_every_row_says_what_it_is() -> None:
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []
    assert all(row.reason.endswith(".") for row in ROWS)
    assert {row.kind for row in FACTS} & OURS == set()
    assert {row.kind for row in rows_in(ACCEPTED)} <= OURS
    assert [row.name for row in FACTS if row.evidence is None] == []
    assert [row.name for row in FACTS if row.kind == "changed" and not row.until] == []


def test_no_row_fits_everything() -> None:
    anything = Difference(path="body.model", expected='"one"', got='"other"')
    anywhere = when(path="/v1/nowhere")
    assert [row.name for row in ROWS if row.fits(anything, anywhere)] == []


RECORDED = [each for each in read(DIRECTORY) if each.api_version == "v2"] if DIRECTORY.is_dir() else []
SEEN = [row for row in FACTS if row.evidence and not row.evidence.words]


def values_at(key: str, value: Any) -> Iterator[str]:
    """What stands under a key with dots, in words; `absent` where only the last of them is missing."""
    first, _, rest = key.partition(".")
    name, _, kind = first.removesuffix("]").partition("[")
    if not isinstance(value, dict) or "deleted" in value:
        return
    if name not in value:
        if not rest:
            yield "absent"
        return
    found = [each for each in value[name] if each["type"] == kind] if kind else [value[name]]
    for each in found:
        if rest:
            yield from values_at(rest, each)
        else:
            yield described(each, name)


def objects_in(kind: str, value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from objects_in(kind, each)
    elif isinstance(value, dict):
        if value.get("object") == kind:
            yield value
        for each in value.values():
            yield from objects_in(kind, each)


def recorded(row: Row) -> Iterator[tuple[str, str]]:
    """The day and the value of everything that was recorded of it. A batch's files are not those of a store."""
    assert row.evidence is not None
    for recording in RECORDED:
        for exchange in recording.exchanges:
            path, answer = exchange.request.path, exchange.answer
            is_of_batch = "/file_batches/" in path
            if row.evidence.object == "vector_store.file" and is_of_batch != ("file_batches" in row.where):
                continue
            if row.evidence.in_streams in (None, answer.is_stream):
                shown = answer.body if answer.events is None else [each.data for each in answer.events]
                for each in objects_in(row.evidence.object, shown):
                    yield from ((recording.recorded_on, value) for value in values_at(row.evidence.key, each))


@pytest.mark.parametrize("row", cases([pytest.param(row, id=row.name) for row in SEEN] if RECORDED else []))
def test_the_recordings_show_it(row: Row) -> None:
    values = set(recorded(row))
    assert values
    match row.kind:
        case "changed":
            before = {value for day, value in values if is_within(day, row.since, row.until)}
            other = {value for day, value in values if not is_within(day, row.since, row.until)}
            assert before
            assert other
            assert [value for value in before if not matches(row.theirs, value)] == []
            assert [value for value in other if matches(row.theirs, value)] == []
            assert [value for value in other if matches(row.ours, value)] != []
        case "specified":
            assert {value for _, value in values} == {"absent"} == {row.theirs}
        case "two-forms":
            days = {day for day, value in values if matches(row.theirs, value)}
            assert days & {day for day, value in values if matches(row.ours, value)}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in FACTS if row.evidence and row.evidence.type])
def test_the_official_client_has_it(row: Row) -> None:
    assert row.evidence is not None
    module, _, name = row.evidence.type.partition(":")
    fields = getattr(import_module(module), name).model_fields
    assert not row.evidence.key or row.evidence.key in fields


def test_what_is_specified_names_its_type() -> None:
    assert [row.name for row in FACTS if row.kind == "specified" and not (row.evidence and row.evidence.type)] == []


def test_what_has_words_for_evidence_has_a_test_here() -> None:
    assert {row.name for row in FACTS} - {row.name for row in SEEN} == {
        "runs-incomplete-event",
        "runs-incomplete-reason",
        "vector-stores-order-of-keys",
        "batch-files-one-order",
        "batch-files-unfinished-last",
    }


EVERYTHING = cases([RECORDED] if RECORDED else [])


@pytest.mark.parametrize("everything", EVERYTHING)
def test_a_run_that_was_cut_short_ended_otherwise(everything: list[Recording]) -> None:
    events = [event for each in everything for one in each.exchanges for event in one.answer.events or ()]
    completed = [event.data for event in events if event.event == "thread.run.completed"]
    runs = [run for run in completed if run["status"] == "incomplete"]
    for run in runs:
        assert run["usage"]["completion_tokens"] >= run["max_completion_tokens"]
        assert run["usage"]["prompt_tokens"] < run["max_prompt_tokens"]
        assert run["incomplete_details"]["reason"] == "max_prompt_tokens"
    assert runs


@pytest.mark.parametrize("everything", EVERYTHING)
def test_vector_stores_had_another_order_of_keys(everything: list[Recording]) -> None:
    row = next(row for row in FACTS if row.name == "vector-stores-order-of-keys")
    for recording in everything:
        for exchange in recording.exchanges:
            for store in objects_in("vector_store", exchange.answer.body):
                pattern = row.theirs if recording.recorded_on < row.until else row.ours
                shared = [key for key in store if key != "description"]
                assert matches(pattern, ", ".join(shared))


def pages_of(row: Row, everything: list[Recording]) -> Iterator[dict[tuple[str, ...], list[dict[str, Any]]]]:
    """The pages of a list by their queries, of each recording that the row is about."""
    for recording in everything:
        if matches(row.where, recording.name):
            exchanges = [each for each in recording.exchanges if each.request.path.endswith("/files")]
            lists = [each for each in exchanges if each.request.method == "GET"]
            queries = [tuple(f"{key}={value}" for key, value in each.request.query) for each in lists]
            yield dict(zip(queries, (each.answer.body["data"] for each in lists), strict=True))


@pytest.mark.parametrize("everything", EVERYTHING)
def test_files_of_a_batch_came_in_one_order_whatever_was_asked(everything: list[Recording]) -> None:
    row = next(row for row in FACTS if row.name == "batch-files-one-order")
    found = list(pages_of(row, everything))
    assert len(found) == 2
    for pages in found:
        assert pages["limit=2", "order=asc"] == pages["limit=2", "order=desc"]


@pytest.mark.parametrize("everything", EVERYTHING)
def test_a_file_of_a_batch_was_made_in_1970(everything: list[Recording]) -> None:
    row = next(row for row in FACTS if row.name == "batch-files-unfinished-last")
    (pages,) = pages_of(row, everything)
    assert [item["created_at"] for page in pages.values() for item in page].count(0) == 1
    assert list(pages.values())[-1][-1]["created_at"] == 0
