"""Sweeps of text classifiers: the worker of a spec with `text`."""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.data import Tokenizer
from labkit.data.text import Sentences, interactions, read_labelled, read_polarity, tokenizer
from labkit.data.tokens import SPECIALS
from labkit.data.types import SPLITS
from labkit.errors import unknown, whole
from labkit.evaluation.edges import co_occurrence, edge_precision, strongest_edges
from labkit.evaluation.faithfulness import (
    aopc,
    interaction_occlusion,
    post_hoc_accuracy,
    text_logits,
)
from labkit.evaluation.predict import accuracy
from labkit.evaluation.word_attribution import shapley_weights
from labkit.models.text import TextClassifier, build_text
from labkit.models.wigraph import WIGRAPH
from labkit.training.device import pick_device
from labkit.training.events import Control
from labkit.training.records import brief
from labkit.training.run import run
from labkit.training.text import fit_text
from labkit.training.text_loop import KNOBS, knobs_of

Parts = dict[str, Sentences]
READERS: dict[str, Callable[..., Sentences]] = {
    "polarity": read_polarity, "labelled": read_labelled,
}  # fmt: skip
SOURCES = ("interactions", *READERS)
LAYER = ("activation", "weighted", "word_mask", "mask_hidden", "symmetric")
PASSED = tuple(
    name
    for name in inspect.signature(fit_text).parameters
    if name not in ("model", "sentences", "words", "control", "device", "config")
)
KNOWN = {
    *PASSED, *LAYER, *KNOBS, "beta_mask", "data", "dim", "explained", "label", "layer", "most",
    "network", "pair", "subset", "text", "vocabulary",
}  # fmt: skip
KEEP = (1, 2, 4, 8, 16, 32)  # edges of a sentence
WORDS = 2  # kept for the post-hoc accuracy, as many as decide a generated sentence
STRONGEST, MET = 20, 5  # edges whose words a record names, met in so many sentences at least
SAMPLES = 10  # random orders, of a Shapley value


class Texts:
    """Trains text classifiers; the sentences stay in memory.

    text: "interactions", whose `data` has how many sentences train, val and test get, and its
        knobs; "polarity" or "labelled", whose `data` has the reader's arguments and `divide`'s
    A row has the settings of `fit_text`, its knobs, those of `WIGRAPH`, and
    network, dim: see `build_text`; layer: false for none; vocabulary: most words known (all
    unless given); subset: how many of the most frequent ones have edges (all unless given)
    The record names the strongest edges, too ("strongest": telling, told, probability).
    explained: how many test sentences are asked for the words that count (100 unless given; 0
        for none); most: K of AOPC (4). ValueError for settings that are none of these.
    """

    def __init__(self, spec: Mapping[str, Any], device: str = "auto") -> None:
        if spec["text"] not in SOURCES:
            raise unknown("text", spec["text"], SOURCES)
        self.spec, self.device = spec, pick_device(device)
        self.sentences = lru_cache(maxsize=1)(self._sentences)

    def run(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """One training; `settings` are those of `sweep.expand`."""
        for name in settings.keys() - KNOWN:
            raise unknown("setting", name, sorted(KNOWN))
        parts = self.sentences(json.dumps(settings.get("data", self.spec["data"])))
        words = tokenizer(parts["train"].texts, largest=settings.get("vocabulary"))
        model = built(settings, words, len(parts["train"].class_names))
        knobs = {k: float(settings.get(k, v)) for k, v in knobs_of(model).items()}
        passed = {k: settings[k] for k in PASSED if k in settings}
        control = Control(**knobs)
        events = fit_text(model, parts, words, control=control, device=self.device, **passed)
        record = brief(run(events, on_event=lambda event: None))
        record["result"] |= asked(model, parts, words, settings)
        if model.graph is not None:
            tokens = words.encode(parts["train"].texts, settings.get("length"))
            record["strongest"] = _strongest(model.graph, words, tokens)
        return record

    def _sentences(self, described: str) -> Parts:
        return sentences(self.spec["text"], **json.loads(described))


def sentences(source: str, **described: Any) -> Parts:
    """The three splits of a source, see `Texts`; ValueError for what its maker refuses."""
    if source == "interactions":
        sizes = {split: described.pop(split) for split in SPLITS}
        return {s: interactions(n, split=s, **described) for s, n in sizes.items()}
    shares = {k: described.pop(k) for k in ("val", "test", "seed") if k in described}
    return READERS[source](**described).divide(**shares)


def built(settings: Mapping[str, Any], words: Tokenizer, classes: int) -> TextClassifier:
    """The classifier of a run before it; special tokens have no edges."""
    dim, graph = settings.get("dim", 32), None
    if settings.get("layer", True):
        end = len(words)
        if "subset" in settings:
            end = min(end, len(SPECIALS) + whole("subset", settings["subset"]))
        named = {k: settings[k] for k in LAYER if k in settings}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings["seed"])
            graph = WIGRAPH(len(words), dim, subset=range(len(SPECIALS), end), **named)
    name, seed = settings.get("network", "bag"), settings["seed"]
    return build_text(name, len(words), classes, dim=dim, graph=graph, seed=seed)


