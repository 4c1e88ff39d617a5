"""Old Word files: what LibreOffice saved, what it does not save, and what is broken."""

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.retrieval import ole, word97
from proxy.retrieval.parsing import parse
from proxy.retrieval.unreadable import Unreadable
from tests.retrieval import containers
from tests.retrieval.test_parsing import EAST, parsed, refused

SAVED = Path(__file__).parent / "word97"


def saved(name: str) -> str:
    return parse(SAVED / name, name)


def test_a_table_notes_a_comment_a_link_a_field_and_a_box() -> None:
    assert saved("bridges.doc") == (SAVED / "bridges.txt").read_text(encoding="utf-8")


def test_scripts() -> None:
    assert saved("scripts.doc") == (SAVED / "scripts.txt").read_text(encoding="utf-8")


def test_a_longer_one_is_whole() -> None:
    lines = saved("logbook.doc").splitlines()
    expected = []
    for n in range(300):
        expected.append(f"Sentence {n} of the logbook tells of boat {n * 7 % 101}.")
        if n % 10 == 0:
            expected.append(f"Запись {n} — Größe.")
    assert lines[: len(expected)] == expected


def test_encrypted() -> None:
    with pytest.raises(Unreadable, match=r"^The file is encrypted\.$") as error:
        saved("encrypted.doc")
    assert error.value.code == "invalid_file"


def test_pieces_of_both_kinds(tmp_path: Path) -> None:
    """As Word saves what was edited."""
    pieces = [b"5 \x80 caf\xe9, ", "река, ", b"\x93quoted\x94\r", "🌉"[:1], "\r"]
    assert parsed(tmp_path, "a.doc", containers.word97(pieces)) == "5 € café, река, “quoted”\n🌉\n\n"
    modifiers = b"\x01\x03\x00abc" + b"\x01\x00\x00"
    assert parsed(tmp_path, "a.doc", containers.word97([b"x\r"], before=modifiers, flags=0)) == "x\n\n"


def test_a_pair_of_two_pieces(tmp_path: Path) -> None:
    """Counts are of UTF-16 units."""
    pieces = ["\ud83c", "\udf09 and 🌊", b"."]
    assert parsed(tmp_path, "a.doc", containers.word97(pieces, [2, 8])) == "🌉\n and 🌊.\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a \x13 HYPERLINK x \x14link\x15.", "a link."),
        ("\x13 IF \x13 PAGE \x143\x15 = 3 \x14yes \x13 REF \x14deep\x15\x15!", "yes deep!"),
        ("a\x13 PAGE \x15b", "ab"),
        ("a \x13 never ends, b", "a  never ends, b"),
        ("a\x15 b\x14 c", "a b c"),
        ("a\x01\x02\x05\x08b", "ab"),
        ("a\x0bb\x0cc\x1ed\x1fe", "a\nb\nc-de"),
        ("a\x07\x07b\x07\x07", "a\t\nb\t\n"),  # nothing says where rows end
    ],
)
def test_marks(tmp_path: Path, text: str, shown: str) -> None:
    assert parsed(tmp_path, "a.doc", containers.word97([text])) == f"{shown}\n"


def test_parts_in_their_order_but_no_macros(tmp_path: Path) -> None:
    made = containers.word97([b"mainnotehead!!commendboxhbox"], [4, 4, 4, 2, 4, 3, 3, 4])
    assert parsed(tmp_path, "a.doc", made).split() == ["main", "note", "head", "comm", "end", "box", "hbox"]


def test_word_95(tmp_path: Path) -> None:
    assert parsed(tmp_path, "a.doc", containers.word95(b"caf\xe9\r")) == "café\n\n"
    assert parsed(tmp_path, "a.doc", containers.word95(b"caf\x8e\r", mac=True)) == "café\n\n"
    pieces = [(4, 8), (8, 0)]
    assert parsed(tmp_path, "a.doc", containers.word95(b"Regen, uLinz", pieces=pieces)) == "LinzRegen, u\n"
    assert parsed(tmp_path, "a.doc", containers.word95(EAST.encode("cp1251"))) == f"{EAST}\n"


def patched(content: bytes, at: int, layout: str, *values: int) -> bytes:
    made = bytearray(content)
    struct.pack_into(layout, made, at, *values)
    return bytes(made)


