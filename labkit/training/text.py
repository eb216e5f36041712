"""Training of text classifiers, with or without a WIGRAPH after the embedding.

The loss is `losses.wigraph_terms`, weighted by knobs; without a graph only its prediction is left.
Both kinds of run see the same sentences in the same order. Where the published training differs:

  - betas stay until they are moved; there they fall by 0.099 an epoch while above 0.01;
  - the edges' rate is its own, and decay leaves them alone: it would pull them back to 1/2; there
    they learn 1,000 times faster than a fine-tuned backbone, here than a fresh one, a few times;
  - of several epochs equally good on the validation split `keep="best"` takes the first; there the
    last, so that, accuracy being level, later epochs with fewer edges replaced earlier ones unsaid;
  - there the classifier comes already trained on the task; here both learn together.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.data import Batch, Tokenizer
from labkit.data.text import Sentences
from labkit.data.threads import one_thread
from labkit.data.types import SPLITS
from labkit.errors import positive, unknown, whole
from labkit.evaluation.edges import co_occurrence, edge_precision
from labkit.evaluation.faithfulness import text_logits
from labkit.evaluation.predict import accuracy
from labkit.losses.wigraph import NORMALISATIONS
from labkit.models.text import TextClassifier
from labkit.training.events import Control, Done, Evaluation, Event, Start, Step
from labkit.training.fit import streams
from labkit.training.recipes import OPTIMISERS, SCHEDULES
from labkit.training.records import versions
from labkit.training.text_loop import TextLoop, graph_knobs, knobs_of

KEEP = ("last", "best")


def fit_text(
    model: TextClassifier,
    sentences: Mapping[str, Sentences],
    words: Tokenizer,
    *,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 0.02,
    edge_learning_rate: float = 0.05,
    weight_decay: float = 0.0,
    optimiser: str = "adamw",
    schedule: str = "warmup-cosine",
    normalisation: str = "real",
    keep: str = "last",
    length: int | None = None,
    seed: int = 0,
    control: Control | None = None,
    device: torch.device | str = "cpu",
    config: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Train a text classifier; the events of `fit`, without checkpoints.

    sentences: "train", "val" and "test"; words: the tokenizer, as large as the model's vocabulary
    edge_learning_rate: peak rate of the graph's edges; without weight decay
    normalisation: of the graph's terms, see `losses.wigraph_terms`
    keep: the weights the run ends with: of the "last" epoch, or of the "best" on the validation
        split, the first of equals; either way the record's result says which "epoch"
    length: longer sentences lose their end; the longest one's unless given
    control: knobs beta_graph, beta_sparsity, beta_mask (with a word mask only), at least 0; the
        temperature of the draws, above 0; hard, 1 to draw edges in training and 0 to use their
        probabilities, as at test (nothing is drawn, and the temperature is idle). beta_graph is 0
        unless given: its term pulls edges to 1/2

    A Step's terms are weighted; their sum is the loss. An Evaluation has accuracy 0..1 and loss
    (cross-entropy in nats) and, where pairs known to interact meet in the graph's reach,
    "edge_precision", see `evaluation.edge_precision`. What is left of a pass over the training
    sentences, less than a batch, is not shown in it. One seed, one run, on a CPU bit for bit.
    `Start.measure` draws nothing: temperature and hard leave it as it is.
    Raises ValueError for bad arguments and knobs, FloatingPointError when a term is no longer
    finite; the model is then as it was when last evaluated.
    """
    for name, value, choices in (
        ("optimiser", optimiser, OPTIMISERS),
        ("schedule", schedule, SCHEDULES),
        ("normalisation", normalisation, NORMALISATIONS),
        ("keep", keep, KEEP),
    ):
        if value not in choices:
            raise unknown(name, value, choices)
    _check(model, sentences, words)
    control = control or Control()
    control.default(**knobs_of(model))
    graph_knobs(control.knobs, model.graph)
    settings = {
        "network": type(model).__name__,
        "graph": None if model.graph is None else model.graph.extra_repr(),
        "epochs": whole("epochs", epochs),
        "batch_size": whole("batch_size", batch_size),
        "learning_rate": positive("learning_rate", learning_rate),
        "edge_learning_rate": positive("edge_learning_rate", edge_learning_rate),
        "weight_decay": weight_decay,
        "optimiser": optimiser,
        "schedule": schedule,
        "normalisation": normalisation,
        "keep": keep,
        "seed": whole("seed", seed, minimum=0),
        **({} if length is None else {"length": whole("length", length)}),
        **(config or {}),
        "knobs": control.knobs,
    }
    loop = TextLoop(
        model,
        normalisation,
        device=torch.device(device),
        rate=learning_rate,
        edge_rate=edge_learning_rate,
        weight_decay=weight_decay,
        optimiser=optimiser,
        schedule=schedule,
    )
    tokens = {split: words.encode(sentences[split].texts, length) for split in SPLITS}
    return _Run(model, loop, dict(sentences), words, tokens, settings, control).events()


