"""Every kind of stream that a run can have: frame by frame on the wire, and through the official clients.

`cases` is the table, `expected` says each frame of it, `place` is a server to play it on. `test_recorded` compares with
what the real service sent, `test_frames` with the table where there is no recording, the others drive the clients.
"""
