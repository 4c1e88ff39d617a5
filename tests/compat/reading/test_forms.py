"""Forms come apart as they were put together."""

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_tests.exchange import Part
from compat_tests.reading.forms import NotAForm, parts_of

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters='"\\%'), min_size=1)
PARTS = st.builds(
    Part,
    name=NAMES,
    data=st.binary() | st.sampled_from([b"\r\n", b"\r\n--", b"--", b"\n--xyz1", b"\r\n\r\n", b"\r", b"\n"]),
    filename=NAMES | st.none(),
    content_type=st.just("application/x-thing") | st.none(),
)


@given(st.lists(PARTS, max_size=4))
def test_any_parts(parts: list[Part]) -> None:
    written = (
        b"".join(b"--xyz\r\n" + heading(part) + b"\r\n\r\n" + part.data + b"\r\n" for part in parts) + b"--xyz--\r\n"
    )
    if parts:
        assert list(parts_of(written, "multipart/form-data; boundary=xyz")) == parts


def heading(part: Part) -> bytes:
    filename = "" if part.filename is None else f'; filename="{part.filename}"'
    kind = "" if part.content_type is None else f"\r\nContent-Type: {part.content_type}"
    return f'Content-Disposition: form-data; name="{part.name}"{filename}{kind}'.encode()


async def test_a_form_as_the_suite_sends_it() -> None:
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    form.add_field("purpose", "assistants")
    form.add_field("file", b"\0\xff", filename='a "b" é.bin', content_type="application/x-thing")
    writer = form()
    assert parts_of(await writer.as_bytes(), writer.headers["Content-Type"]) == (
        Part(name="purpose", data=b"assistants", content_type="text/plain; charset=utf-8"),
        Part(name="file", data=b"\0\xff", filename='a "b" é.bin', content_type="application/x-thing"),
    )


@pytest.mark.parametrize("boundary", ['"a=b c"', "abc"])
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_boundaries_and_newlines(boundary: str, newline: str) -> None:
    form = newline.join(
        [
            "something before",
            f"--{boundary.strip(chr(34))}  ",
            "content-disposition: form-data; filename*=utf-8''caf%C3%A9.txt; filename=caf.txt; name=file",
            "Content-Transfer-Encoding: binary",
            "",
            "one",
            "two",
            f"--{boundary.strip(chr(34))}--",
            "something behind",
        ]
    )
    (part,) = parts_of(form.encode(), f"Multipart/Form-Data; charset=utf-8; Boundary={boundary}")
    assert part == Part(name="file", data=f"one{newline}two".encode(), filename="café.txt")


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"--x--", "multipart/form-data", "names no boundary"),
        (b"hello", "multipart/form-data; boundary=x", "is not in it"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x\r\n",
            "multipart/form-data; boundary=x",
            "no end",
        ),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n--x--", "multipart/form-data; boundary=x", "no content"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\nb\r\n--x--", "multipart/form-data; boundary=x", "no name"),
    ],
)
def test_what_is_no_form(body: bytes, kind: str, why: str) -> None:
    with pytest.raises(NotAForm, match=why):
        parts_of(body, kind)