@dataclass
class _Run:
    """A run and how far it is."""

    model: TextClassifier
    loop: TextLoop
    sentences: dict[str, Sentences]
    words: Tokenizer
    tokens: dict[str, Tensor]  # int64 [N, L] each
    settings: dict[str, Any]
    control: Control
    step: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.streams = streams(self.settings["seed"])
        if self.model.graph is not None:
            self.model.graph.generator = self.streams["method"]
        self.count, self.size = len(self.tokens["train"]), self.settings["batch_size"]
        self.per_epoch = max(1, self.count // self.size)
        self.steps = self.per_epoch * self.settings["epochs"]
        self.asks = _asks(self.model, self.sentences["train"], self.words, self.tokens["train"])
        self.good = self.best = self.loop.state()
        self.best_epoch = 0

    def events(self) -> Iterator[Event]:
        began, epochs = time.monotonic(), self.settings["epochs"]
        fixed = self._batch(torch.arange(min(self.size, self.count)))
        yield Start(
            self.steps,
            epochs,
            dict(self.settings),
            measure=lambda knobs: self.loop.measure(fixed, self.control.knobs | dict(knobs), None),
        )
        for epoch in range(1, epochs + 1):
            try:
                yield from self._epoch(epoch)
            except FloatingPointError as error:
                self.loop.load(self.good)
                raise FloatingPointError(self._explain(error)) from None
        if self.settings["keep"] == "best":
            self.loop.load(self.best)
        yield Done(self.step, self._record(time.monotonic() - began))

    def _epoch(self, epoch: int) -> Iterator[Event]:
        order = torch.randperm(self.count, generator=self.streams["order"])
        for rows in order.split(self.size)[: self.per_epoch]:
            for change in self.control.apply(self.step):
                self.moved.append({"step": self.step, "name": change.name, "new": change.new})
                yield change
            before = time.perf_counter()
            with one_thread():
                terms = self.loop.step(
                    self._batch(rows), self.step / self.steps, self.control.knobs
                )
            self.step += 1
            yield Step(self.step, self.step / self.per_epoch, terms, time.perf_counter() - before)
        metrics = self._metrics("val")
        best = max((point["accuracy"] for point in self.curve), default=-1.0)
        self.curve.append({"epoch": epoch, **metrics, "terms": terms})
        self.good = self.loop.state()
        if self.settings["keep"] == "last" or metrics["accuracy"] > best:  # equals: the first
            self.best, self.best_epoch = self.good, epoch
        yield Evaluation(self.step, float(epoch), metrics)

    def _batch(self, rows: Tensor) -> Batch:
        """Tokens [B, L] up to the longest sentence of the batch, in the place of pictures."""
        tokens, labels = self.tokens["train"][rows], self.sentences["train"].labels[rows]
        longest = max(1, int((tokens != self.model.padding).sum(1).max()))
        device = self.loop.device
        return Batch(tokens[:, :longest].to(device), labels.to(device), rows)

    def _metrics(self, split: str) -> dict[str, float]:
        """What an Evaluation holds; see `fit_text`."""
        with one_thread():
            logits = text_logits(self.model, self.tokens[split])
        if not logits.isfinite().all():
            raise FloatingPointError("the logits of the validation sentences are not finite")
        labels = self.sentences[split].labels
        found = {
            "accuracy": accuracy(logits, labels),
            "loss": F.cross_entropy(logits, labels).item(),
        }
        train = self.sentences["train"]  # they say which pairs were ever drawn
        if self.model.graph is not None and self.asks:
            asked = edge_precision(self.model.graph, train, self.words, tokens=self.tokens["train"])
            found["edge_precision"] = asked.found
        return found

    def _explain(self, error: FloatingPointError) -> str:
        return (
            f"{error}: the training stopped with step {self.step + 1}; the model is back as it was "
            "when last evaluated. Usual causes: a learning rate is too high, or a temperature too "
            f"small. Knobs: {self.control.knobs}"
        )

    def _record(self, seconds: float) -> dict[str, Any]:
        """Like that of `fit`, and under "result" the epoch whose weights were kept."""
        kept = self.curve[self.best_epoch - 1]
        val = {k: v for k, v in kept.items() if k not in ("epoch", "loss", "terms")}
        test = self._metrics("test")
        test.pop("edge_precision", None)  # of the graph, whatever the split
        return {
            "config": self.settings,
            "data": {split: len(part) for split, part in self.sentences.items()},
            "versions": versions(self.loop.device),
            "seconds": round(seconds, 1),
            "knob_changes": self.moved,
            "curve": self.curve,
            "result": {"epoch": self.best_epoch}
            | {f"val_{k}" if k == "accuracy" else k: v for k, v in val.items()}
            | {f"test_{k}": v for k, v in test.items()},
        }


def _check(model: TextClassifier, sentences: Mapping[str, Sentences], words: Tokenizer) -> None:
    lacking = [split for split in SPLITS if split not in sentences or not len(sentences[split])]
    if lacking:
        raise ValueError(f"sentences must have train, val and test, lacks {', '.join(lacking)}")
    if model.embed.num_embeddings != len(words):
        raise ValueError(
            f"words must be the model's vocabulary of {model.embed.num_embeddings}, "
            f"got {len(words)}"
        )
    classes = len(sentences["train"].class_names)
    if classes != model.fc.out_features:
        raise ValueError(f"model must have {classes} classes, got {model.fc.out_features}")


def _asks(model: TextClassifier, train: Sentences, words: Tokenizer, tokens: Tensor) -> bool:
    """Whether a pair known to interact is among the graph's words and in one sentence as read."""
    if model.graph is None or not train.interactions:
        return False
    true = train.edges(words) & (co_occurrence(tokens, len(words)) > 0)
    own = model.graph.subset.cpu()
    return bool(true[own][:, own].any())
