"""Small text classifiers over word tokens [B, L], with room for a WIGRAPH after the embedding.

    bag          the mean of the embeddings, a linear layer: no words together, no order
    textcnn      Kim (2014): filters over 3, 4 and 5 words, the largest answer of each
    bilstm       Hochreiter & Schmidhuber (1997), both ways: the two last states
    transformer  Vaswani et al. (2017), two pre-norm blocks, sine positions: the mean word

Padding is no word, wherever it stands: gaps close before the encoder, so a sentence reads the same
alone, padded, or with a word replaced by padding and with that word left out. A sentence without
words reads as one zero vector, and has logits too.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.errors import unknown, whole
from labkit.models.wigraph import WIGRAPH, WordGraph


class Reading(NamedTuple):
    """A classifier's answer to a batch: logits [B, C], and the graph behind them if it has one."""

    logits: Tensor
    graph: WordGraph | None


class TextClassifier(nn.Module):
    """What the four share: embedding, WIGRAPH if given, encoder, linear layer.

    vocabulary: how many different tokens there are; dim: D of the embeddings
    classes: C, at least 2; graph: a `WIGRAPH` of the same vocabulary, dim and padding
    Shapes: forward takes tokens int [B, L] and gives logits [B, C]; `read` gives the graph too.
    Raises ValueError for sizes below 1, a graph that does not fit, tokens of another shape.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        *,
        dim: int = 64,
        graph: WIGRAPH | None = None,
        padding: int = 0,
    ) -> None:
        super().__init__()
        fits = graph is None or (graph.vocabulary, graph.dim) == (vocabulary, dim)
        if graph is not None and (not fits or padding in graph.subset):
            raise ValueError(
                f"graph must be a WIGRAPH({vocabulary}, {dim}) without edges of padding {padding}, "
                f"got one for {graph.vocabulary} tokens and dim {graph.dim}"
            )
        self.padding = whole("padding", padding, minimum=0)
        self.embed = nn.Embedding(whole("vocabulary", vocabulary), whole("dim", dim), padding)
        self.graph = graph
        self.fc = nn.Linear(self.make(dim), whole("classes", classes, minimum=2))

    def make(self, dim: int) -> int:
        """Build the encoder of D = dim; the width H of what it gives comes back."""
        raise NotImplementedError

    def encode(self, x: Tensor, real: Tensor) -> Tensor:
        """[B, H] of x [B, L, D]; in each row of `real` [B, L] True stands first, at least once."""
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(tokens).logits

    def read(self, tokens: Tensor, *, edges: Tensor | None = None) -> Reading:
        """Logits and graph; `edges` replaces the graph's, see `WIGRAPH.forward`."""
        self._check(tokens, edges)
        x, graph = self.embed(tokens), None  # [B, L, D]
        if self.graph is not None:
            graph = self.graph(x, tokens, edges=edges)
            x = graph.z
        return Reading(self.fc(self.encode(*_closed(x, tokens != self.padding))), graph)

    def _check(self, tokens: Tensor, edges: Tensor | None) -> None:
        if tokens.dim() != 2 or tokens.is_floating_point() or 0 in tokens.shape:
            raise ValueError(
                f"tokens must be whole numbers [B, L], B and L at least 1, "
                f"got {tokens.dtype} {list(tokens.shape)}"
            )
        if edges is not None and self.graph is None:
            raise ValueError("edges replaces a WIGRAPH's: make the classifier with graph=")


def _closed(x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Words first, padding last and zero; a sentence without words gets one zero vector."""
    order = real.int().argsort(dim=1, descending=True, stable=True)  # [B, L]
    x = x.masked_fill(~real[..., None], 0).gather(1, order[..., None].expand_as(x))
    real = real.gather(1, order)
    first = torch.arange(real.shape[1], device=real.device) == 0
    return x, real | (first & ~real.any(1, keepdim=True))


class BagOfEmbeddings(TextClassifier):
    """A linear classifier of the mean embedding: whatever words do together, a graph did."""

    def make(self, dim: int) -> int:
        return dim

    def encode(self, x: Tensor, real: Tensor) -> Tensor:
        return x.sum(1) / real.sum(1, keepdim=True)  # padding is 0


class TextCNN(TextClassifier):
    """Kim (2014), D filters a width; windows reach over both ends, and hold a word at least."""

    widths = (3, 4, 5)

    def make(self, dim: int) -> int:
        self.convs = nn.ModuleList(nn.Conv1d(dim, dim, w, padding=w - 1) for w in self.widths)
        return dim * len(self.widths)

    def encode(self, x: Tensor, real: Tensor) -> Tensor:
        largest = []
        for width, conv in zip(self.widths, self.convs, strict=True):
            answers = conv(x.mT).relu()  # [B, D, L + width - 1]
            has_word = F.pad(real, (width - 1, 0), value=True)  # its first word, or the start
            largest.append(answers.masked_fill(~has_word[:, None], 0).amax(2))
        return torch.cat(largest, dim=1)


class BiLSTM(TextClassifier):
    """One LSTM forwards and one backwards, D units each: their states after the last word."""

    def make(self, dim: int) -> int:
        self.lstm = nn.LSTM(dim, dim, batch_first=True, bidirectional=True)
        return 2 * dim

    def encode(self, x: Tensor, real: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            x, real.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        states = self.lstm(packed)[1][0]  # [2, B, D]
        return states.transpose(0, 1).flatten(1)


class TextTransformer(TextClassifier):
    """Two pre-norm blocks of 4 heads; D must be a multiple of 4. Positions are added here, after
    the graph, and once."""

    def make(self, dim: int) -> int:
        if dim % 4:
            raise ValueError(f"dim must be a multiple of the 4 heads, got {dim}")
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                dim, 4, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(dim)
        return dim

    def encode(self, x: Tensor, real: Tensor) -> Tensor:
        x = x + _positions(x)
        for block in self.blocks:
            x = block(x, src_key_padding_mask=~real)
        return (self.norm(x) * real[..., None]).sum(1) / real.sum(1, keepdim=True)


def _positions(x: Tensor) -> Tensor:
    """Sines and cosines [L, D] of the place, wavelengths 2 pi to 20,000 pi (Vaswani et al.)."""
    length, dim = x.shape[1:]
    place = torch.arange(length, device=x.device, dtype=x.dtype)[:, None]
    rate = torch.exp(torch.arange(0, dim, 2, device=x.device, dtype=x.dtype) * -math.log(1e4) / dim)
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=2).flatten(1)


TEXT_MODELS: dict[str, Callable[..., TextClassifier]] = {
    "bag": BagOfEmbeddings, "textcnn": TextCNN, "bilstm": BiLSTM, "transformer": TextTransformer,
}  # fmt: skip


def build_text(
    name: str,
    vocabulary: int,
    classes: int,
    *,
    dim: int = 64,
    graph: WIGRAPH | None = None,
    padding: int = 0,
    seed: int = 0,
) -> TextClassifier:
    """A freshly initialised text classifier; the arguments are `TextClassifier`'s.

    Its weights depend on `seed` alone: torch's global generator is neither read nor moved. Those
    of `graph` are left as they are.
    Raises ValueError for an unknown name and what `TextClassifier` refuses.
    """
    if name not in TEXT_MODELS:
        raise unknown("text model", name, TEXT_MODELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TEXT_MODELS[name](vocabulary, classes, dim=dim, graph=graph, padding=padding)
