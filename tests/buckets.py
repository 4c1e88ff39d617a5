"""A bucket on a real S3-compatible server, SeaweedFS, as a process of its own; and a look at what is in it."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config

BUCKET = "understudy-tests"
KEY, SECRET = "the-key", "the-secret"
READER, READER_SECRET = "the-reader", "the-reader-secret"
"""Somebody who may read and not write."""
START_SECONDS = 60

_WHO = {
    "identities": [
        {
            "name": "owner",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER, "secretKey": READER_SECRET}],
            "actions": ["Read", "List"],
        },
    ]
}


class BucketServer:
    """May be killed, and started again with what it had, at the same address."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self._who = directory / "who.json"
        self._who.write_bytes(msgspec.json.encode(_WHO))
        self._ports = _free_ports(8)
        self.url = f"http://127.0.0.1:{self._ports[0]}"

    def start(self) -> "BucketServer":
        names = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc")
        names += ("volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
        weed = Path(sys.executable).with_name("weed")
        command = [weed, "-logtostderr=true", "server", "-filer", "-s3", f"-s3.config={self._who}"]
        command += [f"-{name}={port}" for name, port in zip(names, self._ports, strict=True)]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-master.telemetry=false"]
        command += ["-master.electionTimeout=1s"]  # started again, it would wait for the servers that there might be
        command += ["-volume.max=20", "-master.volumeSizeLimitMB=256", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-dir={self._directory}", f"-filer.localSocket={self._directory}/filer.sock"]
        log = (self._directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(command, stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        self._wait()
        return self

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def end(self) -> None:
        if self._process is not None:
            self.kill()

    def settings(self, prefix: str = "") -> dict[str, str]:
        """Variables for a server of ours that is to use it."""
        given = {"BUCKET": BUCKET, "BUCKET_PREFIX": prefix, "BUCKET_ENDPOINT": self.url}
        given |= {"BUCKET_ACCESS_KEY_ID": KEY, "BUCKET_SECRET_ACCESS_KEY": SECRET}
        return {f"UNDERSTUDY_FILES__{name}": value for name, value in given.items()}

    @cached_property
    def client(self) -> Any:
        """One that is not ours."""
        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def keys(self, prefix: str = "") -> list[str]:
        """Of all objects under the prefix, without it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return sorted(one["Key"].removeprefix(prefix) for page in pages for one in page.get("Contents", []))

    def half(self, prefix: str = "") -> list[str]:
        """The keys of uploads in parts that were neither completed nor aborted."""
        uploads = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
        return sorted(one["Key"].removeprefix(prefix) for one in uploads)

    def put(self, key: str, content: bytes = b"") -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def _wait(self) -> None:
        """Until it takes and gives an object: its parts find each other some time after it listens."""
        assert self._process is not None
        pause = threading.Event()
        for _ in range(START_SECONDS * 10):
            try:
                if BUCKET not in [one["Name"] for one in self.client.list_buckets()["Buckets"]]:
                    self.client.create_bucket(Bucket=BUCKET)
                self.put("ready", b"x")
                self.client.delete_object(Bucket=BUCKET, Key="ready")
                return
            except Exception:
                if self._process.poll() is not None:
                    break
                pause.wait(0.1)
        self.end()
        raise RuntimeError("the bucket's server does not start:\n" + (self._directory / "log").read_text()[-3000:])


@contextmanager
def bucket_server(directory: Path) -> Iterator[BucketServer]:
    server = BucketServer(directory)
    try:
        yield server.start()
    finally:
        server.end()
        server.client.close()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
