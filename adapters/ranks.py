"""Counts tokens without a model server: by tiktoken where its rank files are installed, by length where not.

An estimate either way, since open models have tokenizers of their own. Works offline: the ranks come with a package
that is never imported, and tiktoken is not allowed to fetch them.
"""

import asyncio
import functools
import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

ENCODING: Final = "o200k_base"
CACHE_VARIABLE: Final = "TIKTOKEN_CACHE_DIR"
RANK_FILE: Final = "fb374d419588a4632f3f557e76b4b70aebbca790"
"""The name by which tiktoken looks for ENCODING in its cache: SHA-1 of the address it would fetch it from."""

SHORT_CHARACTERS: Final = 20_000
"""Up to here counting takes less than some 5 ms and is done in place; a thread hop would cost more than most texts."""


async def estimate(texts: Sequence[str]) -> list[int]:
    if _loaded():
        count = counter()
        if sum(map(len, texts)) <= SHORT_CHARACTERS:
            return [count(text) for text in texts]
    return await asyncio.to_thread(lambda: [counter()(text) for text in texts])


@functools.cache
def counter() -> Callable[[str], int]:
    """Text -> tokens. The first call takes some 0.3 s, to read the ranks."""
    directory = find_ranks()
    if directory is None:
        log.warning("the rank files of tiktoken are not installed: tokens are estimated from the length of texts")
        return by_length
    os.environ[CACHE_VARIABLE] = str(directory)
    import tiktoken

    encoding = tiktoken.get_encoding(ENCODING)
    return lambda text: len(encoding.encode_ordinary(text))


def by_length(text: str) -> int:
    """A token for every four bytes, and one."""
    return len(text.encode(errors="surrogatepass")) // 4 + 1


def find_ranks() -> Path | None:
    """The directory with the rank file: the operator's, or that of the package llama-index-core."""
    candidates = [Path(given)] if (given := os.environ.get(CACHE_VARIABLE)) else []
    # A top-level name is looked up without importing anything; a deeper one would import its parents.
    package = importlib.util.find_spec("llama_index")
    places = package.submodule_search_locations if package is not None else None
    candidates += [Path(place, "core", "_static", "tiktoken_cache") for place in places or ()]
    return next((directory for directory in candidates if (directory / RANK_FILE).is_file()), None)


def _loaded() -> bool:
    return counter.cache_info().currsize > 0
