"""What every form of cassette shares."""

import gzip
import itertools
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_tests.event_stream import EventStream, events_in
from compat_tests.exchange import Answer, Event, Exchange, Request
from compat_tests.reading.compression import NotThatWay, decompressed
from compat_tests.reading.ids import preexisting_ids
from compat_tests.reading.wire import answer_body, joined_headers, place_of, sniffed


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.openai.com/v1/assistants", "/v1/assistants"),
        ("http://127.0.0.1:8020/v1/threads/thread_1/runs/", "/v1/threads/thread_1/runs/"),
        ("https://gateway.example/openai/v1/files/file-1/content", "/v1/files/file-1/content"),
        ("https://gateway.example/team/v1/v1/vector_stores", "/v1/vector_stores"),
        ("https://us.openai.azure.com/openai/assistants?api-version=1", "/v1/assistants"),
        ("https://us.openai.azure.com/openai/v1/uploads", "/v1/uploads"),
        ("https://<host>/v1/models/tiny", "/v1/models/tiny"),
        ("/v1/models", "/v1/models"),
        ("https://api.openai.com/v1/chat/completions", None),
        ("https://api.openai.com/v1/threadsafe", None),
        ("https://us.openai.azure.com/openai/deployments/tiny/chat/completions", None),
        ("https://example.org/threads", None),
    ],
)
def test_places(url: str, path: str | None) -> None:
    found = place_of(url)
    assert (found[0] if found else None) == path


def test_a_query() -> None:
    found = place_of("https://x.invalid/v1/models?a=%C3%A9&include[]=b&include[]=c&d=&api-key=secret&API-Version=1")
    assert found == ("/v1/models", (("a", "é"), ("include[]", "b"), ("include[]", "c"), ("d", "")))


EVENTS = st.lists(
    st.builds(
        Event, st.sampled_from(["thread.created", "é", "a b"]), st.dictionaries(st.text(), st.integers() | st.text())
    )
)


@given(EVENTS, st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(0, 400)), st.booleans())
def test_events_however_they_are_cut(events: list[Event], newline: str, cuts: list[int], ends: bool) -> None:
    lines = [
        line
        for each in events
        for line in (": comment", f"event: {each.event}", f"data: {json.dumps(each.data, ensure_ascii=False)}", "")
    ]
    said = "".join(line + newline for line in lines).encode()
    if not ends:
        said = said.rstrip()
    places = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
    stream = EventStream()
    found = [event for start, end in itertools.pairwise(places) for event in stream.feed(said[start:end])]
    found += [*stream.feed(b"\n"), *stream.end()]
    assert found == events
    assert events_in(said) == tuple(events)


def test_events_that_are_no_json() -> None:
    assert events_in(b"data: a\ndata: b\n\nevent: done\ndata: [DONE]\n\nevent: nothing\n\n") == (
        Event("message", "a\nb"),
        Event("done", "[DONE]"),
    )


@pytest.mark.parametrize(
    ("content", "kind", "body"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', None, {"a": 1}),
        (b'{"a": 1}', "text/plain", '{"a": 1}'),
        (b'{"a": 1}', "application/octet-stream", b'{"a": 1}'),
        (b"<html>", "application/json", "<html>"),
        (b"\xff", "application/json", b"\xff"),
        (b"\xff", "text/plain", b"\xff"),
        (b"hello", None, "hello"),
        (b"[" * 100_000, "application/json", "[" * 100_000),
        (b"", "application/json", None),
    ],
)
def test_answers(content: bytes, kind: str | None, body: Any) -> None:
    assert answer_body(content, kind) == body


def test_a_stream_without_a_content_type() -> None:
    assert sniffed(b"\nevent: a\ndata: b\n\n") == "text/event-stream"


@pytest.mark.parametrize(
    ("content", "encoding", "why"),
    [
        (gzip.compress(b"hello")[:-3], "gzip", "cut off"),
        (b"\x1f\x8bhello", "gzip", "broken"),
        (zlib.compress(b"hello" * 99)[:9], "deflate", "cut off"),
        (b"\xff\xff\xff", "deflate", "broken"),
        (b"\x8b\x01\x80hello\x03\xff", "br", "install brotli|broken"),
        (b"\x28\xb5\x2f\xfdxx\xff", "zstd", "install zstandard|broken"),
    ],
)
def test_compressed_bodies_that_cannot_be_read(content: bytes, encoding: str, why: str) -> None:
    with pytest.raises(NotThatWay, match=why):
        decompressed(content, encoding)


def test_a_body_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compat_tests.reading.compression.LARGEST_BYTES", 1000)
    with pytest.raises(NotThatWay, match="more than"):
        decompressed(gzip.compress(bytes(2000)), "gzip")


def test_headers_of_any_kind() -> None:
    pairs = [{"name": "A", "value": "b"}, "nonsense", {"name": "c"}]
    assert joined_headers(pairs) == {"a": "b"}
    assert joined_headers({"A": ["b", b"\xff"], "c": None, "d": 1}) == {"a": "b, \xff", "d": "1"}
    assert joined_headers(None) == {}


def exchange(
    method: str, path: str, body: Any = None, *, answer: Any = None, status: int = 200, **query: str
) -> Exchange:
    request = Request(method=method, path=path, query=tuple(query.items()), body=body)
    return Exchange(request=request, answer=Answer(status=status, body=answer or {}))


@pytest.mark.parametrize(
    ("exchanges", "ids"),
    [
        ([exchange("GET", "/v1/threads/thread_abcd")], ["thread_abcd"]),
        ([exchange("GET", "/v1/threads/thread_abcd", answer={"id": "thread_abcd"})], ["thread_abcd"]),
        ([exchange("GET", "/v1/threads/thread_abcd", status=404)], []),
        ([exchange("POST", "/v1/threads/runs", {"assistant_id": "asst_abcd"})], ["asst_abcd"]),
        ([exchange("GET", "/v1/assistants", after="asst_abcd")], ["asst_abcd"]),
        (
            [
                exchange("POST", "/v1/assistants", answer={"id": "asst_abcd"}),
                exchange("GET", "/v1/assistants/asst_abcd"),
            ],
            [],
        ),
        (
            [
                exchange("GET", "/v1/assistants", answer={"data": [{"id": "asst_abcd"}]}),
                exchange("GET", "/v1/assistants/asst_abcd"),
            ],
            ["asst_abcd"],
        ),
        (
            [
                exchange("POST", "/v1/threads", answer={"id": "thread_abcd"}),
                exchange("GET", "/v1/threads/thread_abcd/messages", answer={"data": [{"id": "msg_abcd"}]}),
                exchange("GET", "/v1/threads/thread_abcd/messages/msg_abcd"),
            ],
            [],
        ),
    ],
)
def test_ids_from_before(exchanges: list[Exchange], ids: list[str]) -> None:
    assert list(preexisting_ids(exchanges)) == ids
