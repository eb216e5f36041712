"""What a training of image-text pairs is made of: text tower with loss, and captions."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn

from labkit import losses
from labkit.data import Batch, Dataset, captions
from labkit.data.motif import SHAPES, TEXTURES
from labkit.data.tokens import split as words_of
from labkit.errors import whole
from labkit.evaluation.zero_shot import ENSEMBLE, TEMPLATES, fill
from labkit.models import Features
from labkit.models.image_text import ImageText
from labkit.training.method import Knobs

LARGEST = 100.0  # CLIP's scale is clamped there; the others' are not
KNOBS: dict[str, dict[str, float]] = {
    "clip": {},
    "siglip": {},
    "clip_lite": {"negatives": 1},
    "ranking": {"margin": 0.2},
}
PAIR_LOSSES = tuple(KNOBS)
_LEARNT = {"clip": ("log_scale",), "siglip": ("log_scale", "bias"), "clip_lite": ("log_scale",)}


class Pairing(nn.Module):
    """The method: text tower and loss; a picture's label is its caption, tokens int64 [B, L].

    Knobs: negatives (CLIP-Lite's k; B - 1 if that is less), margin (of ranking). It trains the
    scale and the bias where the loss has them: `model.log_scale.requires_grad_(False)` before
    the training keeps a scale.
    """

    log_scale: nn.Parameter
    bias: nn.Parameter

    def __init__(self, model: ImageText, loss: str) -> None:
        super().__init__()
        self.loss, self.text = loss, model.text
        for name in _LEARNT.get(loss, ()):
            self.register_parameter(name, getattr(model, name))

    def forward(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> dict[str, Tensor]:
        pair = student.logits, self.text(batch.labels)  # [B, D] each
        if self.loss == "ranking":
            return {"ranking": losses.ranking(*pair, margin=knobs["margin"])}
        if self.loss == "clip" and self.training:
            with torch.no_grad():
                self.log_scale.clamp_(max=math.log(LARGEST))
        scale = self.log_scale.exp()
        if not 0 < scale.item() < math.inf:
            raise FloatingPointError(f"the scale is {scale.item():g}")
        if self.loss == "clip":
            return {"clip": losses.clip(*pair, scale=scale)}
        if self.loss == "siglip":
            return {"siglip": losses.siglip(*pair, scale=scale, bias=self.bias)}
        k = max(1, min(round(knobs["negatives"]), len(pair[0]) - 1))
        return {"clip_lite": losses.clip_lite(*pair, scale=scale, negatives=k)}


def unseen_combinations(per_shape: int = 1) -> tuple[int, ...]:
    """Classes of Motif-100 to leave out: `per_shape` textures of each shape, in turn.

    Every shape and every texture is still seen, with others. ValueError unless 1..4.
    """
    textures = len(TEXTURES)
    if whole("per_shape", per_shape) >= textures:
        raise ValueError(f"per_shape must be below {textures}, or no texture is left to see")
    return tuple(
        sorted(
            shape * textures + (shape + turn) % textures
            for shape in range(len(SHAPES))
            for turn in range(per_shape)
        )
    )


class Writer:
    """Captions of pictures: from their factors at a level, or from templates and class names."""

    def __init__(self, dataset: Dataset, level: str, templates: Sequence[str] | None) -> None:
        self.names, self.level, self.templates = dataset.class_names, level, templates
        if templates is None:
            self.factors: tuple[str, ...] = captions.factors_told(level)
            first = dataset.train.subset(torch.arange(1))
            captions.write(first.factors, level)  # lacks a factor? said before the first step
            self.words = set(captions.VOCABULARY)
            self.prompts = TEMPLATES if level == "class" else ENSEMBLE
            return
        if isinstance(templates, str) or not templates:
            raise ValueError(f"templates must be a list of at least one string, got {templates!r}")
        self.factors, self.prompts = (), tuple(templates)
        texts = " ".join(fill(each, name) for name in self.names for each in templates)
        self.words = set(words_of(texts))

    def write(
        self, factors: Mapping[str, Tensor], labels: Tensor, generator: Generator
    ) -> list[str]:
        """One caption for each of the pictures; `generator` draws templates."""
        if self.templates is None:
            return captions.write(factors, self.level)
        drawn = torch.randint(len(self.templates), (len(labels),), generator=generator).tolist()
        pairs = zip(drawn, labels.tolist(), strict=True)
        return [fill(self.templates[which], self.names[label]) for which, label in pairs]
