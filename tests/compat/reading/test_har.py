"""HAR files, as browsers and proxies export them."""

import base64
from typing import Any

import pytest

from compat_tests.exchange import UNRECORDED, Event, Part, Request
from compat_tests.reading import Unreadable, read
from tests.compat.reading.conftest import Keep, ReadOne

JSON = [{"name": "Content-Type", "value": "application/json"}]
BETA = [{"name": "OpenAI-Beta", "value": "assistants=v2"}]


def entry(
    method: str = "GET",
    url: str = "https://api.openai.com/v1/assistants",
    *,
    seconds: int = 0,
    posted: dict[str, Any] | None = None,
    content: dict[str, Any] | None = None,
    status: int = 200,
    **given: Any,
) -> dict[str, Any]:
    request = {"method": method, "url": url, "httpVersion": "h2", "headers": BETA, "cookies": [], "queryString": []}
    if posted is not None:
        request["postData"] = posted
    came = {"size": 2, "mimeType": "application/json", "text": "{}"} if content is None else content
    response = {"status": status, "headers": [], "cookies": [], "content": came, "redirectURL": ""}
    started = f"2025-10-30T10:11:{seconds:02}.250Z"
    return {"startedDateTime": started, "time": 3, "request": request, "response": response, "timings": {}, **given}


def har(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {"name": "test"}, "pages": [], "entries": list(entries)}}


def test_a_browser(read_one: ReadOne) -> None:
    created = entry(
        "POST",
        "https://proxy.example/some/where/v1/threads/runs?x=1",
        posted={"mimeType": "application/json", "text": '{"stream": true}'},
        content={
            "size": 60,
            "mimeType": "text/event-stream",
            "text": 'event: a\ndata: {"b": 1}\n\nevent: done\ndata: [DONE]\n\n',
        },
    )
    created["request"]["headers"] = [
        *BETA, *JSON, {"name": "authorization", "value": "Bearer secret"}, {"name": ":authority", "value": "x"}
    ]  # fmt: skip
    found = read_one("it.har", har(created))
    (exchange,) = found.exchanges
    assert (found.name, found.recorded_on, exchange.at) == ("it.har", "2025-10-30", 1761819060.25)
    assert exchange.request == Request(
        method="POST", path="/v1/threads/runs", query=(("x", "1"),), body={"stream": True}
    )
    assert exchange.answer.events == (Event("a", {"b": 1}), Event("done", "[DONE]"))
    assert exchange.answer.headers == {"content-type": "text/event-stream"}
    assert "secret" not in repr(found)


def test_the_order_is_that_of_time(read_one: ReadOne) -> None:
    later = entry(url="https://x.invalid/v1/models", seconds=2)
    found = read_one("it.har", har(later, entry(seconds=1)))
    assert [each.request.path for each in found.exchanges] == ["/v1/assistants", "/v1/models"]


def test_what_is_left_out_is_said(read_one: ReadOne) -> None:
    found = read_one(
        "it.har",
        har(
            entry("OPTIONS"),
            entry(status=0),
            entry(status=0),
            entry(status=304),
            entry(_fromCache="disk"),
            entry(url="https://api.openai.com/v1/chat/completions"),
            entry(url="https://example.org/v1/threadsomething"),
            entry(),
        ),
    )
    assert len(found.exchanges) == 1
    assert found.source == (
        "HAR it.har (left out: 1 preflights, 2 without an answer, 2 from a cache, 2 not of the Assistants API)"
    )


def test_an_azure_address(read_one: ReadOne) -> None:
    url = "https://us.openai.azure.com/openai/threads/thread_1234/messages?api-version=2024-05-01-preview&limit=2"
    (exchange,) = read_one("it.har", har(entry(url=url))).exchanges
    assert (exchange.request.path, exchange.request.query) == ("/v1/threads/thread_1234/messages", (("limit", "2"),))


def test_base64(read_one: ReadOne) -> None:
    content = {"size": 2, "mimeType": "application/octet-stream", "encoding": "base64", "text": "//4="}
    posted = {"mimeType": "application/json", "encoding": "base64", "text": base64.b64encode(b'{"a": 1}').decode()}
    (exchange,) = read_one("it.har", har(entry("POST", posted=posted, content=content))).exchanges
    assert exchange.answer.body == b"\xff\xfe"
    assert exchange.request.body == {"a": 1}


