"""Sweeps of image-text pairs: the worker of a spec with `captions`."""

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from labkit import data
from labkit.data import captions
from labkit.data.tokens import Tokenizer
from labkit.evaluation.probe import linear_probe
from labkit.evaluation.zero_shot import picture_embeddings
from labkit.models.image_text import ImageText, save_image_text
from labkit.training.device import pick_device
from labkit.training.events import Control
from labkit.training.image_text import fit_pairs
from labkit.training.image_text_method import KNOBS, Writer, unseen_combinations
from labkit.training.records import brief
from labkit.training.run import run

TOWERS = ("network", "text", "dim", "width", "scale", "bias", "seed")
PASSED = tuple(
    name
    for name in inspect.signature(fit_pairs).parameters
    if name not in ("model", "dataset", "level", "held_out", "control", "device", "config")
)


class Captioned:
    """Trains pairs by the settings of `fit_pairs` and `ImageText`; the pictures stay in memory.

    captions: the level; held_out: how many textures of each shape are left out, none unless given
    templates: for pictures without factors, whose held_out are numbers of classes; both in double
        brackets, for a list means one run each
    ship: a name under which the pair of seed 0 is written into data/teachers, its card with what a
        linear probe reads
    Scale and bias start as their papers have them, unless a row says otherwise (`start`).
    """

    def __init__(self, spec: Mapping[str, Any], device: str = "auto") -> None:
        self.spec, self.device = spec, pick_device(device)
        self.pictures = lru_cache(maxsize=1)(self._pictures)

    def run(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """One training; `settings` are those of `sweep.expand`."""
        dataset = self.pictures(json.dumps(settings.get("data", self.spec["data"])))
        model, loss = built(settings, dataset), settings.get("loss", "clip")
        knobs = {k: float(settings.get(k, v)) for k, v in KNOBS.get(loss, {}).items()}
        events = fit_pairs(
            model,
            dataset,
            level=settings["captions"],
            held_out=left_out(settings.get("held_out", 0)),
            control=Control(**knobs),
            device=self.device,
            **{k: settings[k] for k in PASSED if k in settings},
        )
        record = run(events, on_event=lambda event: None)
        if "ship" in settings and settings["seed"] == 0:
            card = {k: v for k, v in record.items() if k != "curve"}
            save_image_text(settings["ship"], model, card | {"probe": probed(model, dataset)})
        return brief(record)

    def _pictures(self, described: str) -> data.Dataset:
        return data.load(**json.loads(described), progress=False).to(self.device)


def built(settings: Mapping[str, Any], dataset: data.Dataset) -> ImageText:
    """The two towers of a run before it: what its settings name, else the usual ones."""
    named = {k: settings[k] for k in TOWERS if k in settings}
    loss, size = settings.get("loss", "clip"), settings.get("batch_size", 64)
    words: tuple[str, ...] = captions.VOCABULARY
    if "templates" in settings:
        writer = Writer(dataset, settings["captions"], settings["templates"])
        words = Tokenizer(sorted(writer.words)).words
    return ImageText(words, **{**start(loss, size), **named})


def probed(model: ImageText, dataset: data.Dataset, most: int = 5000) -> dict[str, float]:
    """What a linear probe with labels reads from the pictures' vectors, beside the sentences."""
    learnt = picture_embeddings(model, dataset, "train")[:most]
    labels = dataset.train.labels[:most].cpu()
    found = linear_probe(
        learnt, labels, picture_embeddings(model, dataset), dataset.test.labels.cpu()
    )
    return {"pictures": len(learnt), "accuracy": round(found.accuracy, 4), "C": found.chosen}


def left_out(held_out: int | Sequence[int]) -> Sequence[int]:
    """Classes: those given, or so many textures of each shape of Motif-100."""
    if not isinstance(held_out, int):
        return held_out
    return unseen_combinations(held_out) if held_out else ()


def start(loss: str, batch_size: int) -> dict[str, float]:
    """Scale and bias before training: 1 / 0.07 and 0 (CLIP), and SigLIP's 10 and -log(B - 1).

    SigLIP's paper starts at bias -10, for batches of thousands; log(B - 1) is what balances one
    pair against B - 1 others.
    """
    if loss != "siglip":
        return {"scale": 1 / 0.07, "bias": 0.0}
    return {"scale": 10.0, "bias": -math.log(max(batch_size - 1, 1))}
