"""What Motif-100's data card quotes and shows: counted facts, a contact sheet, two matrices."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from labkit.data import motif
from labkit.evaluation import entropy, in_bins, mutual_information
from labkit.training.records import reference

COUNTED = ("shape", "texture", "color", "color2", "background", "distractors")
MEASURED = ("x", "y", "rotation", "scale", "noise")  # in 16 bins of equal width
CELL = 14  # pixels of a matrix entry
# Three stops of Cividis (Nunez et al. 2018): readable with any colour vision.
LOW, MIDDLE, HIGH = np.array([[0, 34, 78], [124, 123, 120], [254, 232, 56]])


def facts(pictures: int = 50_000, enumerated: int = 20_000) -> dict[str, Any]:
    """Entropies, information and overlaps of `pictures` training pictures at the default setting.

    `enumerated` pictures of the enumerable setting give what is said of it. All in nats;
    log 100 = 4.605 is what a class holds.
    """
    split = motif.render(pictures)
    values = {name: split.factors[name] for name in COUNTED}
    values |= {name: in_bins(split.factors[name]) for name in MEASURED}
    values |= {f"light {way}": in_bins(split.factors["light"][:, i]) for i, way in
               enumerate(("across", "down"))}  # fmt: skip
    classes = split.labels
    overlap = motif.shape_overlap()
    off = overlap.clone().fill_diagonal_(-1)
    best = divmod(int(off.argmax()), len(motif.SHAPES))
    return {
        "pictures": pictures,
        "log_classes": math.log(motif.CLASSES),
        "entropy": {name: round(entropy(value), 3) for name, value in values.items()},
        "information_about_class": {
            name: round(mutual_information(value, classes), 3) for name, value in values.items()
        },
        "shape_overlap": [[round(v, 3) for v in row] for row in overlap.tolist()],
        "most_alike": {"shapes": [motif.SHAPES[i] for i in best], "overlap": off.max().item()},
        "mask_share": split.masks.float().mean().item(),  # type: ignore[union-attr]
        "exact": _exact(enumerated),
        "information": _bound(),
    }


def _bound() -> dict[str, Any]:
    """The most that a recorded network has shown a picture to hold about its class, in nats."""
    rows = reference("motif100")["by_label"].values()
    fair = [row for row in rows if row.get("data", {}).get("difficulty", 0.3) == 0.3]
    best = min(fair, key=lambda row: row["test_loss"]["mean"])
    low = math.log(motif.CLASSES) - best["test_loss"]["mean"]
    return {"low": low, "network": best["student"]}


def _exact(pictures: int) -> dict[str, float]:
    """Of the enumerable setting: the best possible accuracy, and the information in a picture."""
    split = motif.exact.render(pictures, split="test")
    p = motif.bayes_posterior(split.images)  # [N, 100]
    left = -(p * p.clamp_min(1e-30).log()).sum(1)  # [N] nats that a picture leaves open
    return {
        "pictures": pictures,
        "templates": motif.CLASSES * len(motif.exact.STATES),
        "states": len(motif.exact.STATES),
        "bayes_accuracy": p.amax(1).mean().item(),
        "bayes_accuracy_error": (p.amax(1).std() / pictures**0.5).item(),
        "entropy_left": left.mean().item(),
        "entropy_left_error": (left.std() / pictures**0.5).item(),
        "information": math.log(motif.CLASSES) - left.mean().item(),
    }


def draw(folder: Path) -> list[Path]:
    """Write the card's pictures into `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet = motif.contact_sheet(motif.render(300)).permute(1, 2, 0).numpy()
    images = {
        "motif100-contact.jpg": Image.fromarray(sheet),
        "motif100-shapes.png": _matrix(motif.shape_overlap(), motif.SHAPES),
        "motif100-classes.png": _matrix(motif.class_overlap(), (), cell=4),
    }
    for name, image in images.items():
        image.save(folder / name, quality=80, optimize=True)
    return [folder / name for name in images]


def _matrix(values: Tensor, names: tuple[str, ...], cell: int = CELL) -> Image.Image:
    """A matrix of 0..1 as a picture, dark to bright, its rows named."""
    left = 110 if names else 0
    t = values.clamp(0, 1).numpy()[..., None]
    colour = np.where(t < 0.5, LOW + 2 * t * (MIDDLE - LOW), HIGH + 2 * (1 - t) * (MIDDLE - HIGH))
    cells = Image.fromarray(colour.round().astype(np.uint8))
    size = cell * len(values)
    image = Image.new("RGB", (left + size, size), "white")
    image.paste(cells.resize((size, size), Image.Resampling.NEAREST), (left, 0))
    for row, name in enumerate(names):
        ImageDraw.Draw(image).text((2, row * cell + 1), name, fill="black")
    return image
