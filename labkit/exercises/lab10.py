"""Lab 10, WIGRAPH: the exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses, models
from labkit.exercises.check import Answer, Exercise
from labkit.exercises.pushed import Pushed


def _random(*shape: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)  # float64: rounding must not confuse
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def _draw(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    return models.straight_through(logits, noise, temperature=temperature)


def _relaxed(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    return torch.sigmoid((logits + noise) / temperature)


def _with_gradient_of(hard: Tensor, soft: Tensor) -> Tensor:
    return hard.detach() + soft - soft.detach()


def _hard(logits: Tensor, noise: Tensor) -> Tensor:
    return (logits + noise > 0).to(logits.dtype)


def _draws() -> Sequence[tuple[Any, ...]]:
    logits = torch.stack([_random(5, 5, seed=seed) for seed in (0, 1)])
    noise = torch.sigmoid(3 * torch.stack([_random(5, 5, seed=seed) for seed in (2, 3)])).logit()
    return [(logits[0], noise[0], 0.5), (logits[1], noise[1], 2.0)]


_DRAW_MISTAKES: dict[str, Answer] = {
    "this is the relaxed value: forwards the words must see exactly 0 or 1.": _relaxed,
    "the values are right, but no gradient gets through: add relaxed - relaxed.detach() to the "
    "hard ones.": lambda g, n, t: _hard(g, n),
    "the hard and the relaxed values are added up: take relaxed.detach() off again.": (
        lambda g, n, t: _hard(g, n) + _relaxed(g, n, t)
    ),
    "the gradient has the wrong sign: it is relaxed - relaxed.detach(), not the reverse.": (
        lambda g, n, t: _with_gradient_of(_hard(g, n), -_relaxed(g, n, t))
    ),
    "the relaxed value has no temperature.": lambda g, n, t: _draw(g, n, 1.0),
    "you multiply by the temperature: divide by it, so that a small one is hard.": (
        lambda g, n, t: _draw(g, n, 1 / t)
    ),
    "the gradient is that of sigmoid(logits): the noise belongs into the relaxed value.": (
        lambda g, n, t: _with_gradient_of(_hard(g, n), torch.sigmoid(g / t))
    ),
    "the gradient is that of the probability: it is the relaxed value that passes it on.": (
        lambda g, n, t: _with_gradient_of(_hard(g, n), torch.sigmoid(g))
    ),
    "the gradient is passed through whole: it is that of the relaxed value.": (
        lambda g, n, t: _with_gradient_of(_hard(g, n), g)
    ),
    "nothing is drawn: without the noise an edge is there whenever its logit is above 0.": (
        lambda g, n, t: _draw(g, torch.zeros_like(n), t)
    ),
    "the temperature divides the logits alone, so that it changes the chance of a 1: divide "
    "logits + noise.": lambda g, n, t: _draw(g / t, n, 1.0),
    "logits + noise is compared with 1/2: compare it with 0, or its sigmoid with 1/2.": (
        lambda g, n, t: _with_gradient_of((g + n > 0.5).to(g.dtype), _relaxed(g, n, t))
    ),
    "0 and 1 are the wrong way round: a high logit is a likely edge.": lambda g, n, t: (
        1 - _draw(g, n, t)
    ),
}

draw = Pushed(
    "a straight-through draw",
    _draw,
    _draws,
    _DRAW_MISTAKES,
    "correct: hard forwards, soft backwards.",
)


def _messages(x: Tensor, edges: Tensor) -> Tensor:
    return x + F.gelu(_normalised(_with_itself(edges)) @ x)


def _with_itself(edges: Tensor) -> Tensor:
    return edges.clone().fill_diagonal_(1)


def _normalised(a: Tensor, power: float = -0.5, dim: int = 1) -> Tensor:
    d = a.sum(dim) ** power
    return d[:, None] * a * d


def _sentence() -> Sequence[tuple[Any, ...]]:
    """The diagonal as gamma has it: a word and its own repetitions, not the word itself."""
    return [(_random(4, 3, seed=n), torch.sigmoid(_random(4, 4, seed=n + 9))) for n in (0, 1)]


def _mean_of_neighbours(x: Tensor, edges: Tensor) -> Tensor:
    a = _with_itself(edges)
    return x + F.gelu(a @ x / a.sum(1, keepdim=True))


messages = Exercise(
    "the messages of one layer",
    _messages,
    _sentence,
    {
        "the diagonal stays as it came: a word always hears itself, so A_ii = 1.": lambda x, a: (
            x + F.gelu(_normalised(a) @ x)
        ),
        "the self-loop is missing: A_ii = 1, not 0.": lambda x, a: (
            x + F.gelu(_normalised(a.clone().fill_diagonal_(0)) @ x)
        ),
        "1 is added to the diagonal: set it to 1.": lambda x, a: (
            x + F.gelu(_normalised(a + torch.eye(len(a), dtype=a.dtype)) @ x)
        ),
        "D counts the columns: it counts what a word is told, the sum of its row.": lambda x, a: (
            x + F.gelu(_normalised(_with_itself(a), dim=0) @ x)
        ),
        "nothing is normalised: a word with many edges would shout.": lambda x, a: (
            x + F.gelu(_with_itself(a) @ x)
        ),
        "this is the mean of the neighbours, D^-1 A: here each side has D^-1/2.": (
            _mean_of_neighbours
        ),
        "this is D^-1 A D^-1: take the square root on each side.": lambda x, a: (
            x + F.gelu(_normalised(_with_itself(a), -1.0) @ x)
        ),
        "the messages run the wrong way: row i of A says who tells word i.": lambda x, a: (
            x + F.gelu(_normalised(_with_itself(a)).T @ x)
        ),
        "A is transposed: row i says who tells word i.": lambda x, a: _messages(x, a.T),
        "the word itself is missing: z is x plus what the messages say.": lambda x, a: (
            _messages(x, a) - x
        ),
        "the activation is around x, too: it is for the messages alone.": lambda x, a: F.gelu(
            x + _normalised(_with_itself(a)) @ x
        ),
        "the activation is missing: a linear layer of a mean is still one number a word.": (
            lambda x, a: x + _normalised(_with_itself(a)) @ x
        ),
        "this is ReLU: the layer's activation here is GELU.": lambda x, a: (
            x + F.relu(_normalised(_with_itself(a)) @ x)
        ),
    },
    "correct: what WIGRAPH does to a sentence.",
)


def _graph(logits: Tensor, real: Tensor) -> SimpleNamespace:
    itself = torch.eye(logits.shape[1], dtype=torch.bool)
    pairs = real[:, :, None] & real[:, None, :] & ~itself
    return SimpleNamespace(edge_logits=logits, pairs=pairs, word_logits=None, words=real)


def _terms(logits: Tensor, real: Tensor, *, normalisation: str = "real") -> Tensor:
    chance, label = torch.zeros(len(logits), 2), torch.zeros(len(logits), dtype=torch.int64)
    found = losses.wigraph_terms(chance, label, _graph(logits, real), normalisation=normalisation)
    return torch.stack([found.graph, found.sparsity]).to(logits.dtype)


def _both(logits: Tensor) -> Tensor:
    """KL to 1/2 and probability of each edge: [2, B, L, L]."""
    return torch.stack([losses.negative_entropy(logits) + math.log(2), torch.sigmoid(logits)])


def _pairs(logits: Tensor, real: Tensor) -> Tensor:
    return _graph(logits, real).pairs


def _mean_in_sentence(values: Tensor, counted: Tensor) -> Tensor:
    """[2] of values [2, B, L, L]: each sentence's mean over what counts, then theirs."""
    total = (values * counted).flatten(2).sum(2)
    return (total / counted.flatten(1).sum(1)).mean(1)


