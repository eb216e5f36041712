"""Encoders that learn from two views of a picture: SimCLR and triplets, and what they then know.

    NT-Xent = attraction + repulsion
    attraction   mean over views of (1 - s_+) / tau               s: cosines, s_+ the other view's
    repulsion    mean over views of log sum_j exp((s_j - 1) / tau), over the positive and K others

Chen, Kornblith, Norouzi, Hinton (2020), "A Simple Framework for Contrastive Learning"; Hoffer and
Ailon (2015), "Deep Metric Learning Using Triplet Network". The head that the loss sees is thrown
away afterwards: probes read the network's pooled vectors.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit import losses, models
from labkit.data import Batch, Dataset, batches
from labkit.errors import positive, unknown, whole
from labkit.evaluation import pooled, probe
from labkit.models import Features, Projection
from labkit.training.device import pick_device
from labkit.training.events import Control, Event
from labkit.training.fit import fit, seed_of
from labkit.training.method import Knobs

READERS = 2000  # training pictures that the probe after each epoch is fitted on
WATCHED = 256  # pictures of a split whose two views are compared
BINS = 4  # classes that a factor measured in pixels is cut into
FACTORS = ("shape", "texture", "color", "background", "x", "scale")  # of Motif-100


def pull_and_push(
    z1: Tensor,
    z2: Tensor,
    *,
    temperature: float,
    negatives: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Attraction and repulsion, in nats: their sum is NT-Xent over K random negatives a view.

    Shapes: z1 [B, D], z2 [B, D], two views of the same pictures; two scalars. `negatives` is K;
    None, or more than there are, takes all 2B - 2: the sum is then `losses.nt_xent`.
    Value if all embeddings are equal: 0 and log(K + 1).
    Raises ValueError for temperature <= 0, K < 1, shapes that differ and B < 2.
    """
    if z1.shape != z2.shape or z1.dim() != 2 or len(z1) < 2:
        raise ValueError(
            f"z1 and z2 must be [B, D] with B >= 2, got {list(z1.shape)}, {list(z2.shape)}"
        )
    z = F.normalize(torch.cat([z1, z2]).float(), dim=1)  # [2B, D]
    scores = (z @ z.T - 1) / positive("temperature", temperature)  # [2B, 2B]
    rows = torch.arange(len(z), device=z.device)
    other = rows.roll(len(z1))  # i's positive is i + B
    near = scores[rows, other]  # [2B]
    lottery = torch.rand(len(z), len(z), generator=generator).to(z.device)
    lottery[rows, rows] = lottery[rows, other] = -1.0  # neither is a negative
    most = len(z) - 2
    k = most if negatives is None else min(whole("negatives", negatives), most)
    far = scores.gather(1, lottery.topk(k, dim=1).indices)  # [2B, K]
    return -near.mean(), torch.cat([near[:, None], far], dim=1).logsumexp(1).mean()


