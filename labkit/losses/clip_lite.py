"""CLIP-Lite - Shrivastava, Selvaraju, Naik, Ordonez (2023), "CLIP-Lite: Information Efficient
Visual Representation Learning with Language Supervision".

    L = mean_i softplus(-T(image_i, text_i)) + mean_i softplus(T(image_i, text_{i+1}))
    dot     T = scale * cos(phi(image), psi(text))      phi, psi: `ResidualHead`, the scale learnt
    concat  T = MLP([image, text])
    prior   L_total = (1 - w) L + w (prior of the images + prior of the texts), off by default

One negative for each image: the next caption of the batch, rolled round; never another image. -L
is Jensen-Shannon's bound: 2 log 2 - L is at most 2 JSD(joint || product), no value in nats, but its
best T is log p(image, text) / p(image) p(text) itself, with no bias to learn. k negatives are the
next k captions, averaged: they change the noise of the gradient, not the best T. The k are ours.

Negatives are averaged here and summed in SigLIP. With B = 2 and bias 0 there is one of them, and
SigLIP is CLIP-Lite exactly, factor 1. For any B, if P and N are the two means of CLIP-Lite with
k = B - 1, it is P + N, `mutual_information.jsd` with a minus; SigLIP, bias 0, is P + (B - 1) N.

Paper and code: the code is followed, but for this.
  - Its prior is not adversarial: one loss, -log D(noise) - log(1 - D(features)), is minimised by
    discriminator and encoder alike, so the encoder makes its features EASIER to tell from noise.
    `prior="official"` does so, "adversarial" turns the encoder's gradient round, as DIM's two
    separate updates do. The noise is uniform on 0..1, which features outside it never match.
    Its weight, 0.1, is on in the code; here "none" is the default.
  - It takes the logarithm of a sigmoid, -inf once that saturates; here softplus of the logit.
  - Its head needs units >= features, which it copies by ones on the shortcut's diagonal; here
    fewer units copy what fits. Its 2048 units are here the wider of the two inputs by default.
  - It encodes every batch twice, for pairs and for negatives, so that running means of BatchNorm
    move twice a step; here once. Clusters of hard negatives, and self-supervised terms, are out.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from labkit.errors import between, positive, unknown, whole
from labkit.losses.checks import products, wide
from labkit.losses.clip import clip_pairs, clip_scale

CRITICS = ("dot", "concat")
PRIORS = ("none", "official", "adversarial")
MANY = 1 / 16  # share of the batch from which one product of all with all is the quicker


def clip_lite(image: Tensor, text: Tensor, *, scale: float | Tensor, negatives: int = 1) -> Tensor:
    """Jensen-Shannon loss of pairs against `negatives` rolled captions, to be minimised.

    Shapes: image [B, D], text [B, D], pairs in the same row, of any length; a scalar comes back.
    scale: 1 / temperature, above 0, a number or a tensor of one element, which may be learnt
    negatives: k in 1..B-1, captions i + 1 .. i + k for image i, averaged; work and memory O(B k D)
    Value at chance (scores 0): 2 log 2 = 1.386; above 0. Not in nats.
    Raises ValueError for scale <= 0, negatives outside 1..B-1, B < 2 and shapes that differ.
    Source: Shrivastava et al. (2023), the authors' code.
    """
    return clip_lite_jsd(clip_lite_scores(image, text, scale=scale, negatives=negatives))


def clip_lite_jsd(scores: Tensor) -> Tensor:
    """mean softplus(-scores[0]) + mean softplus(scores[1:]), the loss of any critic.

    Shapes: scores [1 + K, B], of the pairs and then of each roll of the captions; a scalar.
    Value at chance (scores 0): 2 log 2. Raises ValueError for other shapes and integers.
    """
    if scores.dim() != 2 or len(scores) < 2 or 0 in scores.shape or not scores.is_floating_point():
        raise ValueError(
            f"scores must be floating [1 + K, B] with K >= 1, got {scores.dtype} "
            f"{list(scores.shape)}"
        )
    return _jsd(scores[0], scores[1:])


def clip_lite_scores(
    image: Tensor, text: Tensor, *, scale: float | Tensor, negatives: int = 1
) -> Tensor:
    """Row k of [1 + K, B]: scale * cosine of image i and caption i + k, rolled round; row 0 pairs.

    Shapes: image [B, D], text [B, D]; in float32 or float64, -scale..scale.
    Raises ValueError for scale <= 0, negatives outside 1..B-1, B < 2 and shapes that differ.
    """
    factor = clip_scale(scale)
    a, t = clip_pairs(image, text)
    rolls = _rolls(negatives, len(a))
    if negatives <= MANY * len(a):
        return factor * torch.stack([(a * t.roll(-k, 0)).sum(1) for k in rolls])
    columns = torch.arange(len(a))[:, None] + torch.arange(len(rolls))  # [B, 1 + K]
    return factor * products(a, t).gather(1, (columns % len(a)).to(a.device)).T


class ResidualHead(nn.Module):
    """Linear-BatchNorm-ReLU-Linear beside a linear shortcut that starts as a noisy copy, and then
    LayerNorm: features [B, dim] to codes [B, units].

    Raises ValueError for sizes below 1 and features of another shape.
    Source: the authors' code, `MILinearBlock`.
    """

    def __init__(self, dim: int, units: int) -> None:
        super().__init__()
        self.dim, units = whole("dim", dim), whole("units", units)
        first, last = nn.Linear(dim, units, bias=False), nn.Linear(units, units)
        self.deep = nn.Sequential(first, nn.BatchNorm1d(units), nn.ReLU(), last)
        self.shortcut = nn.Linear(dim, units)
        self.norm = nn.LayerNorm(units)
        nn.init.uniform_(self.shortcut.weight, -0.01, 0.01)
        self.shortcut.weight.data.fill_diagonal_(1)  # of any rectangle

    def forward(self, features: Tensor) -> Tensor:
        x = _features("features", features, self.dim).to(self.shortcut.weight.dtype)
        return self.norm(self.deep(x) + self.shortcut(x))


class ClipLiteDot(nn.Module):
    """The critic scale * cos(phi(image), psi(text)), its scale learnt, never clamped, from 14.3.

    Shapes: forward takes image [B, image_dim] and text [B, text_dim] and gives the scores
    [1 + K, B] of `clip_lite_scores`. `image` and `text` are the heads, for codes [B, units].
    Raises ValueError for sizes below 1, scale <= 0 and inputs that do not fit.
    Source: the authors' code.
    """

    def __init__(
        self, image_dim: int, text_dim: int, *, units: int | None = None, scale: float = 1 / 0.07
    ) -> None:
        super().__init__()
        width = max(image_dim, text_dim) if units is None else units
        self.image, self.text = ResidualHead(image_dim, width), ResidualHead(text_dim, width)
        self.log_scale = nn.Parameter(torch.tensor(math.log(positive("scale", scale))))

    def forward(self, image: Tensor, text: Tensor, *, negatives: int = 1) -> Tensor:
        codes = self.image(image), self.text(text)
        return clip_lite_scores(*codes, scale=self.log_scale.exp(), negatives=negatives)


class ClipLiteConcat(nn.Module):
    """The critic MLP([image, text]), two hidden layers of `units` ReLUs; nothing is normalised.

    Shapes: forward takes image [B, image_dim] and text [B, text_dim] and gives scores
    [1 + K, B], row k of image i and caption i + k: 1 + K calls of the network.
    Raises ValueError for sizes below 1 and inputs that do not fit.
    Source: the authors' code.
    """

    def __init__(self, image_dim: int, text_dim: int, *, units: int = 512) -> None:
        super().__init__()
        self.dims = whole("image_dim", image_dim), whole("text_dim", text_dim)
        self.net = _mlp(sum(self.dims), whole("units", units), units)

    def forward(self, image: Tensor, text: Tensor, *, negatives: int = 1) -> Tensor:
        a = _features("image", image, self.dims[0])
        t = _features("text", text, self.dims[1])
        if len(a) != len(t):
            raise ValueError(f"image and text must be pairs, got {len(a)} and {len(t)}")
        kind = next(self.net.parameters()).dtype
        pairs = [torch.cat([a, t.roll(-k, 0)], 1).to(kind) for k in _rolls(negatives, len(a))]
        return wide(torch.stack([self.net(each)[:, 0] for each in pairs]))


class UniformPrior(nn.Module):
    """A discriminator that tells features from uniform noise on 0..1, and its loss.

    Shapes: forward takes features [B, dim] and gives a scalar: 2 log 2 if it cannot tell them.
    adversarial: the discriminator's gradient is as ever, the features' turned round
    generator: draws the noise, on the CPU; None takes torch's own
    Raises ValueError for sizes below 1 and features of another shape.
    Source: the authors' code, where `adversarial` is False; see the top of the file.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = whole("dim", dim)
        self.net = _mlp(dim, 1000, 200)

    def forward(
        self, features: Tensor, *, adversarial: bool = False, generator: Generator | None = None
    ) -> Tensor:
        x = _features("features", features, self.dim).to(next(self.net.parameters()).dtype)
        if adversarial:
            x = 2 * x.detach() - x  # the same value, the gradient times -1
        noise = torch.rand(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        return _jsd(self.net(noise), self.net(x))


class ClipLiteTerms(NamedTuple):
    """What is minimised, and the two parts it is made of, not yet weighted; scalars."""

    total: Tensor
    jsd: Tensor
    prior: Tensor  # of images and texts together, 0 without one


class ClipLite(nn.Module):
    """The whole loss with its critic and, if asked, its priors: encoders' features in.

    forward takes image [B, image_dim] and text [B, text_dim], B >= 2, and gives `ClipLiteTerms`.
    critic: "dot" or "concat"; units: its width, None the wider input for dot, 512 for concat
    negatives: k of 1..B-1, may be changed between steps
    prior: "none", "official", "adversarial": see the top of the file; prior_weight: 0..1
    `generator` draws the priors' noise; None takes torch's own.
    Raises ValueError for other names, sizes and weights, and inputs that do not fit.
    Source: Shrivastava et al. (2023), the authors' code.
    """

    generator: Generator | None = None

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        *,
        critic: str = "dot",
        units: int | None = None,
        negatives: int = 1,
        prior: str = "none",
        prior_weight: float = 0.1,
    ) -> None:
        super().__init__()
        if critic not in CRITICS:
            raise unknown("critic", critic, CRITICS)
        if prior not in PRIORS:
            raise unknown("prior", prior, PRIORS)
        self.negatives, self.prior = whole("negatives", negatives), prior
        self.prior_weight = between("prior_weight", prior_weight, 0, 1) if prior != "none" else 0.0
        self.critic: nn.Module = (
            ClipLiteDot(image_dim, text_dim, units=units)
            if critic == "dot"
            else ClipLiteConcat(image_dim, text_dim, units=512 if units is None else units)
        )
        dims = (image_dim, text_dim) if prior != "none" else ()
        self.priors = nn.ModuleList(UniformPrior(dim) for dim in dims)

    def forward(self, image: Tensor, text: Tensor) -> ClipLiteTerms:
        jsd = clip_lite_jsd(self.critic(image, text, negatives=self.negatives))
        prior = jsd.new_zeros(())
        for discriminator, x in zip(self.priors, (image, text), strict=False):
            adversarial = self.prior == "adversarial"
            prior = prior + discriminator(x, adversarial=adversarial, generator=self.generator)
        weight = self.prior_weight
        return ClipLiteTerms((1 - weight) * jsd + weight * prior, jsd, prior)


def _jsd(joint: Tensor, product: Tensor) -> Tensor:
    return F.softplus(-wide(joint)).mean() + F.softplus(wide(product)).mean()


def _rolls(negatives: int, batch: int) -> range:
    """By how much captions are rolled: 0 for the pairs, then 1..K."""
    if whole("negatives", negatives) > batch - 1:
        raise ValueError(
            f"negatives must be at most {batch - 1}, B - 1, got {negatives}: "
            "one more roll brings back the pairs"
        )
    return range(negatives + 1)


def _features(name: str, x: Tensor, dim: int) -> Tensor:
    if x.dim() != 2 or x.shape[1] != dim or not len(x) or not x.is_floating_point():
        raise ValueError(f"{name} must be floating [B, {dim}], got {x.dtype} {list(x.shape)}")
    return x


def _mlp(dim: int, first: int, second: int) -> nn.Sequential:
    layers = [nn.Linear(dim, first), nn.Linear(first, second), nn.Linear(second, 1)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
