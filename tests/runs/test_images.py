"""Pictures by their first bytes."""

import base64

import pytest

from proxy.runs.images import data_url, image_type


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"\xff\xd8\xff\xe1\0\x10Exif", "image/jpeg"),
        (b"GIF87a\1\0", "image/gif"),
        (b"GIF89a\1\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"\x89PNG\n", None),
        (b"<svg xmlns=", None),
        (b"%PDF-1.7", None),
        (b"BM", None),
        (b"", None),
    ],
)
def test_the_type_is_what_the_bytes_say(content: bytes, kind: str | None) -> None:
    assert image_type(content) == kind
    whole = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    assert data_url(content) == (whole if kind else None)
