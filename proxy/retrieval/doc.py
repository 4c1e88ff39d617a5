"""Files that end in .doc, and are whatever programs saved under that name: Word has opened all of them."""

from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from zipfile import is_zipfile

from proxy.retrieval import ole, rtf, word97
from proxy.retrieval.documents import text_of_docx, text_of_xml
from proxy.retrieval.texts import bytes_of, text_of, text_of_html
from proxy.retrieval.unreadable import Unreadable

_SAMPLE: Final = 4096
_OLDER: Final = (b"\xdb\xa5", b"\xdc\xa5", b"\xfe\x37", b"\x31\xbe")
"""What files of Word for Windows 2 and older, for the Macintosh and for DOS begin with."""

_HEADERS: Final = (b"mime-version:", b"from:", b"message-id:", b"date:", b"content-type:", b"x-")
"""What messages begin with."""


def text_of_doc(path: Path) -> Iterator[str]:
    """Goes by what is in it. Raises `Unreadable`."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    begin = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    if sample.startswith(ole.MAGIC):
        yield from word97.text_of_word97(path)
    elif sample.startswith(b"PK") and is_zipfile(path):
        yield text_of_docx(path)
    elif sample.startswith(_OLDER):
        raise Unreadable(
            "Files of Word 2 and older cannot be read. Save it as .docx, and upload it again.",
            code="unsupported_file",
        )
    elif begin.startswith(rtf.MAGIC):
        yield rtf.text_of_rtf(bytes_of(path))
    elif begin.startswith(b"<?xml") and any(mark in sample for mark in (b"<w:wordDocument", b"<pkg:package")):
        yield from text_of_xml(path)
    elif begin.lower().startswith(_HEADERS) and b"mime-version:" in sample.lower():
        yield _text_of_mhtml(bytes_of(path))
    elif begin.startswith(b"<") and any(mark in sample.lower() for mark in (b"<html", b"<!doctype html", b"<body")):
        yield text_of_html(bytes_of(path))
    else:
        yield text_of(bytes_of(path))


def _text_of_mhtml(data: bytes) -> str:
    """A page with its pictures, as a message: `Save as single file` of Word, and exports of wikis."""
    message = message_from_bytes(data, _class=EmailMessage, policy=policy.default)
    page = message.get_body(("html", "plain"))
    if page is None:
        return text_of(data)
    content = page.get_payload(decode=True)
    assert isinstance(content, bytes)
    charset = page.get_content_charset()
    if charset is not None:
        with suppress(LookupError):
            content = content.decode(charset, "replace").encode()
    return text_of_html(content) if page.get_content_subtype() == "html" else text_of(content)
