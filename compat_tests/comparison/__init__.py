"""Whether a live server answered as the real service did: two answers in, differences out. No I/O.

A map, in reading order:

- `ids.py` is the two-way map of recorded ids to live ones, learnt as objects appear.
- `compare.py` holds one recorded answer against one live answer.
- `values.py`, `pages.py` and `streams.py` are what `compare.py` is made of; `progress.py` says what is only a matter
  of when somebody asked, `hosted.py` which tools ran where the model did.
- `relations.py` and `rules.py` look at live answers alone: what must hold inside and between them.
- `accepted.py` says which differences are known, and why: what the real service itself changed over time, and what is
  accepted of the server that is asked.

How they are used:

    ids, relations = Ids(), Relations()
    accepted = Accepted()                                       # one for the whole session
    found = compare(exchange.answer, ours, ids, when)           # learns ids, too
    found += relations.look(ours, when)
    differences = accepted.judge(found, when)                   # reasons filled in, changes of the service left out
"""
