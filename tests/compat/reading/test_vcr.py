"""VCR cassettes, as the recorders of three languages write them."""

import base64
import gzip
import zlib
from typing import Any

import pytest

from compat_tests.exchange import UNRECORDED, Event, Part, Request
from tests.compat.reading.conftest import ReadOne

PYTHON = """\
interactions:
- request:
    body: '{"model": "tiny", "name": "Ada"}'
    headers:
      Content-Type: [application/json]
      OpenAI-Beta: [assistants=v2]
      authorization: [Bearer sk-very-secret]
      X-Stainless-Lang: [python]
    method: POST
    uri: https://api.openai.com/v1/assistants?order=asc&include%5B%5D=a&include%5B%5D=b
  response:
    body:
      string: '{"id": "asst_1234", "object": "assistant"}'
    headers:
      content-type: [application/json]
      Set-Cookie: [__cf=very-secret; path=/]
      openai-organization: [very-secret-org]
      openai-version: ['2020-10-01']
    status: {code: 200, message: OK}
- request:
    body: null
    headers: &id001
      OpenAI-Beta: [assistants=v2]
    method: DELETE
    uri: https://api.openai.com/v1/assistants/asst_1234
  response:
    body: {string: !!binary "eyJpZCI6ICJhc3N0XzEyMzQiLCAiZGVsZXRlZCI6IHRydWV9"}
    headers: {content-type: [application/json]}
    status: {code: 200, message: OK}
- request:
    body: '{}'
    headers: *id001
    method: POST
    uri: https://api.openai.com/v1/chat/completions
  response:
    body: {string: ''}
    headers: {}
    status: {code: 404, message: Not Found}
version: 1
"""

RUBY = """\
---
http_interactions:
- request:
    method: post
    uri: https://api.openai.com/v1/threads/thread_1234/runs
    body:
      encoding: UTF-8
      string: '{"assistant_id":"asst_1234","stream":true}'
    headers:
      Openai-Beta:
      - assistants=v2
      Authorization:
      - "<AUTHORIZATION>"
      Content-Type:
      - application/json
  response:
    status:
      code: 200
      message: OK
    headers:
      Content-Type:
      - text/event-stream; charset=utf-8
    body:
      encoding: UTF-8
      string: !ruby/string |+
        event: thread.run.created
        data: {"id":"run_1234"}

        event: done
        data: [DONE]

  recorded_at: Wed, 30 Oct 2024 10:11:13 GMT
- request:
    method: get
    uri: https://api.openai.com/v1/threads/thread_1234
    body:
      encoding: US-ASCII
      base64_string: ''
    headers: {}
  response:
    status: {code: 200, message: !ruby/object:Whatever {x: OK}}
    headers: {Content-Type: [application/json]}
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        eyJpZCI6InRocmVhZF8xMjM0In0=
  recorded_at: Wed, 30 Oct 2024 10:11:12 GMT
recorded_with: VCR 6.2.0
"""

PHP = """\
-
    request:
        method: POST
        url: 'https://api.openai.com/v1/threads'
        headers:
            Host: api.openai.com
            Content-Type: application/json
            OpenAI-Beta: assistants=v2
            Authorization: 'Bearer secret'
        body: '{"metadata":{"a":"2024-01-01"}}'
    response:
        status:
            http_version: '1.1'
            code: '200'
            message: OK
        headers:
            Content-Type: application/json
        body: '{"id":"thread_1234"}'
-
    request:
        method: POST
        url: 'https://api.openai.com/v1/files'
        headers: {Content-Type: multipart/form-data}
        post_fields: {}
        post_files:
            - {fieldName: file, contentType: text/plain, filename: a.txt, file: /tmp/a.txt}
    response:
        status: 200
        headers: {Content-Type: application/json}
        body: '{"id":"file-1234"}'
"""


def test_python(read_one: ReadOne) -> None:
    found = read_one("cassettes/test_it.yaml", PYTHON)
    assert (found.name, found.api_version, found.recorded_on) == ("test_it.yaml", "v2", "")
    assert found.source == "VCR cassette test_it.yaml (left out: 1 not of the Assistants API)"
    create, delete = found.exchanges
    assert create.request == Request(
        method="POST",
        path="/v1/assistants",
        query=(("order", "asc"), ("include[]", "a"), ("include[]", "b")),
        body={"model": "tiny", "name": "Ada"},
    )
    assert create.answer.body == {"id": "asst_1234", "object": "assistant"}
    assert create.answer.headers == {"content-type": "application/json", "openai-version": "2020-10-01"}
    assert delete.request == Request(method="DELETE", path="/v1/assistants/asst_1234")
    assert delete.answer.body == {"id": "asst_1234", "deleted": True}
    assert "secret" not in repr(found)


def test_python_in_json(read_one: ReadOne) -> None:
    request = {"method": "GET", "uri": "http://127.0.0.1:8020/v1/models", "body": None, "headers": {}}
    response = {"status": {"code": 200, "message": "OK"}, "headers": {"content-type": ["application/json"]}}
    entries = [
        {"request": request, "response": response | {"body": {"string": '{"data": []}'}}},
        {"request": request, "response": response | {"body": {"base64_string": "eyJkYXRh\nIjogW119"}}},
    ]
    found = read_one("it.json", {"version": 1, "interactions": entries})
    assert [each.answer.body for each in found.exchanges] == [{"data": []}] * 2


