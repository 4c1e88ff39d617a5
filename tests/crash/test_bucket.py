"""`run.py serve` with the contents of files in a bucket: used, killed, left without the bucket, and not let in."""

import http.client
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import openai
import pytest

from proxy.store.bucket.claim import NAME as OWNER
from tests.buckets import BucketServer, bucket_server
from tests.command_line import command
from tests.processes import ROOT, Server, serving

NOWHERE = "http://127.0.0.1:9"
LARGE = random.Random(1).randbytes(20_000_000)
"""Goes up in parts."""
EDGE = "edge"
HEAD = (
    f'--{EDGE}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
).encode()
TAIL = f"\r\n--{EDGE}--\r\n".encode()


@pytest.fixture
def prefix() -> str:
    return f"{uuid4().hex}/"


@pytest.fixture
def server(tmp_path: Path, buckets: BucketServer, prefix: str) -> Iterator[Server]:
    with serving(tmp_path / "data", NOWHERE, environ=buckets.settings(prefix)) as server:
        yield server


def client_of(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)


def until(condition: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to that")


def contents(buckets: BucketServer, prefix: str) -> list[str]:
    return [key for key in buckets.keys(prefix) if key != OWNER]


def half_an_upload(server: Server) -> http.client.HTTPConnection:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.putrequest("POST", "/v1/files")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={EDGE}")
    connection.putheader("Content-Length", str(len(HEAD) + len(LARGE) + len(TAIL)))
    connection.endheaders(HEAD + LARGE[:10_000_000])
    return connection


def test_files_are_uploaded_downloaded_searched_and_deleted(server: Server, buckets: BucketServer, prefix: str) -> None:
    with client_of(server) as client:
        large = client.files.create(file=("a.bin", LARGE), purpose="user_data")
        notes = client.files.create(file=("notes.txt", b"The ferry leaves at noon."), purpose="assistants")
        assert contents(buckets, prefix) == sorted([large.id, notes.id])
        assert client.files.content(large.id).read() == LARGE
        part = client.files.with_raw_response.content(large.id, extra_headers={"Range": "bytes=9999990-10000009"})
        assert (part.status_code, part.content) == (206, LARGE[9_999_990:10_000_010])

        joined = client.uploads.upload_file_chunked(
            file=LARGE,
            filename="b.bin",
            bytes=len(LARGE),
            mime_type="text/plain",
            purpose="assistants",
            part_size=7 << 20,
        )
        assert joined.file is not None
        assert client.files.content(joined.file.id).read() == LARGE
        assert contents(buckets, prefix) == sorted([large.id, notes.id, joined.file.id])

        store = client.vector_stores.create()
        read = client.vector_stores.files.create_and_poll(vector_store_id=store.id, file_id=notes.id)
        assert read.status == "completed"
        (found,) = client.vector_stores.search(store.id, query="when does the ferry leave").data
        assert found.file_id == notes.id
        assert list((server.data / "copies").rglob("file-*")) == []

        for id in (large.id, notes.id, joined.file.id):
            client.files.delete(id)
        assert (contents(buckets, prefix), buckets.half(prefix)) == ([], [])
    assert not (server.data / "blobs").exists()


def test_what_is_killed_during_an_upload_leaves_nothing_after_the_next_start(
    server: Server, buckets: BucketServer, prefix: str
) -> None:
    with client_of(server) as client:
        kept = client.files.create(file=("a.txt", b"kept"), purpose="assistants")
    connection = half_an_upload(server)
    until(lambda: buckets.half(prefix))
    buckets.put(f"{prefix}file-norownamesit", b"x")
    server.kill()
    connection.close()
    assert buckets.half(prefix) != []
    server.start()
    assert (contents(buckets, prefix), buckets.half(prefix)) == ([kept.id], [])
    assert any("swept 2 contents" in line for line in server.said)
    with client_of(server) as client:
        assert client.files.content(kept.id).read() == b"kept"


def test_a_client_that_leaves_during_an_upload_leaves_nothing(
    server: Server, buckets: BucketServer, prefix: str
) -> None:
    connection = half_an_upload(server)
    until(lambda: buckets.half(prefix))
    connection.close()
    until(lambda: not buckets.half(prefix))
    assert contents(buckets, prefix) == []


def test_without_its_bucket_it_says_so_and_goes_on_when_that_is_back(tmp_path: Path, prefix: str) -> None:
    with bucket_server(tmp_path / "bucket") as bucket:
        environ = bucket.settings(prefix)
        with serving(tmp_path / "data", NOWHERE, environ=environ) as server, client_of(server) as client:
            kept = client.files.create(file=("a.txt", b"kept"), purpose="assistants")
            connection = half_an_upload(server)
            until(lambda: bucket.half(prefix))
            bucket.kill()
            connection.send(LARGE[10_000_000:] + TAIL)
            assert connection.getresponse().status == 503
            connection.close()
            with pytest.raises(openai.InternalServerError, match="cannot reach its store of file contents") as refused:
                client.files.content(kept.id)
            assert refused.value.status_code == 503
            assert [file.id for file in client.files.list()] == [kept.id]
            assert any("Could not connect" in line for line in server.said)
            assert environ["UNDERSTUDY_FILES__BUCKET_SECRET_ACCESS_KEY"] not in "".join(server.said)

            bucket.start()
            assert client.files.content(kept.id).read() == b"kept"
            large = client.files.create(file=("a.bin", LARGE), purpose="assistants")
            assert client.files.content(large.id).read() == LARGE
            server.kill()
            server.start()
            assert contents(bucket, prefix) == sorted([kept.id, large.id])
            assert bucket.half(prefix) == []


def test_a_second_server_is_not_let_in(server: Server, buckets: BucketServer, prefix: str, tmp_path: Path) -> None:
    environ = buckets.settings(prefix) | {"UNDERSTUDY_UPSTREAMS": NOWHERE}
    done = command("serve", "--port", "0", "--data", tmp_path / "other", **environ)
    assert done.returncode == 1
    assert f"{prefix} is another database's" in done.stderr
    with client_of(server) as client:
        assert client.files.create(file=("a.txt", b"x"), purpose="assistants").bytes == 1


def test_without_the_package_it_says_what_installs_it(tmp_path: Path) -> None:
    lacking = tmp_path / "lacking" / "aiobotocore"
    lacking.mkdir(parents=True)
    (lacking / "__init__.py").write_text("raise ModuleNotFoundError('no', name='aiobotocore')")
    environ = {"UNDERSTUDY_FILES__BUCKET": "b", "UNDERSTUDY_UPSTREAMS": NOWHERE, "PYTHONPATH": str(lacking.parent)}
    done = command("serve", "--port", "0", "--data", tmp_path / "data", **environ)
    assert done.returncode == 2
    assert "the package aiobotocore is not installed; `make s3` installs it" in done.stderr


def test_the_package_is_only_imported_where_a_bucket_is_set() -> None:
    code = "import sys, proxy.app; print([name for name in sys.modules if 'botocore' in name])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
