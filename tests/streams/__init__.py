"""Every kind of stream that a run can have: frame by frame on the wire, and through the official clients.

`cases` is the table, `expected` says each frame of it, `place` is a server to play it on. `test_frames` compares the
wire with the table, the others drive the clients. `tests/compat/test_recordings` compares what the real service sent.
"""