def test_an_upload_as_text(read_one: ReadOne) -> None:
    text = (
        "------WebKit\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n"
        "------WebKit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n"
        "Content-Type: text/plain\r\n\r\nhello\r\n------WebKit--\r\n"
    )  # fmt: skip
    posted = {"mimeType": "multipart/form-data; boundary=----WebKit", "text": text}
    (exchange,) = read_one("it.har", har(entry("POST", "https://x.invalid/v1/files", posted=posted))).exchanges
    assert exchange.request.body == (
        Part(name="purpose", data=b"assistants"),
        Part(name="file", data=b"hello", filename="a.txt", content_type="text/plain"),
    )


@pytest.mark.parametrize("size", ["header", "bodySize", "unknown"])
def test_bytes_as_characters(read_one: ReadOne, size: str) -> None:
    sent = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\xff\xe9\r\n--x--'
    posted = {"mimeType": "multipart/form-data; boundary=x", "text": sent.decode("latin-1")}
    upload = entry("POST", "https://x.invalid/v1/files", posted=posted)
    if size == "header":
        upload["request"]["headers"] = [{"name": "Content-Length", "value": str(len(sent))}]
    upload["request"]["bodySize"] = len(sent) if size == "bodySize" else -1
    ((part,),) = (each.request.body for each in read_one("it.har", har(upload)).exchanges)
    assert part.data == ("ÿé".encode() if size == "unknown" else b"\xff\xe9")


def test_an_upload_as_fields(read_one: ReadOne) -> None:
    params = [
        {"name": "purpose", "value": "assistants"},
        {"name": "file", "fileName": "a.txt", "contentType": "text/plain"},
    ]
    posted = {"mimeType": "multipart/form-data; boundary=x", "params": params, "text": ""}
    (exchange,) = read_one("it.har", har(entry("POST", "https://x.invalid/v1/files", posted=posted))).exchanges
    assert exchange.request.body == (
        Part(name="purpose", data=b"assistants"),
        Part(name="file", data=b"", filename="a.txt", content_type="text/plain"),
    )
    assert exchange.note == "the content of a.txt was not recorded"


@pytest.mark.parametrize(
    "posted", [None, {"mimeType": "multipart/form-data; boundary=x"}, {"mimeType": "multipart/form-data", "text": "?"}]
)
def test_an_upload_that_was_not_kept(read_one: ReadOne, posted: Any) -> None:
    upload = entry("POST", "https://x.invalid/v1/files", posted=posted)
    upload["request"]["headers"] = [{"name": "content-length", "value": "200"}]
    (exchange,) = read_one("it.har", har(upload)).exchanges
    assert exchange.request.body is UNRECORDED
    assert exchange.note


@pytest.mark.parametrize(
    "content",
    [{"size": 0, "mimeType": "text/event-stream"}, {"size": 9, "mimeType": "application/json"}, {"size": -1}],
)
def test_an_answer_that_was_not_kept(read_one: ReadOne, content: Any) -> None:
    (exchange,) = read_one("it.har", har(entry(content=content))).exchanges
    assert exchange.answer.body is UNRECORDED
    assert exchange.note == "the answer's body was not recorded"


def test_an_empty_answer(read_one: ReadOne) -> None:
    (exchange,) = read_one("it.har", har(entry(content={"size": 0, "mimeType": "x-unknown"}))).exchanges
    assert exchange.answer.body is None
    assert exchange.answer.headers == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (7, "entry 2: it is missing, or no object"),
        ({"request": {}}, "entry 2: its response is missing"),
        ({"request": {"url": "x"}, "response": {"status": 200}}, "entry 2: its request's method"),
        ({"request": {"method": "GET"}, "response": {"status": 200}}, "entry 2: its request's address"),
        ({"request": {"method": "GET"}, "response": {"status": "ok"}}, "entry 2: its response's status is no number"),
        (entry(url="http://[x/v1/models"), "entry 2: no URL"),
        (entry(content={"text": "*", "encoding": "base64"}), "entry 2: broken base64"),
        (entry(posted={"text": "*", "encoding": "base64"}), "entry 2: broken base64"),
        (entry(posted={"params": [7]}), "entry 2: a posted field"),
        (entry(posted={"params": [{"value": "x"}]}), "entry 2: a posted field's name"),
        (entry(posted=[]), "entry 2: what was posted"),
    ],
)
def test_what_is_wrong_is_named(keep: Keep, wrong: Any, said: str) -> None:
    with pytest.raises(Unreadable, match=rf"wrong\.har: {said}"):
        read(keep("wrong.har", har(entry(), wrong)))
