"""Marks in what a model says: which are found, what they become, and that it does not matter how the text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.runs.citing import Citation, Citer, Source, sources_of
from proxy.schema.steps import FileSearchCallDetails, FileSearchResult, SearchRanking, StepToolCall, ToolCallsDetails
from tests.builders import a_step

RANKING = SearchRanking(ranker="default_2024_08_21", score_threshold=0.0)
SOURCES = [
    Source(file_id="file-a", marker="【4:0†a.txt】", place=(4, 0)),
    Source(file_id="file-b", marker="【4:1†b.txt】", place=(4, 1)),
    Source(file_id="file-a", marker="【6:0†a.txt】", place=(6, 0)),
]


def cited(*pieces: str, sources: list[Source] | None = None, cut: bool = False) -> str:
    """What clients would read."""
    citer = Citer(SOURCES if sources is None else sources)
    found = [part for piece in pieces for part in citer.feed(piece)] + citer.close(cut=cut)
    return "".join(part.source.marker if isinstance(part, Citation) else part for part in found)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Cake [[1]].", "Cake 【4:0†a.txt】."),
        ("Cake[[2]][[3]].", "Cake【4:1†b.txt】【6:0†a.txt】."),
        ("Cake [[1, 3]].", "Cake 【4:0†a.txt】【6:0†a.txt】."),
        ("Cake [[1-3]].", "Cake 【4:0†a.txt】【4:1†b.txt】【6:0†a.txt】."),
        ("Cake [[ 2 ]].", "Cake 【4:1†b.txt】."),
        ("Cake【1】.", "Cake【4:0†a.txt】."),
        ("Cake【2†source】.", "Cake【4:1†b.txt】."),
        ("Cake【6:0†whatever.txt】.", "Cake【6:0†a.txt】."),
        ("[[[1]]]", "[【4:0†a.txt】]"),
        # What cites nothing.
        ("Cake[[4]].", "Cake."),
        ("Cake[[0]].", "Cake."),
        ("Cake[[2, 9]].", "Cake【4:1†b.txt】."),
        ("Cake【9:9†gone.txt】.", "Cake."),
        # What is no mark.
        ("a[1], [[x]], [[1], [2]], [[1", "a[1], [[x]], [[1], [2]], "),
        ("[[]] [[ , ]] 【注意】 [link](b)", "[[]] [[ , ]] 【注意】 [link](b)"),
        ("```\nx = [[1]]\n``` and [[1]]", "```\nx = [[1]]\n``` and 【4:0†a.txt】"),
        ("`one` ``two``[[1]]", "`one` ``two``【4:0†a.txt】"),
        ("ends with [", "ends with ["),
        ("ends with [[", "ends with [["),
        ("ends with `", "ends with `"),
        ("[[1]", ""),
    ],
)
def test_marks(said: str, read: str) -> None:
    assert cited(said) == read
    assert cited(*said) == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Cake [[1", "Cake "),
        ("Cake [[", "Cake "),
        ("Cake 【4:0†a.t", "Cake "),
        ("Cake [", "Cake ["),
        ("Cake [[1]]", "Cake 【4:0†a.txt】"),
    ],
)
def test_a_text_that_is_cut_off_loses_only_half_a_mark(said: str, read: str) -> None:
    assert cited(said, cut=True) == read


@pytest.mark.parametrize("said", ["x = [[1]]", "x = [[1", "【1】 Rules", "plain"])
def test_where_nothing_was_found_brackets_are_brackets(said: str) -> None:
    assert cited(said, sources=[]) == said


def test_where_nothing_was_found_what_only_a_citation_can_be_goes() -> None:
    assert cited("Cake【4:0†a.txt】.", sources=[]) == "Cake."


def test_nothing_of_a_mark_is_shown_before_it_is_whole() -> None:
    citer = Citer(SOURCES)
    assert [citer.feed(piece) for piece in ("Cake ", "[", "[", "1", "]", "]", ".")] == [
        ["Cake "],
        [],
        [],
        [],
        [],
        [Citation(SOURCES[0])],
        ["."],
    ]


@given(
    st.lists(
        st.sampled_from(
            [
                "[[1]]",
                "[[2, 3]]",
                "[[9]]",
                "[",
                "]",
                "【",
                "】",
                "†",
                "1",
                ":",
                "4:0",
                "`",
                "```",
                " cake",
                "\n",
                "[[1-3]]",
            ]
        ),
        max_size=12,
    ).map("".join),
    st.data(),
)
def test_however_it_is_cut(said: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
    pieces = [said[start:end] for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    for sources in (SOURCES, []):
        for cut in (False, True):
            assert cited(*pieces, sources=sources, cut=cut) == cited(said, sources=sources, cut=cut)


def a_search(id: str, *names: str) -> StepToolCall:
    results = [FileSearchResult(file_id=f"file-{name}", file_name=name, score=0.5, attributes={}) for name in names]
    return StepToolCall(
        id=id, type="file_search", file_search=FileSearchCallDetails(ranking_options=RANKING, results=results)
    )


def test_sources_are_numbered_through_the_run() -> None:
    steps = [
        a_step(type="tool_calls", status=status, step_details=ToolCallsDetails(tool_calls=calls))
        for status, calls in (
            ("completed", [a_search("call_1", "a.txt", "b】\n.txt"), a_search("call_2", "c.txt")]),
            ("cancelled", [a_search("call_3", "not.txt")]),
            ("completed", [a_search("call_4", "d.txt")]),
        )
    ]
    assert [source.marker for source in sources_of(steps, messages=1)] == [
        "【4:0†a.txt】",
        "【4:1†b) .txt】",
        "【5:0†c.txt】",
        "【7:0†d.txt】",
    ]