def _shifted(g: Tensor, r: Tensor, times: float, constant: float) -> Tensor:
    """The graph term times a factor, plus a constant; sparsity as it is."""
    graph, sparsity = _terms(g, r)
    return torch.stack([times * graph + constant, sparsity])


def _batch() -> Sequence[tuple[Any, ...]]:
    lengths = torch.tensor([[5, 2, 3], [4, 5, 2]])
    real = torch.arange(5) < lengths[..., None]
    return [(2 * _random(3, 5, 5, seed=n), real[n]) for n in (0, 1)]


terms = Exercise(
    "the graph and the sparsity term",
    _terms,
    _batch,
    {
        "padding is counted: only pairs of real words are in a mean.": lambda g, r: (
            _mean_in_sentence(_both(g), _pairs(g, torch.ones_like(r)))
        ),
        "everything is counted, padding and diagonal, too.": lambda g, r: _both(g).mean((1, 2, 3)),
        "the diagonal is counted: an edge joins two different places.": lambda g, r: (
            _mean_in_sentence(_both(g), r[:, :, None] & r[:, None, :])
        ),
        "padding is masked in the rows alone: it must neither hear nor speak.": lambda g, r: (
            _mean_in_sentence(_both(g), _pairs(g, torch.ones_like(r)) & r[:, :, None])
        ),
        "the sums are right, but divided by L^2 with padding: divide by the real pairs.": (
            lambda g, r: (_both(g) * _pairs(g, r)).mean((1, 2, 3))
        ),
        "all pairs of the batch share one mean, so that long sentences count more: a mean for each "
        "sentence first.": lambda g, r: (
            (_both(g) * _pairs(g, r)).sum((1, 2, 3)) / _pairs(g, r).sum()
        ),
        "the sentences are added up: take their mean.": lambda g, r: len(g) * _terms(g, r),
        "this is the published scale: half a sentence's mean, summed over the batch, without "
        "log 2.": (lambda g, r: _terms(g, r, normalisation="published")),
        "log 2 is missing in the graph term: KL to 1/2 is log 2 - entropy, 0 at p = 1/2.": (
            lambda g, r: _shifted(g, r, 1, -math.log(2))
        ),
        "this is the entropy: KL to 1/2 is log 2 minus that.": lambda g, r: _shifted(
            g, r, -1, math.log(2)
        ),
        "the graph term has the wrong sign.": lambda g, r: _shifted(g, r, -1, 0),
        "the graph term is in bits: take the natural logarithm.": lambda g, r: _shifted(
            g, r, 1 / math.log(2), 0
        ),
        "sparsity is the mean probability, not the mean logit: take the sigmoid.": lambda g, r: (
            torch.stack([_terms(g, r)[0], _mean_in_sentence(torch.stack([g, g]), _pairs(g, r))[1]])
        ),
        "graph and sparsity are swapped.": lambda g, r: _terms(g, r).flip(0),
    },
    "correct: 0 and 1/2 at the start, whatever the padding.",
)


