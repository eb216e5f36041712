"""Training of image-text pairs: four losses on the same pictures, captions and order.

CLIP, SigLIP, CLIP-Lite and ranking see the same pictures in the same order whatever the batch
size: passes over the training pictures, each shuffled, cut into batches one after the other. So
`pictures` is a budget that is equal at batch 16 and at batch 512; what differs is the number of
steps and of negatives. Captions are written anew for every batch, from factors that moved with
the picture: "left" stays true when it was mirrored.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.data import Batch, Dataset, captions
from labkit.data.threads import one_thread
from labkit.errors import positive, unknown, whole
from labkit.evaluation.retrieval import retrieval
from labkit.evaluation.zero_shot import picture_embeddings, tokens, zero_shot
from labkit.models.image_text import ImageText
from labkit.training.device import pick_precision
from labkit.training.events import Control, Done, Evaluation, Event, Start, Step
from labkit.training.fit import streams
from labkit.training.image_text_method import KNOBS, Pairing, Writer
from labkit.training.loop import Loop
from labkit.training.recipes import OPTIMISERS, SCHEDULES
from labkit.training.records import versions

WATCHED = 1000  # pictures of a split that retrieval is measured on


def fit_pairs(
    model: ImageText,
    dataset: Dataset,
    *,
    loss: str = "clip",
    level: str = "attributes",
    templates: Sequence[str] | None = None,
    pictures: int,
    batch_size: int = 64,
    held_out: Sequence[int] = (),
    augment: bool = True,
    learning_rate: float = 0.02,
    weight_decay: float = 0.01,
    optimiser: str = "adamw",
    schedule: str = "warmup-cosine",
    evaluations: int | None = None,
    seed: int = 0,
    control: Control | None = None,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    config: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Train both towers on pictures and captions; the events of `fit`, without checkpoints.

    loss: "clip", "siglip", "clip_lite" or "ranking", with the knobs of `KNOBS` in `control`:
    negatives (CLIP-Lite's k, B - 1 if it is larger), margin. Scale and bias start as the model's:
    SigLIP wants ImageText(..., scale=10, bias=-log(B - 1)) or lower
    level: of `captions.LEVELS`; or, for pictures without factors, `templates` with {} for the
    class's name, of which each caption draws one
    pictures: how many are shown, those of whole batches: equal for equal budgets
    held_out: classes, numbers 0..C-1, whose training pictures are not shown
    augment: shifts and mirrors, captions with them
    learning_rate: the default was the best of five for CLIP and for SigLIP (lab09-tuning.json)
    evaluations: how many, evenly spread; one a pass over the pictures unless given

    An Evaluation has "accuracy" (zero-shot over all C classes, chance 1 / C), "held_out" (the same
    on pictures of the held-out classes alone), and recall at 1 of captions and pictures among
    WATCHED pictures of the split, "image_to_text" and "text_to_image". An epoch is one pass.
    Raises ValueError for bad arguments and captions with words the model lacks, FloatingPointError
    when the loss is no longer finite; the model is then as it was when last evaluated.
    """
    if loss not in KNOBS:
        raise unknown("loss", loss, KNOBS)
    for name, value, choices in (
        ("optimiser", optimiser, OPTIMISERS),
        ("schedule", schedule, SCHEDULES),
    ):
        if value not in choices:
            raise unknown(name, value, choices)
    device = torch.device(device)
    dataset = dataset.to(device)
    settings = {
        "loss": loss,
        "towers": {k: v for k, v in model.facts.items() if k != "words"},
        **({"level": level} if templates is None else {"templates": list(templates)}),
        "pictures": whole("pictures", pictures),
        "batch_size": whole("batch_size", batch_size, minimum=2),
        "held_out": sorted(whole("held_out", label, minimum=0) for label in held_out),
        "augment": "shift-mirror" if augment else "none",
        "learning_rate": positive("learning_rate", learning_rate),
        "weight_decay": weight_decay,
        "optimiser": optimiser,
        "schedule": schedule,
        "seed": whole("seed", seed, minimum=0),
        "precision": pick_precision(model.image, device, precision),
        **({"data": dict(dataset.arguments)} if dataset.arguments else {}),
        **(config or {}),
    }
    writer = Writer(dataset, level, templates)
    lacking = writer.words - set(model.words)
    if lacking:
        raise ValueError(
            f"the model lacks words of the captions, {', '.join(sorted(lacking)[:5])} ...: "
            "make it with ImageText(Tokenizer(words).words)"
        )
    control = control or Control()
    control.default(**KNOBS[loss])
    settings["knobs"] = control.knobs
    shown = _shown(dataset, settings["held_out"], batch_size)
    loop = Loop(
        model.to(device).image,
        Pairing(model, loss),
        None,
        device=device,
        precision=settings["precision"],
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        optimiser=optimiser,
        schedule=schedule,
    )
    run = _Run(model, loop, dataset, writer, settings, control, shown)
    if run.steps < 1:
        raise ValueError(f"pictures must be at least batch_size, {batch_size}, got {pictures}")
    times = round(pictures / len(shown)) if evaluations is None else evaluations
    return run.events(min(run.steps, max(1, whole("evaluations", times, minimum=0))))


