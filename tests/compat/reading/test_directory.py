"""Recordings in the form in which those of the real service are kept."""

import re
from pathlib import Path
from typing import Any

import pytest

from compat_tests.exchange import UNRECORDED, Answer, Event, Exchange, Part, Recording, Request
from compat_tests.reading import Unreadable, read
from compat_tests.reading.ids import preexisting_ids
from tests.compat.reading.conftest import Keep, ReadOne
from tests.recordings import DIRECTORY, cases, scenarios


def scenario(request: dict[str, Any], response: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    asked = {"method": "GET", "path": "/v1/assistants", "query": {}, "headers": {"openai-beta": "assistants=v2"}}
    came = {"status": 200, "headers": {"content-type": "application/json"}, "body": {"object": "list"}}
    return {"exchanges": [{"request": asked | request, "response": response or came}], **given}


def test_a_scenario(read_one: ReadOne) -> None:
    written = {
        "source": {"repo": "someone/something", "path": ["a.yml", "b.yml"], "commit": "0"},
        "api_version": "v2",
        "recorded_at": "2025-10-30T10:11:12Z",
        "preexisting_ids": ["asst_before"],
        "exchanges": [
            {
                "request": {
                    "method": "post",
                    "path": "/v1/threads/runs",
                    "query": {"include[]": ["one", "two"], "limit": "3"},
                    "headers": {"OpenAI-Beta": "assistants=v2", "Content-Type": "application/json"},
                    "body": {"assistant_id": "asst_before", "stream": True},
                },
                "response": {
                    "status": 200,
                    "headers": {"Content-Type": "text/event-stream; charset=utf-8", "openai-organization": "us"},
                    "sse": [
                        {"event": "thread.created", "data": {"id": "thread_new"}},
                        {"event": "done", "data": "[DONE]"},
                    ],
                },
                "note": "as it was",
            }
        ],
    }
    assert read_one("group/scenario.json", written) == Recording(
        name="group/scenario",
        source="someone/something a.yml b.yml",
        api_version="v2",
        recorded_on="2025-10-30",
        preexisting_ids=("asst_before",),
        exchanges=(
            Exchange(
                request=Request(
                    method="POST",
                    path="/v1/threads/runs",
                    query=(("include[]", "one"), ("include[]", "two"), ("limit", "3")),
                    body={"assistant_id": "asst_before", "stream": True},
                ),
                answer=Answer(
                    status=200,
                    headers={"content-type": "text/event-stream; charset=utf-8"},
                    events=(Event("thread.created", {"id": "thread_new"}), Event("done", "[DONE]")),
                ),
                note="as it was",
            ),
        ),
    )


def test_a_form_and_bytes(read_one: ReadOne) -> None:
    parts = [
        {"name": "purpose", "text": "assistants"},
        {"name": "file", "filename": "a.bin", "content_type": "application/x-thing", "bytes": 3, "base64": "AAEC"},
        {"name": "file", "filename": "b.pdf", "content_type": "Content-Transfer-Encoding: binary", "bytes": 4},
    ]
    asked = {"method": "POST", "path": "/v1/files", "body": {"_multipart": parts}}
    came = {"status": 200, "headers": {}, "body": {"_binary": {"bytes": 2, "base64": "//4="}}}
    (exchange,) = read_one("x/form.json", scenario(asked, came)).exchanges
    assert exchange.request.body == (
        Part(name="purpose", data=b"assistants"),
        Part(name="file", data=b"\0\1\2", filename="a.bin", content_type="application/x-thing"),
        Part(name="file", data=b"    ", filename="b.pdf"),
    )
    assert exchange.note == "the content of b.pdf was not recorded: spaces stand for it"
    assert exchange.answer.body == b"\xff\xfe"


def test_a_body_that_was_not_recorded(read_one: ReadOne) -> None:
    asked = {"method": "POST", "path": "/v1/files", "body_not_recorded": True}
    (exchange,) = read_one("x/not.json", scenario(asked)).exchanges
    assert exchange.request.body is UNRECORDED
    known = {"_multipart": [{"name": "purpose", "text": "assistants"}]}
    (exchange,) = read_one("x/known.json", scenario(asked | {"reconstructed_body": known})).exchanges
    assert exchange.request.body == (Part(name="purpose", data=b"assistants"),)
    assert exchange.note


def test_answers_without_their_requests(read_one: ReadOne) -> None:
    asked = {"method": "POST", "path": "/v1/threads", "headers": {}, "body": None, "not_recorded": True}
    found = read_one("x/answers.json", scenario(asked, capture="response bodies only"))
    assert found.answers_only
    assert found.exchanges[0].request == Request(method="POST", path="/v1/threads", body=UNRECORDED)
    found = read_one("x/get.json", scenario(asked | {"method": "GET"}, capture="response bodies only"))
    assert found.exchanges[0].request.body is None


@pytest.mark.parametrize(
    ("asked", "status", "kept"),
    [
        ({"headers": {"openai-beta": "assistants=v1"}}, 200, {"openai-beta": "assistants=v1"}),
        ({"headers": {}}, 400, {"openai-beta": None}),
        ({"headers": {}}, 200, {}),
        ({"headers": {}, "path": "/v1/files"}, 200, {"openai-beta": None}),
        (
            {"headers": {"openai-beta": "assistants=v2", "content-type": "text/plain"}, "body": "hello"},
            400,
            {"content-type": "text/plain"},
        ),
        ({"headers": {"openai-beta": "assistants=v2", "authorization": "Bearer k", "cookie": "c"}}, 200, {}),
    ],
)
def test_headers_of_a_request(
    read_one: ReadOne, asked: dict[str, Any], status: int, kept: dict[str, str | None]
) -> None:
    found = read_one("x/headers.json", scenario(asked, {"status": status, "headers": {}, "body": {}}))
    assert found.exchanges[0].request.headers == kept


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"exchanges": [{"request": {}}]}, "method"),
        ({"exchanges": [7]}, "exchanges"),
        (scenario({}, {"status": "200"}), "status"),
        (scenario({}, api_version="v3"), "api_version"),
        (scenario({"body": {"_multipart": [{"text": "no name"}]}}), "exchange 1"),
        (scenario({"body": {"_multipart": [{"name": "x", "base64": "*"}]}}), "exchange 1"),
        (scenario({"body": {"_multipart": [{"name": "x", "bytes": 2**40}]}}), "exchange 1"),
    ],
)
def test_what_is_wrong_is_named(keep: Keep, content: Any, said: str) -> None:
    with pytest.raises(Unreadable, match=rf"wrong\.json: .*{re.escape(said)}"):
        read(keep("x/wrong.json", content))


