"""Recordings, asked again: the same requests to a live server, in the same order, and each answer compared.

A map, in reading order:

- `replay.py` is the walk through a recording; it returns a `Result` whatever the server does.
- `paths.py` takes paths apart: what they ask for, and which ids are in them.
- `timeline.py` finds out what each run of a recording did between which exchanges.
- `model_script.py` is what the recorded model said, as replies of the scripted model server.
- `holding.py` holds the model back until what was recorded before its answer has been asked for, and `running.py` has
  each run begin, wait and end as it did.
- `polling.py` folds polls into one question, and asks until the recorded state is there.
- `uploads.py` and `answers_only.py` put together the bodies of requests that nobody wrote down.
- `lagging.py` is about lists that do not show what was just made.
- `preexisting.py` finds what a recording found and did not make, and `seeding.py` makes it.
"""

from compat_tests.replay.replay import replay

__all__ = ["replay"]
