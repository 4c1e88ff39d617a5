"""A large file into our server and out of it: how fast, and how much memory the process takes for it at the most."""

import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from bench.figures import Row, row
from bench.machine import forget_peak, peak_megabytes, resident_megabytes
from bench.setting import Setting
from bench.wire import Failed

MEMORY_MEGABYTES = 50.0
PIECE = bytes(range(256)) * 4096
EDGE = "edge"
HEAD = (
    f'--{EDGE}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
).encode()
TAIL = f"\r\n--{EDGE}--\r\n".encode()


def measure(setting: Setting) -> Iterator[Row]:
    megabytes = setting.sizes.file_megabytes
    address = urlsplit(setting.server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    process_id = setting.server.process_id
    _upload(connection, 1)  # what is imported and made once is not the file's
    before = resident_megabytes(process_id)
    forget_peak(process_id)
    began = time.perf_counter()
    file_id = _upload(connection, megabytes)
    taken = time.perf_counter() - began
    peak = peak_megabytes(process_id)
    what = f"{megabytes} MB"
    yield row("files", f"a file of {what}: upload, durable", [megabytes / taken], "MB/s")
    if before is not None and peak is not None:
        yield row("files", f"a file of {what}: memory added at the peak", [peak - before], "MB", below=MEMORY_MEGABYTES)
    began = time.perf_counter()
    _download(connection, file_id, megabytes)
    yield row("files", f"a file of {what}: download", [megabytes / (time.perf_counter() - began)], "MB/s")
    connection.close()


def _upload(connection: http.client.HTTPConnection, megabytes: int) -> str:
    connection.putrequest("POST", "/v1/files")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={EDGE}")
    connection.putheader("Content-Length", str(len(HEAD) + megabytes * len(PIECE) + len(TAIL)))
    connection.endheaders(HEAD)
    for _ in range(megabytes):
        connection.send(PIECE)
    connection.send(TAIL)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Failed(f"the upload was answered with {answer.status}: {body!r}")
    return str(msgspec.json.decode(body)["id"])


def _download(connection: http.client.HTTPConnection, file_id: str, megabytes: int) -> None:
    connection.request("GET", f"/v1/files/{file_id}/content")
    answer = connection.getresponse()
    received = 0
    while piece := answer.read(len(PIECE)):
        received += len(piece)
    if received != megabytes * len(PIECE):
        raise Failed(f"of {megabytes} MB only {received} bytes came back")
