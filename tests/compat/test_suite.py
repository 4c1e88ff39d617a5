"""The suite, tested itself: a case that cannot fail, that nobody can read or that is not needed would be a lie."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from msgspec import UNSET

from compat_tests import case_schema, coverage, script
from compat_tests.case import CASES, NamedCase, Step, read_cases
from compat_tests.pattern import IDS, VARIABLE, BadPattern, operator_of, shape, shapes
from tests.recordings import cases as or_notice
from tests.recordings import scenarios

FOUND = read_cases()
NAMES = [f"{each.resource}/{each.slug}" for each in FOUND]
SOURCES = ("recording: ", "specification: ", "client: ", "guide: ", "ours: ")
every_case = pytest.mark.parametrize("case", FOUND, ids=NAMES)


def steps_of(case: NamedCase) -> list[Step]:
    return [*case.case.setup, *case.case.steps]


def patterns_of(step: Step) -> Iterator[Any]:
    yield from step.expect.headers.values()
    if step.expect.body is not UNSET:
        yield step.expect.body
    if step.expect.events is not UNSET:
        yield from (each["data"] for each in step.expect.events if "data" in each)
    if step.until is not UNSET:
        yield step.until
    if step.told is not UNSET:
        yield step.told


def walk(value: Any) -> Iterator[Any]:
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from walk(each)


def test_the_schema_is_that_of_the_format() -> None:
    assert case_schema.FILE.read_bytes() == case_schema.schema(), "python -m compat_tests.case_schema"


@pytest.mark.parametrize("file", sorted(CASES.glob("*/*.json")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_file_fits_the_schema(file: Any) -> None:
    jsonschema.validate(json.loads(file.read_bytes()), json.loads(case_schema.FILE.read_bytes()))


def test_names() -> None:
    assert [name for name in NAMES if not re.fullmatch(r"[a-z_]+/[a-z0-9]+(-[a-z0-9]+)*", name)] == []
    assert [slug for slug, number in Counter(each.slug for each in FOUND).items() if number > 1] == []
    assert [text for text, number in Counter(each.case.requirement for each in FOUND).items() if number > 1] == []


@every_case
def test_what_a_reader_needs(case: NamedCase) -> None:
    assert re.fullmatch(r"[A-Z`'\"].{15,190}\.", case.case.requirement), case.case.requirement
    assert case.case.source.startswith(SOURCES), case.case.source
    assert len(case.case.source) > len("recording: ") + 3
    assert case.case.tags


def test_tags_mean_something() -> None:
    assert coverage.unknown(FOUND) == []


def test_everything_is_covered() -> None:
    assert coverage.uncovered(FOUND) == []


@every_case
def test_a_case_can_fail(case: NamedCase) -> None:
    """Some answer is looked at beyond its status, or the status is that of an error, and its error is looked at."""
    looked_at = [step for step in steps_of(case) if step.ask is not UNSET or step.finish is not UNSET]
    assert any(list(patterns_of(step)) or step.expect.text is not UNSET for step in looked_at)
    for step in steps_of(case):
        given = [each for each in (step.ask, step.finish, step.open, step.told, step.disk) if each is not UNSET]
        assert len(given) == 1
        refused = step.expect.status >= 400
        if refused and step.in_background is UNSET:
            assert step.expect.body is not UNSET or step.expect.text is not UNSET
        if step.until is not UNSET:
            assert step.expect.body is not UNSET, "what is waited for is compared, too"
        for pattern in patterns_of(step):
            assert pattern != {"$any": True}


@every_case
def test_patterns_can_be_meant(case: NamedCase) -> None:
    for step in steps_of(case):
        for pattern in patterns_of(step):
            for each in walk(pattern):
                check(each)


def check(pattern: Any) -> None:
    operator = operator_of(pattern) if isinstance(pattern, dict) else None
    match operator:
        case "$id":
            assert pattern[operator] in IDS
        case "$shape":
            assert pattern.keys() - {"$shape"} <= shape(pattern[operator]).keys(), "a shape has all its keys"
        case "$matches":
            re.compile(pattern[operator])


@pytest.mark.parametrize("name", shapes())
def test_shapes_can_be_meant_and_are_used(name: str) -> None:
    for each in walk(shape(name)):
        check(each)
    patterns = [each for case in FOUND for step in steps_of(case) for each in walk(list(patterns_of(step)))]
    patterns += [each for other in shapes().values() for each in walk(other)]
    assert any(isinstance(each, dict) and each.get("$shape") == name for each in patterns)


@every_case
def test_what_is_used_was_captured_before(case: NamedCase) -> None:
    known = {"model"}
    said = [] if case.case.upstream is UNSET else [case.case.upstream]
    for step in steps_of(case):
        asked = [] if step.ask is UNSET else [step.ask.path, step.ask.query, step.ask.headers]
        if step.ask is not UNSET and step.ask.body is not UNSET:
            asked.append(step.ask.body)
        assert used(asked) <= known, step
        patterns = [unfolded(pattern) for pattern in patterns_of(step)]
        for each in walk(patterns):
            if isinstance(each, dict):
                known |= {each[operator] for operator in ("$capture", "$same") if operator in each}
        assert used(patterns) <= known, step
    assert used(said) <= known


def unfolded(pattern: Any) -> Any:
    """With its shapes written out."""
    match pattern:
        case {"$shape": name, **changed}:
            return unfolded({**shape(name), **changed})
        case dict():
            return {key: unfolded(value) for key, value in pattern.items()}
        case list():
            return [unfolded(each) for each in pattern]
        case _:
            return pattern


@every_case
def test_its_needs_are_told_by_its_tags(case: NamedCase) -> None:
    assert {f"optional:{need}" for need in case.case.needs} <= set(case.case.tags)
    if any(step.disk is not UNSET for step in steps_of(case)):
        assert "full-disk" in case.case.needs


def used(template: Any) -> set[str]:
    return {name for each in walk(template) if isinstance(each, str) for name in VARIABLE.findall(each)}


@every_case
def test_the_model_server_can_say_it(case: NamedCase) -> None:
    entries = [] if case.case.upstream is UNSET else case.case.upstream
    for entry in entries:
        script.kind_of(entry)
    waits = {entry["wait"]["gate"] for entry in entries if "wait" in entry}
    opened = {step.open for step in steps_of(case) if step.open is not UNSET}
    assert opened <= waits


@pytest.mark.parametrize(
    "pattern", [{"$id": "thread", "$is": 1}, {"$type": "x", "$any": True}, {"$tpye": "string"}, {"$any": True, "b": 1}]
)
def test_a_pattern_that_cannot_be_meant(pattern: Any) -> None:
    with pytest.raises(BadPattern):
        check(pattern)


def texts_of(value: Any) -> set[str]:
    return {each for each in walk(value) if isinstance(each, str) and len(each) >= 20 and " " in each}


@pytest.mark.parametrize("recorded", or_notice([list(scenarios("v1")) + list(scenarios("v2"))]))
def test_nothing_in_a_case_is_taken_from_a_recording(recorded: list[tuple[str, Any]]) -> None:
    theirs = {text for _, scenario in recorded for each in scenario["exchanges"] for text in said(each)}
    ours = {text for file in CASES.glob("*/*.json") for text in texts_of(json.loads(file.read_bytes()))}
    assert ours & theirs == set()


def said(exchange: dict[str, Any]) -> set[str]:
    """Everything that was said but for the errors of the service, which clients match on."""
    answer = exchange["response"].get("body")
    told = answer if not (isinstance(answer, dict) and "error" in answer) else None
    return texts_of([exchange["request"].get("body"), told, exchange["response"].get("sse")])
