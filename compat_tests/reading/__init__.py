"""Recorded traffic, in whatever form it was kept, read into `Recording`s.

A map, in reading order:

- `files.py` opens a file, and says so when it cannot be read: `Unreadable`.
- `wire.py` is what every form shares: paths from `/v1` on, bodies by their content type, event streams, forms.
- `directory.py`, `vcr.py`, `har.py` and `azure.py` are the forms: each takes what was parsed and gives a `Recording`.
- `recognising.py` tells them apart by what is in them, and has `read`.
"""

from compat_tests.reading.files import Unreadable
from compat_tests.reading.recognising import read

__all__ = ["Unreadable", "read"]
