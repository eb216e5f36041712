"""From words to pictures: a WIGRAPH over concept detectors, where the label needs an edge.

A picture of Motif-100 is read as a sentence: the names of the concepts that its detectors report,
such as "star striped red large left". The label is

    y = (star and striped) xor red

Without messages a bag of concepts adds one number a concept. Here "a striped star?" and "red?" are
balanced, each of their four answers a quarter of the pictures, so that no such sum is right for
more than three of them (75 %), and the one with the least cross-entropy is at chance: red speaks
for yes as often as for no, and so does everything else.

The detectors are simulated: each reads the picture's true factors and is wrong with a probability,
`noise`, whatever the picture. Trained ones would err on the same pictures together.

The rule's pairs are the three of its words. Edges need not name all of them: if star and striped
both tell red, the three meet there. Nor only them: a picture has one texture and one shape, so
"solid" and "heart" say "no striped star", and edges from them are as good.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from labkit.data import Tokenizer
from labkit.data.motif.palette import COLOURS
from labkit.data.motif.scene import CLASSES, sample
from labkit.data.motif.shapes import SHAPES
from labkit.data.motif.textures import ADJECTIVES
from labkit.data.text import Sentences
from labkit.data.tokens import SPECIALS
from labkit.data.types import SPLITS
from labkit.errors import between, unknown, whole
from labkit.evaluation.edges import co_occurrence
from labkit.models import WIGRAPH, TextClassifier, build_text
from labkit.training.events import Control
from labkit.training.run import run
from labkit.training.text import fit_text

RULE = (("red", "star"), ("red", "striped"), ("star", "striped"))
CEILING = 0.75  # no sum of one number a concept is right more often
POOL = 20_000  # pictures of a split to choose from: about 30 are red striped stars
SCALE = 8.6  # pixels, the median radius
EXTRA = ("large", "small", "left", "right")


def _shape(name: str) -> str:
    """One word; the stars with four, five and eight points are one concept."""
    return "star" if "star" in name else name.replace(" ", "-")


WORDS = (*dict.fromkeys(map(_shape, SHAPES)), *ADJECTIVES, *COLOURS, *EXTRA)  # K = 47


def pictures(count: int, *, split: str = "train", noise: float = 0.02, seed: int = 0) -> Sentences:
    """`count` pictures of Motif-100 as sentences of the concepts reported, with the rule's label.

    Drawn with replacement from the split's first 20,000, a quarter for each answer to "a striped
    star?" and "red?"; nothing is painted. noise: 0..0.5, how likely each of the 47 detectors is to
    report the wrong thing; labels follow the truth. A picture without a reported concept is "".
    ValueError names a bad argument.
    """
    count, seed = whole("count", count), whole("seed", seed, minimum=0)
    noise = between("noise", noise, 0, 0.5)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    number = SPLITS.index(split)
    true, draw = _true(seed, number), Generator().manual_seed(3 * seed + number)
    star, striped, red = (true[:, WORDS.index(word)] for word in ("star", "striped", "red"))
    quarter = 2 * (star & striped).long() + red.long()
    wanted = torch.arange(count) % 4
    rows = torch.zeros(count, dtype=torch.int64)
    for cell in range(4):
        own, places = (quarter == cell).nonzero()[:, 0], wanted == cell
        rows[places] = own[torch.randint(len(own), (int(places.sum()),), generator=draw)]
    wrong = torch.rand(count, len(WORDS), generator=draw) < noise
    labels = (star & striped) ^ red
    texts = [_sentence(reported, draw) for reported in true[rows] ^ wrong]
    return Sentences(texts, labels[rows].long(), ("no", "yes"), interactions=frozenset(RULE))


@lru_cache(maxsize=6)
def _true(seed: int, split: int) -> Tensor:
    """Which concepts the pool's pictures have, in the order of the data set: bool [POOL, K]."""
    index, scene = sample(seed, split, torch.arange(POOL // CLASSES), 0.3, 0.0)
    factors = {name: values[index.argsort()] for name, values in scene.factors.items()}
    found = torch.zeros(POOL, len(WORDS), dtype=torch.bool)
    row = torch.arange(POOL)
    for name, kinds in (
        ("shape", [*map(_shape, SHAPES)]), ("texture", ADJECTIVES), ("color", COLOURS),
    ):  # fmt: skip
        place = torch.tensor([WORDS.index(kind) for kind in kinds])
        found[row, place[factors[name]]] = True
    sides = factors["scale"] > SCALE, factors["x"] < 0
    for (yes, no), side in zip((EXTRA[:2], EXTRA[2:]), sides, strict=True):
        found[:, WORDS.index(yes)], found[:, WORDS.index(no)] = side, ~side
    return found


def _sentence(reported: Tensor, draw: Generator) -> str:
    """The concepts' names in a random order: nothing may hang on it."""
    words = reported.nonzero()[:, 0]
    return " ".join(WORDS[n] for n in words[torch.randperm(len(words), generator=draw)])


class Learnt(NamedTuple):
    """A classifier of concepts, what it was trained on, and how often it is right."""

    model: TextClassifier
    words: Tokenizer
    sentences: dict[str, Sentences]
    accuracy: float  # of the test pictures, 0..1; chance 0.5


def learn(
    *,
    layer: bool = True,
    count: int = 2000,
    epochs: int = 15,
    beta_sparsity: float = 0.1,
    temperature: float = 1.0,
    noise: float = 0.02,
    seed: int = 0,
) -> Learnt:
    """Train a bag of concepts, with or without a WIGRAPH; a few seconds on one core.

    count: training pictures; beta_sparsity, temperature: knobs of `fit_text`; others as in
    `pictures`. Raises ValueError for bad arguments.
    """
    sizes = {"train": count, "val": 400, "test": 2000}
    parts = {s: pictures(n, split=s, noise=noise, seed=seed) for s, n in sizes.items()}
    words, dim = Tokenizer(WORDS), 16
    graph = WIGRAPH(len(words), dim, subset=range(len(SPECIALS), len(words))) if layer else None
    model = build_text("bag", len(words), 2, dim=dim, graph=graph, seed=seed)
    knobs = {"beta_sparsity": beta_sparsity, "temperature": temperature} if layer else {}
    events = fit_text(
        model, parts, words, epochs=epochs, seed=seed, control=Control(**knobs), length=len(WORDS)
    )
    record = run(events, on_event=lambda event: None)
    return Learnt(model, words, parts, record["result"]["test_accuracy"])


def found(learnt: Learnt, count: int = 12, *, share: float = 0.01) -> tuple[list[str], Tensor]:
    """`count` concepts and the probabilities [count, count] between them, row told.

    The rule's three, evenly spread, and of the others those with the strongest edges. Pairs that
    meet in less than `share` of the training pictures, as two colours do by mistake alone, were
    hardly ever drawn and are near 1/2 for want of anything better: they are given as 0.
    Raises ValueError for a classifier without a graph, count outside 3..47, share outside 0..1.
    """
    if learnt.model.graph is None:
        raise ValueError("learnt must have a graph: learn(layer=True)")
    count = int(between("count", whole("count", count), 3, len(WORDS)))
    train, first = learnt.sentences["train"], len(SPECIALS)
    met = co_occurrence(learnt.words.encode(train.texts), len(learnt.words))[first:, first:]
    often = met >= between("share", share, 0, 1) * len(train)
    p = learnt.model.graph.probabilities().cpu() * often.fill_diagonal_(False)  # [K, K]
    order = [WORDS[n] for n in p.maximum(p.T).amax(1).argsort(descending=True, stable=True)]
    rule = ["star", "striped", "red"]
    names = [word for word in order if word not in rule][: count - 3]
    for number, word in enumerate(rule):
        names.insert(number * count // 3, word)
    rows = torch.tensor([WORDS.index(name) for name in names])
    return names, p[rows[:, None], rows]
