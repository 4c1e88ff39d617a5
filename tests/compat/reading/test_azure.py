"""Session records of Azure's test proxy."""

from typing import Any

import pytest

from compat_tests.exchange import UNRECORDED, Event, Part, Request
from compat_tests.reading import Unreadable, read
from tests.compat.reading.conftest import Keep, ReadOne

HOST = "https://sanitized.openai.azure.com/openai"


def entry(path: str = "/assistants", **given: Any) -> dict[str, Any]:
    usual = {
        "RequestUri": f"{HOST}{path}?api-version=2024-05-01-preview",
        "RequestMethod": "POST",
        "RequestHeaders": {"Content-Type": "application/json", "api-key": "secret", "OpenAI-Beta": "assistants=v2"},
        "RequestBody": {"model": "tiny"},
        "StatusCode": 200,
        "ResponseHeaders": {"Content-Type": "application/json", "Set-Cookie": ["secret", "secret"]},
        "ResponseBody": {"id": "asst_1234"},
    }
    return usual | given


def session(*entries: Any) -> dict[str, Any]:
    return {"Entries": list(entries), "Variables": {"RandomSeed": "1"}}


def test_a_session(read_one: ReadOne) -> None:
    stream = ["event: thread.run.created\n", 'data: {"id": "run_1234"}\n\n', "event: done\n", "data: [DONE]\n\n"]
    found = read_one(
        "session.json",
        session(
            entry(),
            entry("/threads/runs", ResponseHeaders={"Content-Type": "text/event-stream"}, ResponseBody=stream),
            entry("/assistants/asst_1234", RequestMethod="DELETE", RequestBody=None),
            entry("/deployments/tiny/chat/completions"),
        ),
    )
    assert found.source == "session record of Azure's test proxy session.json (left out: 1 not of the Assistants API)"
    create, run, delete = found.exchanges
    assert create.request == Request(method="POST", path="/v1/assistants", body={"model": "tiny"})
    assert create.answer.body == {"id": "asst_1234"}
    assert run.answer.events == (Event("thread.run.created", {"id": "run_1234"}), Event("done", "[DONE]"))
    assert delete.request == Request(method="DELETE", path="/v1/assistants/asst_1234")
    assert "secret" not in repr(found)


def test_paths_of_openai_itself_are_taken_as_they_are(read_one: ReadOne) -> None:
    found = read_one("session.json", session(entry(RequestUri="https://api.openai.com/v1/threads?limit=3")))
    assert found.exchanges[0].request.path == "/v1/threads"
    assert found.exchanges[0].request.query == (("limit", "3"),)


@pytest.mark.parametrize(
    ("content_type", "written", "understood"),
    [
        ("text/plain", "hello", "hello"),
        ("text/plain", ["hello\n", "you"], "hello\nyou"),
        ("application/octet-stream", "//4=", b"\xff\xfe"),
        ("application/json", None, None),
        ("application/json", [], None),
        ("application/json", "no JSON", "no JSON"),
        ("application/json", 7, 7),
    ],
)
def test_bodies(read_one: ReadOne, content_type: str, written: Any, understood: Any) -> None:
    given = {"ResponseHeaders": {"Content-Type": content_type}, "ResponseBody": written}
    (exchange,) = read_one("session.json", session(entry(**given))).exchanges
    assert exchange.answer.body == understood


def test_uploads(read_one: ReadOne) -> None:
    headers = {"Content-Type": 'multipart/form-data; boundary="x-y"'}
    form = ["--x-y\r\n", "Content-Disposition: form-data; name=purpose\r\n\r\n", "assistants\r\n", "--x-y--\r\n"]
    kept, left_out = read_one(
        "session.json",
        session(
            entry("/files", RequestHeaders=headers, RequestBody=form),
            entry("/files", RequestHeaders=headers, RequestBody=None),
        ),
    ).exchanges
    assert kept.request.body == (Part(name="purpose", data=b"assistants"),)
    assert left_out.request.body is UNRECORDED
    assert left_out.note == "the request's body was not recorded"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("text", "entry 2: it is missing"),
        ({}, "entry 2: its request's method|entry 2: .*missing"),
        (entry(StatusCode=None), "entry 2: its status is no number"),
        (entry(RequestUri=7), "entry 2: its request's address"),
        (entry(RequestHeaders=7), "entry 2: headers that are neither"),
        (entry(ResponseHeaders={"content-type": "image/png"}, ResponseBody="*"), "entry 2: broken base64"),
    ],
)
def test_what_is_wrong_is_named(keep: Keep, wrong: Any, said: str) -> None:
    with pytest.raises(Unreadable, match=rf"wrong\.json: {said}"):
        read(keep("wrong.json", session(entry(), wrong)))
