"""A stand-in for Keep, written by us from what its interface is known to be; for environments that cannot have Keep.

Keep wants pydantic 1 and Python packages by the dozen. Here is as much as a provider sees: the base class, the models
of its configuration, and the running of a workflow's steps, with the traps of the real one that matter to a provider.
The tests run on Keep itself as well; see tests/keep/installed.py.
"""