def test_python_with_httpx_as_it_was_before(read_one: ReadOne) -> None:
    entry = {
        "request": {"method": "GET", "uri": "https://api.openai.com/v1/models", "body": "", "headers": {}},
        "response": {
            "status_code": 200, "http_version": "HTTP/1.1", "content": '{"data": []}',
            "headers": {"content-type": "application/json", "content-encoding": "gzip"},
        },
    }  # fmt: skip
    (exchange,) = read_one("it.json", {"version": 1, "interactions": [entry]}).exchanges
    assert exchange.answer.body == {"data": []}


def test_ruby(read_one: ReadOne) -> None:
    found = read_one("runs.yml", RUBY)
    get, run = found.exchanges  # in the order of time
    assert found.recorded_on == "2024-10-30"
    assert (get.at, run.at) == (1730283072, 1730283073)
    assert get.answer.body == {"id": "thread_1234"}
    assert run.request.body == {"assistant_id": "asst_1234", "stream": True}
    assert run.answer.events == (Event("thread.run.created", {"id": "run_1234"}), Event("done", "[DONE]"))
    assert run.answer.body is None
    assert found.preexisting_ids == ("thread_1234", "asst_1234")


def test_php(read_one: ReadOne) -> None:
    found = read_one("php", PHP)
    thread, file = found.exchanges
    assert thread.request.body == {"metadata": {"a": "2024-01-01"}}
    assert thread.answer.body == {"id": "thread_1234"}
    assert file.request.body is UNRECORDED
    assert "secret" not in repr(found)


def test_a_version_from_before(read_one: ReadOne) -> None:
    assert read_one("old.yaml", PYTHON.replace("assistants=v2", "assistants=v1")).api_version == "v1"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda plain: zlib.compress(plain, wbits=-15)),
        ("deflate, gzip", lambda plain: gzip.compress(zlib.compress(plain))),
        ("gzip", lambda plain: plain),
        ("br", lambda plain: plain),
        ("identity", lambda plain: plain),
    ],
)
def test_encodings(read_one: ReadOne, encoding: str, encode: Any) -> None:
    coded = base64.b64encode(encode(b'{"id": "asst_1234"}')).decode()
    cassette = PYTHON.replace("eyJpZCI6ICJhc3N0XzEyMzQiLCAiZGVsZXRlZCI6IHRydWV9", coded)
    cassette = cassette.replace(
        "headers: {content-type: [application/json]}",
        f"headers: {{content-type: [application/json], content-encoding: ['{encoding}']}}",
    )
    assert read_one("coded.yaml", cassette).exchanges[1].answer.body == {"id": "asst_1234"}


def test_an_upload(read_one: ReadOne) -> None:
    form = (
        b'--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a b.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nhello\r\n\xff\r\n--xyz--\r\n"
    )
    cassette = f"""\
interactions:
- request:
    body: !!binary {base64.b64encode(form).decode()}
    headers: {{content-type: [multipart/form-data; boundary=xyz]}}
    method: POST
    uri: https://api.openai.com/v1/files
  response:
    body: {{string: '{{"id": "file-1234"}}'}}
    headers: {{content-type: [application/json]}}
    status: {{code: 200, message: OK}}
version: 1
"""
    (exchange,) = read_one("upload.yaml", cassette).exchanges
    assert exchange.request == Request(
        method="POST",
        path="/v1/files",
        headers={"openai-beta": None},
        body=(
            Part(name="purpose", data=b"assistants"),
            Part(name="file", data=b"hello\r\n\xff", filename="a b.txt", content_type="text/plain"),
        ),
    )
    spoilt = read_one("spoilt.yaml", cassette.replace("boundary=xyz", "boundary=abc"))
    assert spoilt.exchanges[0].request.body is UNRECORDED
    assert spoilt.exchanges[0].note == (
        "the request's form cannot be read: the boundary that its content type names is not in it"
    )


def test_no_tag_makes_an_object(read_one: ReadOne) -> None:
    evil = PYTHON.replace("method: DELETE", "method: !!python/object/apply:os.system ['exit 1']", 1)
    with pytest.raises(Exception, match=r"entry 2: its request's method is missing, or no text"):
        read_one("evil.yaml", evil)
    harmless = PYTHON.replace("method: DELETE", "method: !!python/unicode DELETE", 1)
    assert read_one("harmless.yaml", harmless).exchanges[1].request.method == "DELETE"


def test_a_yaml_cassette_is_told_by_its_content(read_one: ReadOne) -> None:
    as_json = {"http_interactions": [{
        "request": {"method": "get", "uri": "https://x.invalid/v1/models", "body": {"encoding": "UTF-8", "string": ""}},
        "response": {"status": {"code": 200}, "headers": {"Content-Type": ["application/octet-stream"]},
                     "body": {"encoding": "ASCII-8BIT", "string": "\u00ff\u0001"}},
    }]}  # fmt: skip
    assert read_one("named.yaml", as_json).exchanges[0].answer.body == b"\xff\x01"
