"""The Assistants API on top of stateless chat completions.

A map, in reading order:

- `schema/` is the vocabulary: every object of the API as a Struct, in the key order of the wire.
- `runs/` decides what a run does next. It is pure: values in, events out. It awaits nothing.
- `engine/` is the shell around it: tasks, model requests, saving, publishing to followers.
- `store/` holds the only SQL. One writer, group commit; a row is the JSON an object is answered with.
- `operations/` has one function per operation of the API and knows no HTTP.
- `api/` is the HTTP face: routes, decoding, framing, error bodies.
- `app.py` puts the parts together and is the only module that may import all of them.

Model servers live beside this package, in `adapters/`; settings in `config/`.
"""

VERSION = "0.1.0"
