"""Made-up text: words of two to four syllables, as often as words of a language are (Zipf's law), in sentences.

It has more tokens in a megabyte than English, so more is cut, counted and indexed of it.
"""

import random
from itertools import accumulate

VOCABULARY = 50_000


class Language:
    """Words and how often they are used; the same at every start."""

    def __init__(self, seed: int) -> None:
        self._lot = random.Random(seed)
        syllables = [consonant + vowel for consonant in "bcdfghklmnprstvw" for vowel in ("a", "e", "i", "o", "u", "an")]
        words = {"".join(self._lot.choices(syllables, k=self._lot.randint(2, 4))) for _ in range(VOCABULARY)}
        self._words = sorted(words)
        self._lot.shuffle(self._words)
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self._words))))

    def words(self, count: int) -> list[str]:
        return self._lot.choices(self._words, cum_weights=self._weights, k=count)

    def text(self, characters: int) -> str:
        sentences: list[str] = []
        length = 0
        while length < characters:
            sentences.append(" ".join(self.words(14)).capitalize() + (".\n\n" if len(sentences) % 5 == 4 else ". "))
            length += len(sentences[-1])
        return "".join(sentences)[:characters]
