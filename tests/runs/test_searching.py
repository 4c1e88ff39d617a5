"""What a model is offered for searching files, what it may send, and what it is shown."""

from typing import Any

import pytest

from proxy.runs.progress import RunProgress
from proxy.runs.searching import (
    DEFAULT_RESULTS,
    MOST_QUERIES,
    arguments_for,
    function_of,
    offer_of,
    queries_in,
    search_name,
    shown,
)
from proxy.schema.steps import FileSearchResult
from proxy.schema.tools import FileSearch, FileSearchTool, Function, FunctionTool, JSONObjectFormat, RankingOptions
from proxy.schema.vector_stores import TextPart
from tests.runs.conftest import new_run

STORES = RunProgress(stores=("vs_1",), thread_stores=("vs_2",))


def a_function(name: str) -> FunctionTool:
    return FunctionTool(function=Function(name=name, parameters={"type": "object"}))


def a_result(name: str, text: str) -> FileSearchResult:
    return FileSearchResult(file_id="file-1", file_name=name, score=0.5, attributes={}, content=[TextPart(text=text)])


def test_it_is_offered_where_there_is_something_to_search() -> None:
    run = new_run(tools=[FileSearchTool()])
    offer = offer_of(run, STORES)
    assert offer is not None
    assert (offer.name, offer.most_results, offer.cites) == ("file_search", DEFAULT_RESULTS, True)
    assert (offer.stores, offer.thread_stores) == (("vs_1",), ("vs_2",))
    assert function_of(offer).name == "file_search"
    assert offer_of(run, RunProgress()) is None
    assert offer_of(new_run(tools=[]), STORES) is None


def test_its_settings_are_those_of_the_tool() -> None:
    ranking = RankingOptions(ranker="r", score_threshold=0.3)
    tool = FileSearchTool(file_search=FileSearch(max_num_results=4, ranking_options=ranking))
    offer = offer_of(new_run(tools=[tool], response_format=JSONObjectFormat()), STORES)
    assert offer is not None
    assert (offer.most_results, offer.ranking.ranker, offer.ranking.score_threshold) == (4, "r", 0.3)
    assert not offer.cites


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        ([], "file_search"),
        (["search"], "file_search"),
        (["file_search"], "file_search_2"),
        (["file_search", "file_search_2"], "file_search_3"),
    ],
)
def test_it_makes_way_for_functions_of_its_name(taken: list[str], name: str) -> None:
    assert search_name(new_run(tools=[FileSearchTool(), *map(a_function, taken)])) == name


@pytest.mark.parametrize(
    ("arguments", "queries"),
    [
        ('{"queries": ["cake", " soup ", "cake", ""]}', ["cake", "soup"]),
        ('{"queries": "cake"}', ["cake"]),
        ('{"query": "cake"}', ["cake"]),
        ('["cake"]', ["cake"]),
        ('"cake"', ["cake"]),
        ('{"queries": [1, null, {}]}', []),
        ('{"queries": {"a": 1}}', []),
        ("{}", []),
        ('{"queries": ["ca', []),
        ("", []),
        (arguments_for('say "hi"'), ['say "hi"']),
        (str([str(n) for n in range(20)]).replace("'", '"'), [str(n) for n in range(MOST_QUERIES)]),
    ],
)
def test_queries(arguments: str, queries: list[str]) -> None:
    assert queries_in(arguments) == queries


def test_results_are_shown_with_their_numbers() -> None:
    given: dict[str, Any] = {"first": 3, "arguments": '{"queries": ["x"]}'}
    results = [a_result("a\n.txt", "One."), a_result("b.txt", "Two.")]
    told = shown(results, cites=True, **given)
    assert told.endswith("so: The sky is blue [[3]].\n\n[[3]] a .txt\nOne.\n\n[[4]] b.txt\nTwo.")
    assert "write its mark" not in shown(results, cites=False, **given)
    assert shown([], cites=True, **given).startswith("Nothing in the user's files fits")
    assert shown([], first=1, arguments="{}", cites=True).startswith("Nothing was searched for.")
