"""Black-box conformance: HTTP only, to any server, and nothing of the server's own code is imported here.

A map, in reading order:

- `exchange.py` is what was said on the wire: an `Exchange`, and a `Recording` of several.
- `case.py` is a requirement as data: what to ask, and what must come. The cases themselves are in `cases/`.
- `result.py` is what came of one case or recording: passed, or the differences.
- `target.py` is the server that is asked, and the scripted model server behind it where there is one.
- `scripted_upstream/` is that model server.
- `playing.py` plays a case; `reading/`, `replay/` and `comparison/` do as much for recorded traffic.
- `schemas/` looks at every answer, whatever was expected of it.
- `cli.py` is the command line: `arguments.py`, `choosing.py`, `running.py`, `accepting.py`, and `report/` in the end.
"""