RECORDED = cases([DIRECTORY] if DIRECTORY.is_dir() else [])


@pytest.mark.parametrize("directory", RECORDED, ids=["recordings"])
def test_nothing_of_the_recordings_is_lost(directory: Path) -> None:
    found = read(directory)
    index = (directory / "INDEX.md").read_text(encoding="utf-8")
    counts = re.search(r"(\d+) scenarios, (\d+) exchanges,\s+of which (\d+) are event streams", index)
    assert counts
    streams = sum(each.answer.is_stream for recording in found for each in recording.exchanges)
    assert (len(found), sum(len(each.exchanges) for each in found), streams) == tuple(map(int, counts.groups()))
    written = {name: content for version in ("v1", "v2") for name, content in scenarios(version)}
    assert sorted(each.name for each in found) == sorted(written)
    for recording in found:
        assert recording.answers_only == ("capture" in written[recording.name])
        for exchange, told in zip(recording.exchanges, written[recording.name]["exchanges"], strict=True):
            assert said_in(exchange) == told_in(told), recording.name


@pytest.mark.parametrize("directory", RECORDED, ids=["recordings"])
def test_ids_from_before_are_found_as_they_were_by_hand(directory: Path) -> None:
    for recording in read(directory):
        assert set(preexisting_ids(recording.exchanges)) == set(recording.preexisting_ids), recording.name


@pytest.mark.parametrize("directory", RECORDED, ids=["recordings"])
def test_one_file_of_them_has_the_same_name(directory: Path) -> None:
    file = min(directory.glob("*/*.json"))
    assert read(file) == [next(each for each in read(directory) if each.name == f"{file.parent.name}/{file.stem}")]


def said_in(exchange: Exchange) -> tuple[Any, ...]:
    """What was understood, as far as it is there in the same form in the file."""
    request, answer = exchange.request, exchange.answer
    events = None if answer.events is None else [(each.event, each.data) for each in answer.events]
    return (
        request.method,
        request.path,
        dict(request.query),
        plain(request.body),
        answer.status,
        events,
        plain(answer.body),
    )


def told_in(exchange: dict[str, Any]) -> tuple[Any, ...]:
    request, answer = exchange["request"], exchange["response"]
    events = [(each["event"], each["data"]) for each in answer["sse"]] if "sse" in answer else None
    asked, came = request.get("body"), answer.get("body") or None
    return request["method"], request["path"], request["query"], plain(asked), answer["status"], events, plain(came)


def plain(body: Any) -> Any:
    """Forms and bytes, recorded or not, are written otherwise than they are read; tests above look at them."""
    return None if body is UNRECORDED or isinstance(body, tuple | bytes) or marked(body) else body


def marked(body: Any) -> bool:
    return isinstance(body, dict) and any(key.startswith("_") for key in body)
