"""From files to what is found in them: parse, chunk, index, search. Knows no HTTP and no runs.

A map, in the order in which a file goes through it:

- `ingestion.py` is the queue: it takes files that wait from the store, has them read, and
  has `saving.py` save what came of it.
- `readers.py` asks the processes that read them, `reader.py`; `processes.py` starts and ends such processes, whatever
  they do, and `working.py` is what they have in common.
- `formats.py` says which files can be read; `parsing.py` finds the parser for one, and `texts.py pages.py documents.py
  doc.py word97.py ole.py rtf.py pdf.py sheets.py` are the parsers: from a file to its text, within bounds, or
  `Unreadable`.
- `chunking.py` cuts text into chunks of so many tokens, at sensible places.
- `analysis.py` makes terms of text, and `lexical.py` the words of the index of a chunk's terms, with the weights that
  a search adds up (BM25).
- `search.py` asks; `filters.py` chooses files by their attributes.

Chunks are found by their meaning as well, unless there is no model for it:

- `built_in.py` is the model that comes along, in processes (`embedding.py`) that hold it (`minilm.py`).
- `ingestion.py` has vectors made of what a reader hands out, `catching_up.py` of what was read without, and
  `meaning.py` of queries.
- `vectors.py` packs them and finds the nearest, and `fusion.py` makes one ranking of the two.
"""
