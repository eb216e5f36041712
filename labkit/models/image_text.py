"""Two towers, one for pictures and one for captions, that answer on the same unit sphere.

    image   a network of the zoo: its pooled vector, then its last linear layer, to D numbers
    text    a text model of `TEXT_MODELS`: its encoder, then its last linear layer, to D numbers
    score   scale * cos(image, text) + bias            scale = exp(log_scale), both learnt

A classifier whose "classes" are the D axes is an encoder with a projection: nothing is built twice.
The scale starts at 1 / 0.07 as CLIP's (Radford et al. 2021); SigLIP (Zhai et al. 2023) starts
with 10 and the bias -10; its best constant bias at batch size B is -log(B - 1).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.errors import positive, whole
from labkit.models import teachers
from labkit.models.registry import build
from labkit.models.text import build_text

SPECIALS = ("<pad>", "<unk>")  # words 0 and 1 of every Tokenizer
KIND = "image_text"  # what the card of a trained pair says under "model"


class ImageText(nn.Module):
    """An image tower and a text tower; the arguments are all that decides its first weights.

    words: the `words` of a `labkit.data.Tokenizer`; number 0 is padding, 1 any unknown word
    network: a name of MODELS; text: one of TEXT_MODELS; dim: D; width: of the word embeddings
    scale: 1 / temperature, above 0; bias: any; both only where learning begins
    Raises ValueError for other words, unknown names, sizes below 1 (dim 2) and scale <= 0.
    """

    def __init__(
        self,
        words: Sequence[str],
        network: str = "convnet",
        text: str = "bag",
        *,
        dim: int = 64,
        width: int = 64,
        scale: float = 1 / 0.07,
        bias: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if tuple(words[:2]) != SPECIALS:
            raise ValueError(f"words must be those of a Tokenizer, got {words[:3]!r} ...")
        self.words = tuple(words)
        self.facts: dict[str, Any] = {
            "words": list(words),
            "network": network,
            "text": text,
            "dim": whole("dim", dim, minimum=2),
            "width": whole("width", width),
        }
        self.image = build(network, dim, seed=seed)
        self.text = build_text(text, len(words), dim, dim=width, seed=seed)
        self.log_scale = nn.Parameter(torch.tensor(math.log(positive("scale", scale))))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    @property
    def scale(self) -> Tensor:
        """1 / temperature, a scalar above 0."""
        return self.log_scale.exp()

    def encode_image(self, x: Tensor) -> Tensor:
        """Unit vectors [B, D] of normalised pictures [B, 3, 32, 32], in float32."""
        return F.normalize(self.image(x).logits.float(), dim=1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Unit vectors [B, D] of tokens int [B, L], in float32; word 0 is padding."""
        return F.normalize(self.text(tokens).float(), dim=1)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Scores [B, T] of pictures [B, 3, 32, 32] and captions [T, L], bias included."""
        return self.scale * self.encode_image(x) @ self.encode_text(tokens).T + self.bias


def save_image_text(name: str, model: ImageText, card: dict[str, Any]) -> Path:
    """Ship a pair in data/teachers: weights in half precision, and a card that can build it."""
    return teachers.save_teacher(name, model, {"model": KIND, "towers": model.facts, **card})


def load_image_text(name: str) -> ImageText:
    """A trained pair, frozen and in eval mode; ValueError for a name that is none."""
    from safetensors.torch import load_file

    card = teachers.teacher_card(name)
    if card["model"] != KIND:
        raise ValueError(f"{name!r} is a classifier, {card['model']}: use load_teacher")
    model = ImageText(**card["towers"])
    weights = load_file(teachers.TEACHERS / f"{name}.safetensors")
    model.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
    return model.eval().requires_grad_(False)
