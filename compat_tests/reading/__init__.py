"""Recorded traffic, in whatever form it was kept, read into `Recording`s.

A map, in reading order:

- `files.py` opens a file, and says so when it cannot be read: `Unreadable`.
- `yaml_files.py` reads YAML, safely.
- `headers.py` says which headers are kept: those that matter, and no secrets.
- `directory.py` is the form in which recordings of the real service are kept.
- `vcr.py`, `har.py` and `azure.py` are the forms of cassettes: each understands one entry.
- `wire.py` makes an exchange of it: paths from `/v1` on, bodies by content type and encoding (`compression.py`,
  `forms.py`). `cassettes.py` makes a recording of all of them, with the ids it needs from before (`ids.py`).
- `recognising.py` tells the forms apart by what is in them, and has `read`.
"""

from compat_tests.reading.files import Unreadable
from compat_tests.reading.recognising import read

__all__ = ["Unreadable", "read"]
