"""The benchmark: what the server adds to a model server, as ratios and differences within one run.

`upstream.py` is the bare model server, as fast as we can write one; `wire.py` is the one client, used for both alike.
`processes.py` runs them, `machine.py` says where. Each measurement is a module with a function `measure`, which asks A
and B in turns, so that a machine that grows slow meanwhile is slow for both, and yields `figures.Row`s.
"""