GOOD = containers.word97([b"text"])
FIB = 2 * containers.SECTOR
"""Where the stream WordDocument begins, and the FAT is before it."""


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (GOOD[:20], "invalid_file", "breaks off"),
        (GOOD[:600], "invalid_file", "could not be parsed"),
        (GOOD[: FIB + 100], "invalid_file", ""),
        (containers.container({"Workbook": b""}), "invalid_file", "has no WordDocument"),
        (containers.container({"WordDocument": b"\xec\xa5\xc1\x00"}), "invalid_file", "no table stream"),
        (containers.word97([b"text"], ident=0xA699), "unsupported_file", ".docx"),
        (containers.word97([b"text"], flags=0x0300), "invalid_file", "encrypted"),
        (containers.word97([b"text"], [1 << 31]), "invalid_file", "more than"),
        (containers.word97([b"text"], places=[0, 1 << 20]), "invalid_file", "breaks off"),
        (containers.word97([b"text", b"more"], places=[0, 8, 4]), "invalid_file", "overlap"),
        (containers.word97([b"text"], before=b"\x01\xff\xff"), "invalid_file", "where its text is"),
        (patched(GOOD, 30, "<H", 31), "invalid_file", "no size that there is"),
        (patched(GOOD, 44, "<I", 1 << 31), "invalid_file", "breaks off"),
        (patched(GOOD, 64, "<I", 1 << 31), "invalid_file", "breaks off"),
        (patched(GOOD, 44, "<IIIIIIII", 1000, 10, 0, 4096, 0xFFFFFFFE, 0, 0, 8), "invalid_file", "breaks off"),
        # The size of the stream, 120 bytes into the second entry of the directory, which is the last sector.
        (patched(GOOD, len(GOOD) - 512 + 128 + 120, "<I", 1 << 30), "invalid_file", "bytes of text"),
        (patched(GOOD, len(GOOD) - 512 + 128 + 120, "<I", 1 << 26), "invalid_file", "breaks off"),
    ],
)
def test_what_is_broken(tmp_path: Path, content: bytes, code: str, said: str) -> None:
    began = time.monotonic()
    assert refused(tmp_path, "a.doc", content)[0] == code
    assert said in refused(tmp_path, "a.doc", content)[1]
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("to", [1, 2, 5])
def test_sectors_that_go_round_in_circles(tmp_path: Path, to: int) -> None:
    """A stream is as long as it says, whatever its sectors."""
    broken = patched(GOOD, 512 + 4 * 5, "<I", to)
    with pytest.raises(Unreadable):
        parsed(tmp_path, "a.doc", broken.replace(struct.pack("<I", 4), struct.pack("<I", 1 << 20)))


def test_a_newer_document_with_a_password(tmp_path: Path) -> None:
    made = containers.container({"EncryptedPackage": b"x"})
    for name in ("a.docx", "a.pptx", "a.xlsx"):
        assert refused(tmp_path, name, made) == ("invalid_file", "The file is encrypted.")
        assert "cannot be unpacked" in refused(tmp_path, name, GOOD)[1]
    assert refused(tmp_path, "a.doc", made) == ("invalid_file", "The file is encrypted.")


ORIGINALS = [(SAVED / "bridges.doc").read_bytes(), (SAVED / "scripts.doc").read_bytes(), containers.word95(b"x" * 99)]


@settings(max_examples=300, deadline=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_done_to_a_file_there_is_text_or_a_refusal(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(ORIGINALS)))
    # Mostly where the structure is: the header and the FAT, and the file information block.
    places = st.one_of(st.integers(0, 1100), st.integers(0, len(content) - 4))
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(places)
        content[at : at + 4] = data.draw(st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\0\0\0", b"\xfe"]))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    try:
        text = parsed(tmp_path, "a.doc", bytes(content))
    except Unreadable as error:
        text = error.message
    assert text.strip()


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word97, "MOST_CHARACTERS", 3)
    assert "more than 3 characters" in refused(tmp_path, "a.doc", GOOD)[1]
    monkeypatch.setattr(ole, "MOST_BYTES", 1000)
    assert "more than 1000 bytes" in refused(tmp_path, "a.doc", GOOD)[1]
