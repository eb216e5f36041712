"""Bias: a direction of the text space found from word pairs, taken out of the pictures.

    directions   principal components of a pair's two texts about their own mean
    removal      v - sum over components g of (v . g) g, back on the unit sphere

Bolukbasi et al. (2016) for words; Shrivastava et al. (2023), CLIP-Lite, for pictures, where one
component of pairs such as "man", "woman" is taken out of the picture's vector. Here pairs differ in
the ground's colour, of which there are twenty: more than one component can be asked for.

What it changes is measured on counterfactual pictures: the same pose, object, light and noise,
once on the ground that belongs to the shape and once on another.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.data import Dataset, Split, motif
from labkit.errors import whole
from labkit.evaluation.zero_shot import TEMPLATES, class_embeddings, fill, tokens
from labkit.models.image_text import ImageText

Pairs = Sequence[tuple[str, str]]


class Bias(NamedTuple):
    """A zero-shot classifier on pictures that differ in nothing but the ground; shares 0..1."""

    own: float  # accuracy on the ground that belongs to the shape
    other: float  # accuracy on another ground
    changed: float  # how often the answer is another one on the other ground
    follows: float  # how often the other ground's own shape is the answer; 1 / 20 at chance


def background_pairs(template: str = "on a {} background") -> list[tuple[str, str]]:
    """All 190 pairs of texts that differ in the colour's name alone."""
    return list(combinations([fill(template, colour) for colour in motif.COLOURS], 2))


@torch.no_grad()
def text_directions(model: ImageText, pairs: Pairs, components: int = 1) -> Tensor:
    """The first principal components of the pairs about their means: orthonormal [K, D], CPU.

    ValueError for no pairs, components < 1, or more than the pairs span.
    """
    k = whole("components", components)
    if not pairs:
        raise ValueError("pairs must hold at least one pair of texts, got none")
    model.eval()
    one, two = (model.encode_text(tokens(model, list(side))) for side in zip(*pairs, strict=True))
    apart = (one - two).double().cpu()  # [P, D]; about the mean +- half of it
    _, sizes, rows = torch.linalg.svd(apart, full_matrices=False)
    spanned = int((sizes > 1e-6 * sizes[0].clamp_min(1e-6)).sum())
    if k > spanned:
        raise ValueError(f"components must be at most {spanned}, which the pairs span, got {k}")
    return rows[:k].float()


def remove_directions(embeddings: Tensor, directions: Tensor) -> Tensor:
    """Embeddings [N, D] without their part along orthonormal directions [K, D], unit length.

    ValueError for another D.
    """
    if embeddings.dim() != 2 or directions.dim() != 2 or embeddings.shape[1] != directions.shape[1]:
        raise ValueError(
            f"embeddings [N, D] and directions [K, D] must share D, got {list(embeddings.shape)} "
            f"and {list(directions.shape)}"
        )
    return F.normalize(embeddings - embeddings @ directions.T @ directions, dim=1)


def counterfactuals(
    count: int, *, split: str = "test", seed: int = 0, difficulty: float = 0.3
) -> tuple[Split, Split]:
    """Motif-100's pictures on the ground that belongs to their shape, and on another.

    Of the first `count` pictures those are kept whose object has the same colours on both grounds
    (it must stand out from either), about a third. Raises what `motif.render` raises, and
    ValueError if none is left.
    """
    own, other = (
        motif.render(count, split=split, seed=seed, difficulty=difficulty, bias=bias)
        for bias in (1.0, 0.0)
    )
    same = own.factors["background"] != other.factors["background"]
    for name in ("color", "color2"):
        same &= own.factors[name] == other.factors[name]
    if not same.any():
        raise ValueError(f"count must be larger: of {count} none is the same on two grounds")
    return own.subset(same), other.subset(same)


@torch.no_grad()
def background_bias(
    model: ImageText,
    dataset: Dataset,
    pictures: tuple[Split, Split],
    *,
    templates: Sequence[str] = TEMPLATES,
    directions: Tensor | None = None,
) -> Bias:
    """How much the zero-shot answer hangs on the ground; `directions` [K, D] are removed first.

    pictures: `counterfactuals`; dataset: the model's own, for its class names and normalisation
    """
    classes = class_embeddings(model, dataset.class_names, templates)
    own, other = (_answers(model, dataset, part, classes, directions) for part in pictures)
    labels, ground = pictures[0].labels.cpu(), pictures[1].factors["background"].cpu()
    return Bias(
        (own == labels).double().mean().item(),
        (other == labels).double().mean().item(),
        (own != other).double().mean().item(),
        (other // len(motif.TEXTURES) == ground).double().mean().item(),
    )


def _answers(
    model: ImageText, dataset: Dataset, part: Split, classes: Tensor, directions: Tensor | None
) -> Tensor:
    """The class int64 [N] of each picture."""
    device = model.log_scale.device
    found = [
        model.encode_image(dataset.normalise(images).to(device)).cpu()
        for images in part.images.split(250)
    ]
    vectors = torch.cat(found)
    vectors = vectors if directions is None else remove_directions(vectors, directions)
    return (vectors @ classes.T).argmax(1)
