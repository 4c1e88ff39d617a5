"""What to run: cases by slug and tag, and recordings from a directory or single files."""

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from compat_tests.case import CASES, NamedCase, read_cases
from compat_tests.exchange import Recording
from compat_tests.running import Plan


class NoSuchThing(ValueError):
    """Something was named that is not there."""


def plan_of(
    *,
    cases: Path | None,
    slugs: Sequence[str],
    tags: Sequence[str],
    recordings: Path | None,
    cassettes: Sequence[Path],
) -> Plan:
    """`cases` None: no cases. Raises `NoSuchThing`, `ValueError` for a case that is none, and `Unreadable`."""
    from_directory = _read(recordings) if recordings is not None else []
    from_files = [recording for file in cassettes for recording in _read(file)]
    found = [] if cases is None else read_cases(cases)
    if cases not in {None, CASES} and not found:
        raise NoSuchThing(f"no cases in {cases}: they are in files <resource>/<slug>.json")
    names = [
        *(name for each in found for name in (f"{each.resource}/{each.slug}", each.slug)),
        *(each.name for each in (*from_directory, *from_files)),
    ]
    for slug in slugs:
        if not any(fnmatchcase(name, slug) for name in names):
            close = difflib.get_close_matches(slug, names, n=3)
            raise NoSuchThing(f"no case or recording {slug}" + (f": is it {' or '.join(close)}?" if close else ""))
    for tag in tags:
        if not any(fnmatchcase(carried, tag) for each in found for carried in each.case.tags):
            raise NoSuchThing(f"no case has a tag {tag}")
    return Plan(
        cases=tuple(each for each in found if _is_chosen(each, slugs, tags)),
        is_chosen=bool(slugs or tags),
        recordings=(
            *(("recording", each) for each in _named(from_directory, slugs)),
            *(("cassette", each) for each in _named(from_files, slugs)),
        ),
    )


def _is_chosen(case: NamedCase, slugs: Sequence[str], tags: Sequence[str]) -> bool:
    names = (f"{case.resource}/{case.slug}", case.slug)
    by_name = not slugs or any(fnmatchcase(name, slug) for slug in slugs for name in names)
    return by_name and (not tags or any(fnmatchcase(carried, tag) for tag in tags for carried in case.case.tags))


def _named(recordings: Iterable[Recording], slugs: Sequence[str]) -> list[Recording]:
    return [each for each in recordings if not slugs or any(fnmatchcase(each.name, slug) for slug in slugs)]


def _read(path: Path) -> list[Recording]:
    from compat_tests.reading import read  # needs a reader of YAML, which cases do without

    if not path.exists():
        raise NoSuchThing(f"there is no {path}")
    found = read(path)
    if not found:
        raise NoSuchThing(f"nothing in {path} is a recording")
    return found
