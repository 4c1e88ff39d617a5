"""The one way in: a path of recorded traffic, in whatever form, becomes `Recording`s."""

from pathlib import Path
from typing import Final

from compat_tests.exchange import Recording
from compat_tests.reading import azure, cassettes, directory, har, vcr
from compat_tests.reading.files import Unreadable, content_of, files_below, json_of
from compat_tests.reading.yaml_files import yaml_of

CASSETTES: Final = (("VCR cassette", vcr), ("HAR", har), ("session record of Azure's test proxy", azure))


def read(path: Path) -> list[Recording]:
    """Everything recorded in a file, or in the files below a directory, sorted by path.

    What a file is, is told by what is in it. Raises `Unreadable`, for a directory also when there is nothing in it.
    """
    if not path.is_dir():
        return [_read(path, path.name, path.resolve().parent.name)]
    found = [
        _read(file, file.relative_to(path).as_posix(), file.relative_to(path).parent.as_posix())
        for file in files_below(path)
    ]
    if not found:
        raise Unreadable(f"{path}: no recordings in it")
    return found


def _read(file: Path, name: str, group: str) -> Recording:
    content = content_of(file)
    if b"\0" in content[:8192]:
        raise Unreadable(f"{file}: neither JSON nor YAML, but something binary")
    # JSON is YAML, too, but read at a thousandth of the speed.
    is_json = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
    parsed = json_of(content, file) if is_json else yaml_of(content, file)
    match parsed:
        case {"exchanges": list()}:
            return directory.recording(parsed, (Path(group) / file.stem).as_posix(), file)
        case {"interactions": list()} if parsed.get("version", 1) not in (1, "1"):
            raise Unreadable(
                f"{file}: a VCR cassette of version {str(parsed['version'])[:20]}, which is not known here"
            )
    for form, reader in CASSETTES:
        if (entries := reader.entries_of(parsed)) is not None:
            return cassettes.recording(entries, reader.said, name, file, form=form)
    raise Unreadable(f"{file}: no recorded traffic in a form that is known here")