class SimCLR(nn.Module):
    """The method: a head of two layers, then `pull_and_push` of its answers to both views.

    Knobs: temperature, negatives (K), and repulsion, the second term's weight: 1 is NT-Xent,
    0 leaves nothing that keeps pictures apart.
    """

    knobs: ClassVar[dict[str, float]] = {"temperature": 0.2, "negatives": 126, "repulsion": 1}

    def __init__(self, width: int, dim: int = 64) -> None:
        super().__init__()
        self.head = Projection(width, dim, hidden=width, normalise=False)
        self.generator: torch.Generator | None = None  # which K: the run's own stream

    def forward(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> dict[str, Tensor]:
        z1, z2 = self.head(student.pooled).chunk(2)  # [B, D] each
        pull, push = pull_and_push(
            z1,
            z2,
            temperature=knobs["temperature"],
            negatives=round(knobs["negatives"]),
            generator=self.generator,
        )
        return {"attraction": pull, "repulsion": knobs["repulsion"] * push}


class Triplets(nn.Module):
    """The method: anchor and positive are two views, the negative is the next picture's view.

    Both views serve as anchor. Embeddings are not normalised and there is nothing to tune.
    """

    knobs: ClassVar[dict[str, float]] = {}

    def __init__(self, width: int, dim: int = 64) -> None:
        super().__init__()
        self.head = Projection(width, dim, hidden=width, normalise=False)

    def forward(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> dict[str, Tensor]:
        z1, z2 = self.head(student.pooled).chunk(2)  # [B, D] each
        one = losses.triplet(z1, z2, z2.roll(1, 0))  # batches are shuffled: any neighbour will do
        return {"triplet": (one + losses.triplet(z2, z1, z1.roll(1, 0))) / 2}


METHODS: dict[str, type[nn.Module]] = {"nt-xent": SimCLR, "triplet": Triplets}


class Encoder:
    """A network with the head of its method, made from `seed`; `train` gives the events of `fit`.

    `method` is a name of METHODS, or a class called with the width of the pooled vectors whose
    `head` maps them to embeddings. Raises ValueError for an unknown name.
    """

    def __init__(
        self,
        dataset: Dataset,
        method: str | type[nn.Module] = "nt-xent",
        *,
        network: str = "convnet",
        seed: int = 0,
    ) -> None:
        if isinstance(method, str) and method not in METHODS:
            raise unknown("method", method, METHODS)
        kind = METHODS[method] if isinstance(method, str) else method
        self.dataset, self.seed = dataset, seed
        self.network = models.build(network, dataset.classes, seed=seed)
        width = next(m for m in self.network.modules() if isinstance(m, nn.Linear)).in_features
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(seed, "method parameters"))
            self.method = kind(width)
        self.knobs: dict[str, float] = dict(getattr(kind, "knobs", {}))

    def train(
        self,
        *,
        epochs: int,
        control: Control | None = None,
        augment: str = "contrastive",
        learning_rate: float = 0.1,
        device: str = "auto",
        **settings: Any,
    ) -> Iterator[Event]:
        """The events of `fit` on two views; an Evaluation has what `evaluate` gives."""
        self.augment = augment
        control = control or Control(**self.knobs)
        control.default(**self.knobs)
        return fit(
            self.network,
            self.method,
            self.dataset,
            epochs=epochs,
            control=control,
            augment=augment,
            learning_rate=learning_rate,
            views=2,
            seed=self.seed,
            evaluate=self.evaluate,
            device=pick_device(device),
            **settings,
        )

    def evaluate(self, network: nn.Module, dataset: Dataset, split: str) -> dict[str, float]:
        """ "probe": accuracy of a linear rule on the classes; "alignment", "uniformity" of the
        embeddings of WATCHED pictures; "error": how often a stranger is nearer than the other
        view (chance 0.5)."""
        z1, z2 = self.views(split)
        near, far = (z1 - z2).norm(dim=1), (z1 - z2.roll(1, 0)).norm(dim=1)
        return {
            "probe": probes(network, dataset, split, ("label",), readers=READERS)["label"],
            "alignment": losses.alignment(z1, z2).item(),
            "uniformity": losses.uniformity(z1).item(),
            "error": (near >= far).float().mean().item(),
        }

    @torch.no_grad()
    def views(self, split: str = "val", count: int = WATCHED) -> tuple[Tensor, Tensor]:
        """Embeddings of two views of the split's first pictures, always the same: [count, D]."""
        source = batches(
            self.dataset,
            split,
            batch_size=count,
            order=None,
            augment=torch.Generator().manual_seed(0),
            recipe=getattr(self, "augment", "contrastive"),
            views=2,
        )
        batch, place = next(source), next(self.network.parameters()).device
        assert batch.second is not None
        both = torch.cat([batch.images, batch.second]).to(place)
        trained = self.network.training
        self.network.eval()
        z = self.method.head(self.network(both).pooled.float()).cpu()  # type: ignore[operator]
        self.network.train(trained)
        z1, z2 = z.chunk(2)
        return z1, z2


def probes(
    network: nn.Module,
    dataset: Dataset,
    split: str = "test",
    names: tuple[str, ...] = FACTORS,
    *,
    readers: int = 5000,
) -> dict[str, float]:
    """Accuracy 0..1 with which a linear rule reads each factor from the pooled vectors.

    The rule is fitted on `readers` training pictures. "label" is the class; a factor that is not
    a whole number is cut into BINS parts of equal size. Raises ValueError for an unknown factor.
    """
    rows = dataset.train.balanced(min(readers, len(dataset.train)))
    shown = replace(dataset, train=dataset.train.subset(rows))
    features = pooled(network, shown, "train"), pooled(network, dataset, split)
    found = {}
    for name in names:
        first = _values(shown, "train", name)
        second = _values(dataset, split, name)
        if first.is_floating_point():
            edges = first.quantile(torch.linspace(0, 1, BINS + 1)[1:-1])
            first, second = torch.bucketize(first, edges), torch.bucketize(second, edges)
        found[name] = probe(features[0], first, features[1], second)
    return found


def _values(dataset: Dataset, split: str, name: str) -> Tensor:
    part = dataset.split(split)
    choices = {"label": part.labels, **part.factors}
    if name not in choices:
        raise unknown("factor", name, choices)
    return choices[name].cpu()