def _falls(before: Tensor, after: Tensor, labels: Tensor) -> Tensor:
    own = torch.arange(len(labels))
    return before[own, labels] - after[:, own, labels]  # [K, B]


def _aopc(before: Tensor, after: Tensor, labels: Tensor) -> Tensor:
    return _falls(before, after, labels).mean()


def _predictions() -> Sequence[tuple[Any, ...]]:
    found = []
    for seed in (0, 1):
        before = _random(4, 3, seed=seed).softmax(1)
        after = _random(5, 4, 3, seed=seed + 9).softmax(2)
        found.append((before, after, before.argmax(1)))
    return found


aopc = Exercise(
    "AOPC",
    _aopc,
    _predictions,
    {
        "every sentence is scored with the first one's probabilities, as in the published code: "
        "[:, labels][0] takes row 0. Pick p[arange, labels].": lambda b, a, y: (
            b[:, y][0] - a[:, :, y][:, 0]
        ).mean(),
        "every label is asked of every sentence: p[:, labels] has B x B entries, its diagonal is "
        "meant.": lambda b, a, y: (b[:, y] - a[:, :, y]).mean(),
        "the largest probability is followed, whichever label it is: stay with the one that was "
        "predicted for the whole sentence.": lambda b, a, y: (b.amax(1) - a.amax(2)).mean(),
        "the sign is turned: a fall of the probability counts as more.": lambda b, a, y: (
            -_aopc(b, a, y)
        ),
        "the steps are added up: divide by K.": lambda b, a, y: len(a) * _aopc(b, a, y),
        "the sentences are added up: take their mean.": lambda b, a, y: len(b) * _aopc(b, a, y),
        "only the last step counts here: average over all K.": lambda b, a, y: _falls(b, a, y)[
            -1
        ].mean(),
        "this is the mean over the steps for each sentence: average over the sentences, too.": (
            lambda b, a, y: _falls(b, a, y).mean(0)
        ),
        "each step is compared with the one before: compare with the whole sentence.": (
            lambda b, a, y: _falls(b, a, y)[-1].mean() / len(a)
        ),
        "this is what is left of the probability: asked is how far it fell.": lambda b, a, y: a[
            :, torch.arange(len(y)), y
        ].mean(),
        "this is in per cent: leave it as a difference of probabilities.": lambda b, a, y: (
            100 * _aopc(b, a, y)
        ),
    },
    "correct: each sentence answers for itself.",
)

EXERCISES = (draw, messages, terms, aopc)
