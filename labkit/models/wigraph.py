"""WIGRAPH - Sekhon, Chen, Shrivastava, Wang, Ji, Qi (2023), "Improving Interpretability via
Explicit Word Interaction Graph Layer".

    p_ij = sigmoid(gamma[w_i, w_j])                            an edge: word j tells word i
    A_ij ~ Bernoulli(p_ij), A_ii = 1                           drawn in training, p_ij at test
    m    = D^-1/2 A D^-1/2 x,  D_ii = 1 + sum over j of p_ij   messages along the edges
    z    = x + activation(W m + b)                             W m + b only if `weighted`
    z_i  = r_i z_i, r_i ~ Bernoulli(sigmoid(mask(x_i)))        only with `word_mask` (A-R)

gamma is one matrix for all sentences, over a subset of the vocabulary; z replaces the embeddings.
Draws are straight-through: 0 or 1 forwards, backwards the relaxed sigmoid((gamma + noise) / T),
noise logistic, which is the two-class Gumbel-softmax.

Where published code and ours differ:
  - padding and words outside the subset neither send nor receive, have no edge in the losses, and
    leave as they came; there they have p = 1/2 for ever, send messages, and count;
  - D counts expected edges in training as at test, so that m at test is the mean of the m drawn in
    training; there D counts the drawn edges, and the two differ systematically;
  - gamma[w_i, w_j] stands in row i, there in row j;
  - we draw from logits, there from log-probabilities, infinite once an edge is certain;
  - `symmetric` works; there it stops with an error;
  - the layer stands before positions are added and norms taken; there, behind, and both are
    applied twice;
  - gamma is as large as the subset: 2,000 words are 16 MB; there 10,000 words are 400 MB;
  - one layer of messages and no dropout in it; there several and 0.3 are possible.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from labkit.errors import positive, unknown, whole

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu, "relu": F.relu, "tanh": torch.tanh, "none": lambda m: m,
}  # fmt: skip


class WordGraph(NamedTuple):
    """The layer's answer to a batch: new embeddings, and what they come from."""

    z: Tensor  # [B, L, D]
    edges: Tensor  # [B, L, L], A: j tells i; diagonal 1, 0 off `pairs`
    edge_logits: Tensor  # [B, L, L], gamma[w_i, w_j]; 0 off `pairs`
    pairs: Tensor  # bool [B, L, L], two different places, both with words of the subset
    word_logits: Tensor | None  # [B, L], of keeping the word; 0 off `words`; None without mask
    words: Tensor  # bool [B, L], words of the subset


def straight_through(logits: Tensor, noise: Tensor, *, temperature: float = 1.0) -> Tensor:
    """1 where logits + noise > 0, else 0, with the gradient of sigmoid((logits + noise) / T).

    Shapes: logits and noise alike. With standard logistic noise a 1 has the probability
    sigmoid(logits), whatever the temperature.
    Raises ValueError for temperature <= 0.
    Source: Jang et al. (2017), for two classes.
    """
    noisy = logits + noise
    relaxed = torch.sigmoid(noisy / positive("temperature", temperature))
    hard = (noisy > 0).to(relaxed.dtype)
    return hard + (relaxed - relaxed.detach())  # the bracket is 0: exactly 0 or 1


def logistic_noise(where: Tensor, generator: Generator | None = None) -> Tensor:
    """Standard logistic numbers at the True places of `where`, 0 elsewhere.

    One number for each True, in order: padding does not shift what the words draw.
    """
    device = where.device if generator is None else generator.device
    drawn = torch.rand(int(where.sum()), generator=generator, device=device)
    noise = torch.zeros(where.shape, device=where.device)
    noise[where] = drawn.logit(eps=2**-24).to(where.device)
    return noise


