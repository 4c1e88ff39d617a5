"""The one way in: a path of recorded traffic, in whatever form, becomes `Recording`s."""

from pathlib import Path
from typing import Any

from compat_tests.exchange import Recording
from compat_tests.reading import directory
from compat_tests.reading.files import Unreadable, content_of, files_below, json_of


def read(path: Path) -> list[Recording]:
    """Everything recorded in a file, or in the files below a directory, sorted by path.

    Raises `Unreadable`, for a directory also when there is nothing in it.
    """
    if not path.is_dir():
        return [_read(path, path.parent.parent)]
    found = [_read(file, path) for file in files_below(path)]
    if not found:
        raise Unreadable(f"{path}: no recordings in it")
    return found


def _read(file: Path, root: Path) -> Recording:
    parsed = json_of(content_of(file), file)
    return recognised(parsed, file, root)


def recognised(parsed: Any, file: Path, root: Path) -> Recording:
    match parsed:
        case {"exchanges": list()}:
            return directory.recording(parsed, file.relative_to(root).with_suffix("").as_posix(), file)
        case _:
            raise Unreadable(f"{file}: no recorded traffic in a form that is known here")
