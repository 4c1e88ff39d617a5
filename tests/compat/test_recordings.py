"""Every recorded scenario of the real service, asked of our server again."""

from collections.abc import Iterator

import pytest

from compat_tests.exchange import Recording
from compat_tests.reading import read
from compat_tests.replay.replay import V1
from compat_tests.result import Result
from tests.compat.results import Results
from tests.recordings import DIRECTORY, cases

RECORDED = read(DIRECTORY) if DIRECTORY.is_dir() else []
V2 = [each for each in RECORDED if each.api_version == "v2"]
NOT_RECORDED = "it searches files whose content nobody recorded"
NOT_REPLAYED = {
    "ruby-openai/files_list__2024-10-10__1": "nobody can upload files with the purpose fine-tune-results",
    "ruby-openai/assistant_file_search__2024-10-11__1": NOT_RECORDED,
    "simple-openai/run_stream_file_search": NOT_RECORDED,
    "simple-openai/thread_and_run": NOT_RECORDED,
}
"""And what they lack."""
NEEDED_BY_OTHERS = ["file-search-hybrid"]
"""Facts about the service that only those recordings rest on."""


def told(result: Result) -> Iterator[str]:
    for asked in result.asked:
        for each in asked.differences:
            yield f"{asked.title}: {each.path}: expected {each.expected}, got {each.got} ({each.reason})"
    yield from (f"{each.path}: expected {each.expected}, got {each.got}" for each in result.differences)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("recording", cases([pytest.param(each, id=each.name) for each in V2]))
async def test_a_recording(recording: Recording, results: Results) -> None:
    result = await results.of_recording(recording)
    if recording.name in NOT_REPLAYED:
        assert result.outcome == "skipped"
        assert NOT_REPLAYED[recording.name] in result.reason
    else:
        assert result.outcome in {"passed", "accepted"}, "\n".join([result.reason, *told(result)])
        assert result.asked


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("everything", cases([RECORDED] if RECORDED else []))
async def test_what_is_of_the_first_version_is_read_and_not_replayed(
    everything: list[Recording], results: Results
) -> None:
    found = [await results.of_recording(each) for each in everything if each.api_version != "v2"]
    assert found
    assert {(result.outcome, result.reason, result.asked) for result in found} == {("skipped", V1, ())}


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("everything", cases([V2] if V2 else []))
async def test_nearly_all_pass_as_they_are(everything: list[Recording], results: Results) -> None:
    """What is not built is left out; what is done otherwise on purpose is not."""
    found = [await results.of_recording(each) for each in everything]
    asked = [each for each in found if each.outcome != "skipped"]
    assert len(asked) == len(found) - len(NOT_REPLAYED)
    built = [each for each in asked if not any("not built" in (one.reason or "") for one in each.all_differences)]
    assert len(built) > len(found) * 0.9
    assert sum(each.outcome == "passed" for each in built) >= len(built) * 0.95
    assert [row.name for row in results.accepted.stale()] == NEEDED_BY_OTHERS