def asked(
    model: TextClassifier, parts: Parts, words: Tokenizer, settings: Mapping[str, Any]
) -> dict[str, float]:
    """What a sweep records of a trained classifier beside its accuracy, each a number."""
    tokens = words.encode(parts["test"].texts, settings.get("length"))
    found = _by_kind(model, parts["test"], tokens)
    if model.graph is not None:
        found |= _edges(model.graph, parts["train"], words, settings.get("length"))
        occlusion = interaction_occlusion(model, tokens, parts["test"].labels, KEEP)
        found |= {f"occlusion_{k}": right for k, right in occlusion.kept.items()}
        found["occlusion_none"] = occlusion.none
    count = min(settings.get("explained", 100), len(tokens))
    if count:
        found |= _explained(model, tokens[:count], settings.get("most", 4))
    return {name: round(value, 4) for name, value in found.items()}


def _by_kind(model: TextClassifier, test: Sentences, tokens: Tensor) -> dict[str, float]:
    """Test accuracy of each kind of generated sentences."""
    if test.kind is None:
        return {}
    logits = text_logits(model, tokens)
    kinds = [(name, test.kind == number) for number, name in enumerate(test.kinds)]
    return {f"test_{k}": accuracy(logits[own], test.labels[own]) for k, own in kinds}


def _edges(
    graph: WIGRAPH, train: Sentences, words: Tokenizer, length: int | None
) -> dict[str, float]:
    """Mean probability of the edges in use; with known ones, precision of the whole and by kind."""
    tokens = words.encode(train.texts, length)
    with torch.no_grad():
        logits, pairs, _ = graph.edge_logits(tokens.to(graph.logits.device))
    found = {"edge_mean": logits[pairs].sigmoid().mean().item()}
    if train.kind is None:
        return found
    whole_set = edge_precision(graph, train, words, tokens=tokens)
    found |= {"edge_random": whole_set.random, "edge_pmi": whole_set.pmi}
    found["true_pairs"] = whole_set.true
    for number, name in enumerate(train.kinds):
        rows = train.kind == number
        own = edge_precision(graph, train.subset(rows.nonzero()[:, 0]), words, tokens=tokens[rows])
        found |= {f"edge_precision_{name}": own.found, f"edge_pmi_{name}": own.pmi}
    return found


def _strongest(graph: WIGRAPH, words: Tokenizer, tokens: Tensor) -> list[tuple[str, str, float]]:
    """Telling, told and probability of the strongest edges between words met often enough."""
    met = co_occurrence(tokens, len(words)) >= MET
    edges = strongest_edges(graph, words, STRONGEST, seen=met)
    return [(edge.telling, edge.told, round(edge.probability, 4)) for edge in edges]


def _explained(model: TextClassifier, tokens: Tensor, most: int) -> dict[str, float]:
    """Faithfulness of Shapley values, and of words in a random order."""
    chance = torch.rand(tokens.shape, generator=Generator().manual_seed(0))
    found = {}
    for name, weights in (
        ("", shapley_weights(model, tokens, samples=SAMPLES)), ("_random", chance),
    ):  # fmt: skip
        found[f"aopc{name}"] = aopc(model, tokens, weights, most=most).value
        found[f"post_hoc{name}"] = post_hoc_accuracy(model, tokens, weights, keep=WORDS)
    return found
