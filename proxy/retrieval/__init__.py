"""From files to what is found in them: parse, chunk, index, search. Knows no HTTP and no runs.

A map, in the order in which a file goes through it:

- `ingestion.py` is the queue: it takes files that wait from the store, has them read, and saves what came of it.
- `readers.py` runs the processes that read them, and ends one that takes too long; `reader.py` is such a process.
- `formats.py` says which files can be read; `parsing.py` finds the parser for one, and `texts.py documents.py pdf.py
  sheets.py pages.py doc.py` are the parsers: from a file to its text, within bounds, or `Unreadable`. A `.doc` may be
  many things, of which `ole.py word97.py rtf.py` read two.
- `chunking.py` cuts text into chunks of so many tokens, at sensible places.
- `analysis.py` makes terms of text, and `lexical.py` the words of the index of a chunk's terms, with the weights that
  a search adds up (BM25).
- `search.py` asks; `filters.py` chooses files by their attributes.

Where an embeddings model is set, chunks are found by their meaning as well: `ingestion.py` has vectors made of what a
reader hands out, `meaning.py` of queries, `vectors.py` packs them and finds the nearest, and `search.py` makes one
ranking of the two.
"""