class WIGRAPH(nn.Module):
    """Word interactions after any embedding layer: words tell each other along learnt edges.

    vocabulary: V, how many different tokens there are; dim: D of the embeddings
    subset: the tokens that have edges, S of them; None for all but `padding`
    activation: "gelu", "relu", "tanh" or "none"
    weighted: put messages through a linear layer first
    word_mask: multiply each word by 0 or 1 (at test: the probability of 1) read off its embedding
        by `mask_hidden` tanh units; words outside the subset keep their 1
    symmetric: one edge for (i, j) and (j, i), of logit the mean of the two, drawn once
    temperature: of the draws; it, and `generator`, which they come from, may change between steps

    Shapes: forward takes x [B, L, D] and tokens [B, L] and gives a `WordGraph`. Every edge starts
    at probability 1/2. `logits` [S, S] is gamma and `subset` [S] the token of each row and column.
    In eval mode nothing is drawn. Raises ValueError for bad arguments and input that does not fit.
    Source: Sekhon et al. (2023); differences at the top of the file.
    """

    generator: Generator | None = None
    subset: Tensor
    place: Tensor

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        *,
        subset: Iterable[int] | None = None,
        activation: str = "gelu",
        weighted: bool = False,
        word_mask: bool = False,
        mask_hidden: int = 32,
        symmetric: bool = False,
        temperature: float = 1.0,
        padding: int = 0,
    ) -> None:
        super().__init__()
        self.vocabulary, self.dim = whole("vocabulary", vocabulary), whole("dim", dim)
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        self.activation, self.symmetric = activation, symmetric
        self.temperature = positive("temperature", temperature)
        chosen = _subset(subset, vocabulary, whole("padding", padding, minimum=0))
        self.register_buffer("subset", chosen)  # [S]
        place = torch.full((vocabulary,), -1)
        place[chosen] = torch.arange(len(chosen))
        self.register_buffer("place", place)  # [V], row in gamma or -1
        self.logits = nn.Parameter(torch.zeros(len(chosen), len(chosen)))
        self.map = nn.Linear(dim, dim) if weighted else nn.Identity()
        hidden = whole("mask_hidden", mask_hidden)
        self.mask = (
            nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, 1))
            if word_mask
            else None
        )

    def extra_repr(self) -> str:
        return f"{len(self.subset)} of {self.vocabulary} words, dim={self.dim}, {self.activation}"

    def forward(self, x: Tensor, tokens: Tensor, *, edges: Tensor | None = None) -> WordGraph:
        """New embeddings; `edges` [B, L, L] or [L, L], 0..1, replaces A, and D counts them:
        torch.eye(L) leaves every word alone, the strongest K keep these only."""
        self._check(x, tokens)
        logits, pairs, words = self.edge_logits(tokens)
        itself = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
        expected = torch.sigmoid(logits) if edges is None else _given(edges, logits)
        drawn = self._drawn(logits, pairs) if self.training and edges is None else expected
        a = (drawn * pairs).masked_fill(itself, 1)
        d = (expected * pairs).sum(2, keepdim=True) + 1  # [B, L, 1]
        message = self.map((a @ (x * d.rsqrt())) * d.rsqrt())  # [B, L, D]
        z = x + ACTIVATIONS[self.activation](message)
        word_logits = None
        if self.mask is not None:
            word_logits = self.mask(x).squeeze(2).masked_fill(~words, 0)  # [B, L]
            z = z * self._kept(word_logits, words)[..., None]
        return WordGraph(torch.where(words[..., None], z, x), a, logits, pairs, word_logits, words)

    def edge_logits(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """gamma[w_i, w_j] of tokens [B, L], with `pairs` and `words`, as in `WordGraph`."""
        place = self.place[tokens]  # [B, L]
        words = place >= 0
        pairs = words[:, :, None] & words[:, None, :]  # [B, L, L]
        pairs &= ~torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
        rows = place.clamp(min=0)
        logits = self.logits[rows[:, :, None], rows[:, None, :]]
        if self.symmetric:
            logits = (logits + logits.mT) / 2
        return logits.masked_fill(~pairs, 0), pairs, words

    def probabilities(self) -> Tensor:
        """Every edge's probability [S, S]: row told, column telling, in the order of `subset`.

        The diagonal is what joins a word with its own repetitions.
        """
        logits = self.logits.detach()
        return torch.sigmoid((logits + logits.mT) / 2 if self.symmetric else logits)

    def _drawn(self, logits: Tensor, pairs: Tensor) -> Tensor:
        noise = logistic_noise(pairs.triu(1) if self.symmetric else pairs, self.generator)
        noise = noise + noise.mT if self.symmetric else noise
        return straight_through(logits, noise, temperature=self.temperature)

    def _kept(self, word_logits: Tensor, words: Tensor) -> Tensor:
        if not self.training:
            return torch.sigmoid(word_logits)
        noise = logistic_noise(words, self.generator)
        return straight_through(word_logits, noise, temperature=self.temperature)

    def _check(self, x: Tensor, tokens: Tensor) -> None:
        if tokens.dim() != 2 or tokens.is_floating_point() or 0 in tokens.shape:
            raise ValueError(
                f"tokens must be whole numbers [B, L], B and L at least 1, "
                f"got {tokens.dtype} {list(tokens.shape)}"
            )
        if not 0 <= int(tokens.min()) <= int(tokens.max()) < self.vocabulary:
            raise ValueError(
                f"tokens must be 0..{self.vocabulary - 1}, "
                f"got {int(tokens.min())}..{int(tokens.max())}"
            )
        if x.shape != (*tokens.shape, self.dim):
            raise ValueError(
                f"x must be [B, L, {self.dim}] with tokens [B, L], "
                f"got {list(x.shape)} and {list(tokens.shape)}"
            )


def _subset(subset: Iterable[int] | None, vocabulary: int, padding: int) -> Tensor:
    if subset is None:
        return torch.tensor([token for token in range(vocabulary) if token != padding])
    chosen = torch.tensor([int(token) for token in subset], dtype=torch.int64)
    if not len(chosen) or len(chosen.unique()) < len(chosen):
        raise ValueError(f"subset must have one or more tokens, each once, got {len(chosen)}")
    if not 0 <= int(chosen.min()) <= int(chosen.max()) < vocabulary or padding in chosen:
        raise ValueError(
            f"subset must be tokens 0..{vocabulary - 1} without the padding {padding}, "
            f"got {int(chosen.min())}..{int(chosen.max())}"
        )
    return chosen


def _given(edges: Tensor, logits: Tensor) -> Tensor:
    """The edges asked for, in the shape of the batch's."""
    if edges.shape not in (logits.shape, logits.shape[1:]):
        raise ValueError(
            f"edges must be {list(logits.shape)}, or one [L, L] for all, got {list(edges.shape)}"
        )
    return edges.to(logits.dtype).expand_as(logits)
