"""Words to numbers and back, over a fixed vocabulary."""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from labkit.errors import whole

PADDING, UNKNOWN = 0, 1
SPECIALS = ("<pad>", "<unk>")  # the words of these two numbers
WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
SPACE_BEFORE = re.compile(r" (?=[,.;:!?](?: |$))")


def split(text: str) -> list[str]:
    """Lower-case words and punctuation marks: "It's a five-point star." gives
    it's, a, five-point, star and the full stop."""
    return WORD.findall(text.lower())


def listed(texts: Iterable[str]) -> Iterable[str]:
    """`texts` itself; ValueError for a single string, which would pass for a list of letters."""
    if isinstance(texts, str):
        raise ValueError(f"texts must be a list of strings, got one string: write [{texts!r}]")
    return texts


class Tokenizer:
    """A vocabulary: number 0 is padding, 1 any unknown word, the rest `words` in their order.

    There are no start and end marks: what reads whole sentences needs none, and an encoder
    that wants one adds an embedding of its own. ValueError for a word given twice, or one
    that no text can contain because `split` would cut or change it.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = (*SPECIALS, *(word for word in words if word not in SPECIALS))
        self._numbers = {word: number for number, word in enumerate(self.words)}
        if len(self._numbers) < len(self.words):
            twice = next(word for word in self.words if self.words.count(word) > 1)
            raise ValueError(f"words has {twice!r} twice: give every word once")
        for word in self.words[len(SPECIALS) :]:
            if split(word) != [word]:
                raise ValueError(
                    f"words has {word!r}, not one lower-case word: no text contains it"
                )

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"Tokenizer({len(self)} words)"

    def number(self, word: str) -> int:
        """The number of `word`, 1 if it is unknown."""
        return self._numbers.get(word, UNKNOWN)

    def encode(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """int64 [N, L] on the CPU, padded with 0 at the end; unknown words are 1.

        L is `length`, and longer texts lose their end; without it, that of the longest text.
        ValueError for a single string, or length < 1.
        """
        rows = [[self.number(word) for word in split(text)] for text in listed(texts)]
        length = max(map(len, rows), default=0) if length is None else whole("length", length)
        tokens = [row[:length] + [PADDING] * (length - len(row)) for row in rows]
        return torch.tensor(tokens, dtype=torch.int64).view(len(rows), length)

    def decode(self, tokens: Tensor) -> list[str]:
        """The N texts of int64 [N, L]: lower case, no padding, no space before , . ; : ! or ?"""
        if tokens.dim() != 2 or tokens.is_floating_point():
            shape = list(tokens.shape)
            raise ValueError(f"tokens must be whole numbers [N, L], got {tokens.dtype} {shape}")
        if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(self):
            low, high = int(tokens.min()), int(tokens.max())
            raise ValueError(f"tokens must be 0..{len(self) - 1}, got {low}..{high}")
        rows = [[self.words[n] for n in row if n != PADDING] for row in tokens.tolist()]
        return [SPACE_BEFORE.sub("", " ".join(row)) for row in rows]
