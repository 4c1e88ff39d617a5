"""The built-in model: what it says of texts, and how a long one is divided."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from proxy.retrieval import catching_up, reader
from proxy.retrieval.minilm import (
    DIMENSIONS,
    MOST_PARTS,
    MOST_TOKENS,
    MiniLM,
    breaks_of,
    directory,
    is_readable,
    parts_of,
)
from proxy.retrieval.vectors import VECTORS_OF_A_PART
from proxy.store.chunk_vectors import PARTS

model = lru_cache(maxsize=1)(MiniLM)


def vector(text: str) -> "np.ndarray[Any, Any]":
    (made,) = model().vectors(text)
    return made


@lru_cache(maxsize=1)
def weights() -> dict[str, "np.ndarray[Any, Any]"]:
    return {name: array.astype(np.float64) for name, array in load_file(directory() / "model.safetensors").items()}


def plainly(text: str) -> "np.ndarray[Any, Any]":
    """The same network, written down a second time: as in the paper, word for word, in double precision."""
    w = weights()

    def linear(x: Any, name: str) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        deviation = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-12)
        return (x - x.mean(axis=-1, keepdims=True)) / deviation * w[f"{name}.weight"] + w[f"{name}.bias"]

    tokenizer = model()._tokenizer
    ids = tokenizer.encode(text).ids
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(6):
        path = f"encoder.layer.{layer}"
        heads = []
        query, key, value = (linear(x, f"{path}.attention.self.{part}") for part in ("query", "key", "value"))
        for head in range(12):
            part = slice(32 * head, 32 * head + 32)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(32))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, part])
        attended = linear(np.concatenate(heads, axis=1), f"{path}.attention.output.dense")
        x = norm(x + attended, f"{path}.attention.output.LayerNorm")
        inner = linear(x, f"{path}.intermediate.dense")
        inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(inner, f"{path}.output.dense"), f"{path}.output.LayerNorm")
    mean = x.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


@pytest.mark.parametrize(
    "text", ["a", "Was ist das? \u6c34 \U0001f600", "The river is high, and the bridge is closed. " * 20]
)
def test_it_is_the_network_that_it_says(text: str) -> None:
    made = vector(text)
    assert made.shape == (DIMENSIONS,)
    assert made @ plainly(text) > 0.99999


def test_what_means_the_same_is_near() -> None:
    password = vector("How do I reset my password?")
    assert password @ vector("I forgot my login credentials") > 0.5
    assert password @ vector("The volcano erupted at dawn") < 0.2


def test_a_long_text_has_a_vector_for_each_part() -> None:
    sentences = [f"Number {n} is about subject {n * n}." for n in range(200)]
    vectors = model().vectors(" ".join(sentences))
    assert len(vectors) > 5
    assert all(abs(np.linalg.norm(each) - 1) < 1e-5 for each in vectors)
    # Each part is near to what stands in it, and in order.
    first, last = vector(sentences[3]), vector(sentences[197])
    assert first @ vectors[0] > first @ vectors[-1]
    assert last @ vectors[-1] > last @ vectors[0]


@pytest.mark.parametrize("text", ["", "  \n", "\u200b"])
def test_a_text_of_nothing_has_none(text: str) -> None:
    assert model().vectors(text) == []


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("Zażółć gęślą jaźń", True),
        ("17 + 4 = 21 (!)", True),
        ("Das Wort \u6c34 heißt Wasser", True),
        ("\u6c34\u306f\u51b7\u305f\u3044 (H2O)", False),
        ("\u0412\u043e\u0434\u0430 is water", True),
        ("\u0412\u043e\u0434\u0430 \u0445\u043e\u043b\u043e\u0434\u043d\u0430\u044f", False),
    ],
)
def test_what_it_cannot_read_has_no_vector(text: str, readable: bool) -> None:
    assert is_readable(text) == readable
    assert bool(model().vectors(text)) == readable


def test_a_word_without_end_is_divided_all_the_same() -> None:
    assert len(model().vectors("1" * 100_000)) >= 1
    assert len(model().vectors("!" * 1000)) == math.ceil(1000 / MOST_TOKENS)
    assert len(model().vectors("!" * 100_000, most=3)) == 3


def test_what_is_written_at_one_time_has_room() -> None:
    """Wherever the longest passages follow one another."""
    assert max(reader.CHUNKS_AT_ONCE, catching_up.CHUNKS_AT_ONCE) * MOST_PARTS <= PARTS * VECTORS_OF_A_PART


def test_breaks_are_after_sentences_then_between_words() -> None:
    #        One  two  .    Three x    y    end
    spans = [(0, 3), (4, 7), (7, 8), (9, 14), (15, 16), (16, 17), (18, 21)]
    assert breaks_of("One two. Three xy\nend", spans) == [0, 1, 0, 2, 1, 0, 2]


@given(st.lists(st.integers(0, 2), max_size=1200), st.integers(2, 300))
def test_parts_are_whole_and_none_is_too_long(breaks: Sequence[int], most: int) -> None:
    parts = parts_of(len(breaks), breaks, most)
    assert [place for start, end in parts for place in range(start, end)] == list(range(len(breaks)))
    assert all(0 < end - start <= most for start, end in parts)


def test_parts_are_cut_at_the_best_place_near_their_equal_share() -> None:
    breaks = [1] * 30
    breaks[13] = 2
    assert parts_of(30, breaks, 20) == [(0, 13), (13, 30)]
    assert parts_of(30, [1] * 30, 20) == [(0, 15), (15, 30)]
    assert parts_of(20, [0] * 20, 20) == [(0, 20)]
