"""What every source of sentences returns, its division into splits, and its vocabulary."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from labkit.data.tokens import SPECIALS, UNKNOWN, Tokenizer, listed, split
from labkit.data.types import SPLITS
from labkit.errors import between, whole

Pair = tuple[str, str]  # two words, in alphabetical order


@dataclass(frozen=True)
class Sentences:
    """Sentences and labels; how words interact is known for generated ones only."""

    texts: list[str]
    labels: Tensor  # int64 [N], 0..C-1
    class_names: tuple[str, ...]  # C of them
    kind: Tensor | None = None  # int64 [N], position in `kinds`
    kinds: tuple[str, ...] = ()
    places: Tensor | None = None  # int64 [N, 2], where the two deciding words stand, -1: nowhere
    interactions: frozenset[Pair] = frozenset()  # the pairs of words that decide together
    notes: dict[str, int | str] = field(default_factory=dict)  # what a reader found in the file

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, rows: Tensor | Sequence[int]) -> "Sentences":
        """The sentences at the positions `rows`, in that order."""
        index = torch.as_tensor(rows, dtype=torch.int64)
        return replace(
            self,
            texts=[self.texts[row] for row in index.tolist()],
            labels=self.labels[index],
            kind=None if self.kind is None else self.kind[index],
            places=None if self.places is None else self.places[index],
        )

    def divide(
        self, *, val: float = 0.1, test: float = 0.1, seed: int = 0
    ) -> dict[str, "Sentences"]:
        """train, val and test: of each class the shares `val` and `test` (0..0.5), drawn by `seed`.

        Equal sentences stay together, so that none is both trained on and tested.
        ValueError if a class is too small to leave one sentence to each split wanted.
        """
        seed = whole("seed", seed, minimum=0)
        shares = {"test": between("test", test, 0, 0.5), "val": between("val", val, 0, 0.5)}
        parts: dict[str, list[int]] = {name: [] for name in SPLITS}
        for label, groups in enumerate(self._groups()):
            name = self.class_names[label]
            random.Random(f"{seed}/{name}").shuffle(groups)
            sizes = {part: _share(share, len(groups)) for part, share in shares.items()}
            if sum(sizes.values()) >= len(groups):
                raise ValueError(
                    f"class {name!r} has {len(groups)} different sentences, too few for "
                    f"val={val} and test={test}: add some or lower the shares"
                )
            for part, size in (*sizes.items(), ("train", len(groups))):
                parts[part] += [row for group in groups[:size] for row in group]
                del groups[:size]
        return {name: self.subset(sorted(rows)) for name, rows in parts.items()}

    def _groups(self) -> list[list[list[int]]]:
        """Per class the positions of equal sentences, under the class of the first of them."""
        equal: dict[str, list[int]] = {}
        for row, text in enumerate(self.texts):
            equal.setdefault(text, []).append(row)
        groups: list[list[list[int]]] = [[] for _ in self.class_names]
        for rows in equal.values():
            groups[int(self.labels[rows[0]])].append(rows)
        return groups

    def edges(self, words: Tokenizer) -> Tensor:
        """bool [V, V], symmetric: True where two words of the tokenizer truly interact."""
        truth = torch.zeros(len(words), len(words), dtype=torch.bool)
        for words_of_pair in self.interactions:
            pair = [words.number(word) for word in words_of_pair]
            if UNKNOWN not in pair:
                truth[pair, pair[::-1]] = True
        return truth


def _share(share: float, count: int) -> int:
    return max(1, round(share * count)) if share else 0


def tokenizer(texts: Iterable[str], *, minimum: int = 1, largest: int | None = None) -> Tokenizer:
    """The words found at least `minimum` times in `texts`, the most frequent first.

    Equally frequent words stand in alphabetical order; `largest` bounds len(tokenizer).
    ValueError for minimum < 1, largest < 3, or a single string.
    """
    minimum = whole("minimum", minimum)
    least = len(SPECIALS) + 1
    most = None if largest is None else whole("largest", largest, least) - len(SPECIALS)
    counts = Counter(word for text in listed(texts) for word in split(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return Tokenizer([word for word in ranked if counts[word] >= minimum][:most])
