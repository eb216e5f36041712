"""Zero-shot classification: a class is what its name, put into sentences, reads as.

Radford et al. (2021), section 3.1: each class's prompts are encoded, the unit vectors averaged
and put back on the sphere (an ensemble of templates is one classifier, at one classifier's cost);
a picture belongs to the class whose vector is nearest.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.data import Dataset, Tokenizer, batches
from labkit.data.motif import COLOURS
from labkit.models.image_text import ImageText

TEMPLATES = ("a {}",)
# A model that only ever read of coloured things is asked about all colours.
ENSEMBLE = tuple(f"a {colour} {{}}" for colour in COLOURS)


class ZeroShot(NamedTuple):
    """What a classifier made of words says of a split."""

    accuracy: float  # 0..1, 1 / C at chance
    predictions: Tensor  # int64 [N]
    scores: Tensor  # float32 [N, C], cosines


def fill(template: str, name: str) -> str:
    """`template` with `name` in place of {}, and "an" before a vowel.

    "two" in a name takes the place of the article before it: "a red {}" and "solid two discs"
    are "two red solid discs". ValueError for a template without one {}.
    """
    if template.count("{}") != 1:
        raise ValueError(f"a template must have one {{}} where the name goes, got {template!r}")
    head, tail = template.split("{}")
    single = re.sub(r"\btwo ", "", name)
    if single != name:
        head, articles = re.subn(r"^(.*)\ban? ", r"\1two ", head)  # the last one
        name = single if articles else f"two {single}"
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", head + name + tail)


def tokens(model: ImageText, texts: Sequence[str]) -> Tensor:
    """int64 [N, L] where the model is, L at least 1; a word it does not know is number 1.

    ValueError for one string in place of several.
    """
    rows = Tokenizer(model.words).encode(texts)
    return (rows if rows.shape[1] else F.pad(rows, (0, 1))).to(model.log_scale.device)


@torch.no_grad()
def class_embeddings(model: ImageText, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Unit vectors [C, D], on the CPU: for each name the mean of its prompts' unit vectors.

    ValueError for no names, no templates, one string in place of several, a template without {}.
    """
    for what, given in (("names", names), ("templates", templates)):
        if isinstance(given, str) or not given:
            raise ValueError(f"{what} must be a list of at least one string, got {given!r}")
    model.eval()
    prompts = [fill(template, name) for name in names for template in templates]
    each = model.encode_text(tokens(model, prompts)).cpu()  # [C * templates, D]
    return F.normalize(each.unflatten(0, (len(names), -1)).mean(1), dim=1)


@torch.no_grad()
def picture_embeddings(
    model: ImageText, dataset: Dataset, split: str = "test", *, batch_size: int = 250
) -> Tensor:
    """Unit vectors [N, D] of every picture of a split, in order, on the CPU; no augmentation."""
    model.eval()
    device = model.log_scale.device
    source = batches(dataset, split, batch_size=batch_size, order=None, augment=None)
    return torch.cat([model.encode_image(batch.images.to(device)).cpu() for batch in source])


def zero_shot(
    model: ImageText,
    dataset: Dataset,
    templates: Sequence[str] = TEMPLATES,
    *,
    split: str = "test",
    pictures: Tensor | None = None,
) -> ZeroShot:
    """Classify a split by the names of its classes, put into `templates`.

    pictures: `picture_embeddings` of the split [N, D], if they are at hand
    Value at chance: accuracy 1 / C. Raises what `class_embeddings` does, and ValueError for
    pictures of another number. Source: Radford et al. (2021).
    """
    labels = dataset.split(split).labels.cpu()
    if pictures is None:
        pictures = picture_embeddings(model, dataset, split)
    if len(pictures) != len(labels):
        raise ValueError(f"pictures must be [{len(labels)}, D], got {list(pictures.shape)}")
    scores = pictures @ class_embeddings(model, dataset.class_names, templates).T  # [N, C]
    guess = scores.argmax(1)
    return ZeroShot((guess == labels).double().mean().item(), guess, scores)
