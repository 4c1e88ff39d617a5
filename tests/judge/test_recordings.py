"""What users of the official client see of our server is what they saw of the real one: objects, handlers, errors."""

from collections import Counter

import pytest

from compat_tests.replay.paths import template_of
from tests.judge.calls import CALLS, STREAMS
from tests.judge.conftest import JUDGES, NO_FIRST, RECORDINGS
from tests.judge.sessions import KNOWN, LONGER, Judged
from tests.recordings import cases

Verdicts = dict[str, dict[str, Judged]]
NO_CALL = "it has no call for that path"
SCENARIOS = [
    pytest.param(generation, each.name, id=f"{generation}-{each.name}")
    for generation, (_, recordings) in JUDGES.items()
    for each in recordings
]


def of(verdicts: Verdicts, generation: str) -> dict[str, Judged]:
    if generation not in verdicts:
        pytest.skip(NO_FIRST)
    return verdicts[generation]


@pytest.mark.parametrize(("generation", "name"), SCENARIOS or [pytest.param("", "", marks=cases([])[0].marks)])
def test_the_client_sees_the_same(generation: str, name: str, verdicts: Verdicts) -> None:
    judged = of(verdicts, generation)[name]
    if judged.result.outcome == "skipped":
        pytest.skip(judged.result.reason)
    assert [each for each in judged.differences if each[1].reason is None] == []
    assert judged.sent_otherwise == []
    assert judged.calls


@pytest.mark.parametrize("generation", cases(list(JUDGES) if RECORDINGS else []))
def test_everything_was_judged(generation: str, verdicts: Verdicts) -> None:
    """Every call that any recording stands for, and every method of a handler that its streams lead to."""
    judged = of(verdicts, generation)
    calls, handler, left_out = Counter[str](), Counter[str](), Counter[str]()
    for each in judged.values():
        calls, handler, left_out = calls + each.calls, handler + each.handler, left_out + each.left_out
    asked = {
        f"{each.request.method} {template_of(each.request.path)}"
        for recording in JUDGES[generation][1]
        for each in recording.exchanges
    }
    assert {CALLS[each] for each in asked if each in CALLS} | set(STREAMS.values()) == set(calls)
    assert handler.keys() >= {
        "on_event",
        "on_end",
        "on_run_step_created",
        "on_run_step_delta",
        "on_run_step_done",
        "on_message_created",
        "on_message_delta",
        "on_message_done",
        "on_text_created",
        "on_text_delta",
        "on_text_done",
        "on_tool_call_created",
        "on_tool_call_delta",
        "on_tool_call_done",
    }
    assert left_out.keys() <= {NO_CALL, LONGER}
    assert left_out.total() < calls.total() / 100
    skipped = [each for each in judged.values() if each.result.outcome == "skipped"]
    assert len(skipped) < len(judged) / 20


@pytest.mark.parametrize("generation", cases(["first"] if RECORDINGS else []))
def test_what_is_known_is_needed(generation: str, verdicts: Verdicts) -> None:
    used = {name for each in of(verdicts, generation).values() for name in each.known}
    assert used >= {row.name for row in KNOWN}
