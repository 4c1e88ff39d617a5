"""Names that lead elsewhere, or nowhere: kept as they are, shown as they are, and never part of a path."""

import json
from email.message import Message
from pathlib import Path

import pytest

from tests.bad_input.visitor import FORM, GOOD, Visitor, form


def everything_around(visitor: Visitor) -> set[Path]:
    """All files beside and above the data directory that a path of the client's could have led to."""
    outside = visitor.server.data.parent
    return {path for path in outside.rglob("*") if not path.is_relative_to(visitor.server.data)}


NAMES = [
    ('filename="../../etc/passwd.txt"', "../../etc/passwd.txt"),
    ('filename="/tmp/understudy-was-here.txt"', "/tmp/understudy-was-here.txt"),
    (r'filename="..\..\windows\win.txt"', r"..\..\windows\win.txt"),
    (r'filename="C:\autoexec.txt"', r"C:\autoexec.txt"),
    ("filename*=utf-8''nul%00byte.txt", "nul\0byte.txt"),
    ("filename*=utf-8''two%0D%0Alines%3A%20x.txt", "two\r\nlines: x.txt"),
    ('filename="two%0D%0ASet-Cookie: x.txt"', "two\r\nSet-Cookie: x.txt"),
    ('filename="%2e%2e%2f%2e%2e%2fx.txt"', "%2e%2e%2f%2e%2e%2fx.txt"),
    ("filename*=utf-8''%2e%2e%2f%2e%2e%2fx.txt", "../../x.txt"),
    ("filename*=utf-8''%E2%80%AEtxt.exe.txt", "\u202etxt.exe.txt"),
    ("filename*=utf-8''%F0%9F%8C%89%20%D1%80%D0%B5%D0%BA%D0%B0.txt", "\U0001f309 \u0440\u0435\u043a\u0430.txt"),
    ("filename*=iso-8859-1''caf%E9.txt", "caf\u00e9.txt"),
    ('filename="...txt"', "...txt"),
    ('filename="~root/.ssh/x.txt"', "~root/.ssh/x.txt"),
    ('filename="$(reboot);`reboot`|x.txt"', "$(reboot);`reboot`|x.txt"),
    (f'filename="{"long" * 1500}.txt"', f"{'long' * 1500}.txt"),
]


@pytest.mark.parametrize(("named", "filename"), NAMES, ids=[name for name, _ in NAMES])
def test_a_name_is_a_name(visitor: Visitor, named: str, filename: str) -> None:
    around, before = everything_around(visitor), visitor.on_disk()
    status, answer, _ = visitor.say("POST", "/v1/files", form(named.encode(), GOOD), FORM)
    file = json.loads(answer)
    assert (status, file.get("filename")) == (200, filename), file
    assert visitor.on_disk() - before == {file["id"]}
    assert visitor.did("GET", "/files?limit=1&order=desc")["data"] == [file]

    status, content, headers = visitor.say("GET", f"/v1/files/{file['id']}/content", None, {})
    assert (status, content) == (200, GOOD)
    assert "Set-Cookie" not in headers
    saved_as = saved_under(headers["Content-Disposition"])
    assert saved_as
    assert not set(saved_as) & set("/\\\r\n\0\u202e")
    assert not saved_as.startswith(".")
    assert len(headers["Content-Disposition"]) < 2000

    store = visitor.store(file["id"])
    assert visitor.read(store)[file["id"]]["status"] == "completed"
    assert visitor.found(store, "otter") == [(file["id"], filename)]
    visitor.did("DELETE", f"/files/{file['id']}")
    assert visitor.on_disk() == before
    assert everything_around(visitor) == around
    assert not Path("/tmp/understudy-was-here.txt").exists()


def saved_under(disposition: str) -> str:
    """As a client understands it that goes by RFC 6266."""
    message = Message()
    message["Content-Disposition"] = disposition
    return message.get_filename("")


@pytest.mark.parametrize("name", ["..", "...", "/", "\\", ".txt", "x.txt/", "x.txt.", "x.txt\0.png", "\u202etxt.exe"])
def test_a_name_without_an_ending_that_can_be_read_is_no_file_for_a_store(visitor: Visitor, name: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in name.encode())
    status, answer, _ = visitor.say("POST", "/v1/files", form(f"filename*=utf-8''{quoted}".encode(), GOOD), FORM)
    file = json.loads(answer)
    assert (status, file["filename"]) == (200, name)
    status, refused = visitor.ask("POST", "/vector_stores", {"file_ids": [file["id"]]})
    assert (status, refused["error"]["code"], refused["error"]["param"]) == (400, "unsupported_file", "file_ids")
    assert refused["error"]["message"].startswith("Files with extensions [")


@pytest.mark.parametrize(
    "named", [f'filename="{"x" * 10_000}.txt"', f"filename*=utf-8''{'%E6%B2%B3' * 10_000}.txt", 'filename="a\0b.txt"']
)
def test_what_no_header_can_hold_is_no_form(visitor: Visitor, named: str) -> None:
    before = visitor.on_disk()
    status, answer, _ = visitor.say("POST", "/v1/files", form(named.encode(), GOOD), FORM)
    error = json.loads(answer)["error"]
    assert (status, error["type"]) == (400, "invalid_request_error"), error
    assert visitor.on_disk() == before