@dataclass
class _Run:
    """A run and how far it is."""

    model: ImageText
    loop: Loop
    dataset: Dataset
    writer: Writer
    settings: dict[str, Any]
    control: Control
    shown: Tensor  # int64 [n], rows of the training split
    curve: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = self.settings["batch_size"]
        self.steps = self.settings["pictures"] // self.size
        self.streams = streams(self.settings["seed"])

    def events(self, evaluations: int) -> Iterator[Event]:
        began, passed = time.monotonic(), self.size / len(self.shown)  # passes a step
        fixed = self._batch(self.shown[: self.size], None, torch.Generator().manual_seed(0))
        due = {round(self.steps * turn / evaluations) for turn in range(1, evaluations + 1)}
        good, step = self.loop.state(), 0
        yield Start(
            self.steps,
            self.steps * passed,
            dict(self.settings),
            measure=lambda knobs: self.loop.measure(fixed, knobs, None),
        )
        for rows in islice(self._order(), self.steps):
            for change in self.control.apply(step):
                self.moved.append({"step": step, "name": change.name, "new": change.new})
                yield change
            before = time.perf_counter()
            batch = self._batch(rows, self._moves(), self.streams["method"])
            try:
                terms = self.loop.step(batch, step / self.steps, self.control.knobs)
                seconds = time.perf_counter() - before
                metrics = self.evaluate("val") if step + 1 in due else None
            except FloatingPointError as error:
                self.loop.load(good)
                raise FloatingPointError(self._explain(error, step + 1)) from None
            step += 1
            yield Step(step, step * passed, terms, seconds)
            if metrics is not None:
                self.curve.append({"epoch": step * passed, **metrics, "terms": terms})
                good = self.loop.state()
                yield Evaluation(step, step * passed, metrics)
        yield Done(step, self._record(time.monotonic() - began))

    def _moves(self) -> Generator | None:
        return None if self.settings["augment"] == "none" else self.streams["augment"]

    def _order(self) -> Iterator[Tensor]:
        """Rows int64 [B] of one batch after another, whose borders the passes do not heed."""
        left = self.shown[:0]
        while True:
            while len(left) < self.size:
                order = torch.randperm(len(self.shown), generator=self.streams["order"])
                left = torch.cat([left, self.shown[order.to(left.device)]])
            yield left[: self.size]
            left = left[self.size :]

    def _batch(self, rows: Tensor, moves: Generator | None, words: Generator) -> Batch:
        """Normalised pictures, and for labels the tokens of their captions."""
        part = self.dataset.train
        images, labels = part.images.index_select(0, rows), part.labels[rows]
        factors = {name: part.factors[name][rows] for name in self.writer.factors}
        with one_thread():
            if moves is not None:
                images, factors = captions.augment(images, factors, moves)
            pixels = self.dataset.normalise(images.to(self.loop.device))
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        texts = self.writer.write(factors, labels, words)
        return Batch(pixels, tokens(self.model, texts), rows)

    def evaluate(self, split: str) -> dict[str, float]:
        """What an Evaluation holds; see `fit_pairs`."""
        part = self.dataset.split(split)
        pictures = picture_embeddings(self.model, self.dataset, split)
        if not pictures.isfinite().all():
            raise FloatingPointError("the pictures' embeddings are not finite")
        answer = zero_shot(
            self.model, self.dataset, self.writer.prompts, split=split, pictures=pictures
        )
        found = {"accuracy": answer.accuracy}
        unseen = torch.isin(
            part.labels.cpu(), torch.tensor(self.settings["held_out"], dtype=torch.int64)
        )
        if unseen.any():
            right = answer.predictions == part.labels.cpu()
            found["held_out"] = right[unseen].double().mean().item()
        first = part.subset(torch.arange(min(WATCHED, len(part))))
        texts = self.writer.write(first.factors, first.labels, torch.Generator().manual_seed(0))
        with torch.no_grad():
            read = self.model.encode_text(tokens(self.model, texts)).cpu()
        both = retrieval(pictures[: len(texts)], read, texts, ks=(1,))
        return found | {
            "image_to_text": both.image_to_text[1],
            "text_to_image": both.text_to_image[1],
        }

    def _explain(self, error: FloatingPointError, step: int) -> str:
        return (
            f"{error}: the training stopped with step {step}; the model is back as it was when "
            "last evaluated. Usual causes: the learning rate is too high, or the scale grew "
            f"without bound. Knobs: {self.control.knobs}"
        )

    def _record(self, seconds: float) -> dict[str, Any]:
        """Like that of `fit`; its precision stands in the config, for `script` cannot repeat it."""
        last = {k: v for k, v in self.curve[-1].items() if k not in ("epoch", "terms")}
        test = self.evaluate("test")
        learnt = {"scale": self.model.scale.item(), "bias": self.model.bias.item()}
        return {
            "config": self.settings,
            "data": self.dataset.name,
            "versions": versions(self.loop.device),
            "seconds": round(seconds, 1),
            "knob_changes": self.moved,
            "curve": self.curve,
            "result": {f"val_{k}": v for k, v in last.items()}
            | {f"test_{k}": v for k, v in test.items()}
            | learnt,
        }


def _shown(dataset: Dataset, held_out: Sequence[int], batch_size: int) -> Tensor:
    """Rows int64 [n] of the training split that may be shown; ValueError if too few."""
    if held_out and max(held_out) >= dataset.classes:
        raise ValueError(f"held_out must be classes below {dataset.classes}, got {max(held_out)}")
    labels = dataset.train.labels
    rows = (~torch.isin(labels, torch.tensor(held_out).to(labels))).nonzero()[:, 0]
    if len(rows) < batch_size:
        raise ValueError(
            f"batch_size must be at most the {len(rows)} pictures to train on, got {batch_size}"
        )
    return rows
