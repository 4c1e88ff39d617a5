"""The decoder of server-sent events: every form of line end, split anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sse import SSEDecoder

CASES = {
    "one event": (b"data: one\n\n", [b"one"]),
    "many in one read": (b"data: one\n\ndata: two\n\ndata: three\n\n", [b"one", b"two", b"three"]),
    "carriage returns": (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
    "both": (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
    "mixed line ends": (b"data: one\r\n\ndata: two\n\r\ndata: three\r\r\n", [b"one", b"two", b"three"]),
    "lines of one event": (b"data: one\ndata: two\n\n", [b"one\ntwo"]),
    "no space": (b"data:one\n\n", [b"one"]),
    "only the first space goes": (b"data:  one \n\n", [b" one "]),
    "no colon": (b"data\n\n", [b""]),
    "empty data": (b"data:\n\ndata: \n\n", [b"", b""]),
    "comments": (b": hello\n\n:\ndata: one\n: between\n\n: keep-alive\n\n", [b"one"]),
    "other fields": (b"event: x\nid: 7\nretry: 10\ndata: one\ndatum: no\n\nid: 8\n\n", [b"one"]),
    "more empty lines": (b"\n\n\ndata: one\n\n\n\ndata: two\n\n\n", [b"one", b"two"]),
    "a byte order mark": (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
    "a mark elsewhere is text": (b"data: one\n\n\xef\xbb\xbfdata: two\n\n", [b"one"]),
    "characters of many bytes": (
        "data: žluťoučký 🐴\n\ndata: \u2028\u0085\n\n".encode(),
        ["žluťoučký 🐴".encode(), "\u2028\u0085".encode()],
    ),
    "an event that never ends": (b"data: one\n\ndata: tw", [b"one"]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("given_bytes", "events"), CASES.values(), ids=CASES)
def test_whole(given_bytes: bytes, events: list[bytes]) -> None:
    assert SSEDecoder().feed(given_bytes) == events


@pytest.mark.parametrize(("given_bytes", "events"), CASES.values(), ids=CASES)
def test_byte_by_byte(given_bytes: bytes, events: list[bytes]) -> None:
    decoder = SSEDecoder()
    assert [event for i in range(len(given_bytes)) for event in decoder.feed(given_bytes[i : i + 1])] == events


@pytest.mark.parametrize(("given_bytes", "events"), CASES.values(), ids=CASES)
def test_in_two_at_every_place(given_bytes: bytes, events: list[bytes]) -> None:
    for at in range(len(given_bytes) + 1):
        decoder = SSEDecoder()
        assert decoder.feed(given_bytes[:at]) + decoder.feed(given_bytes[at:]) == events


def test_an_event_is_told_as_soon_as_it_ends() -> None:
    """A carriage return ends a line at once, whether or not a line feed is to follow."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: one\r\n\r") == [b"one"]
    assert decoder.feed(b"\ndata: two\r\n\r") == [b"two"]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\n") == []


def test_the_last_empty_line_may_be_missing_at_the_end() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: one\n\ndata: two\n") == [b"one"]
    assert decoder.end() == [b"two"]


def test_half_a_line_at_the_end_is_dropped() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: one\n\ndata: tw") == [b"one"]
    assert decoder.end() == []


lines = st.lists(
    st.one_of(
        st.binary(max_size=12).map(lambda data: b"data: " + data.replace(b"\r", b"").replace(b"\n", b"")),
        st.sampled_from([b"", b"", b": comment", b"data", b"data:x", b"event: y"]),
    ),
    max_size=20,
)


@given(lines=lines, ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=20, max_size=20), cuts=st.data())
def test_any_chunking_gives_the_same_events(lines: list[bytes], ends: list[bytes], cuts: st.DataObject) -> None:
    text = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    # A CR followed by an LF is one line end, also where they were drawn as two.
    whole = SSEDecoder().feed(text)
    decoder = SSEDecoder()
    pieces = []
    at = 0
    while at < len(text):
        size = cuts.draw(st.integers(min_value=1, max_value=len(text) - at))
        pieces += decoder.feed(text[at : at + size])
        at += size
    assert pieces == whole
