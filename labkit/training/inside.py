"""What a trained student is like beyond its accuracy: for the bake-off of lab 08."""

from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from labkit import evaluation
from labkit.data import Dataset, batches
from labkit.training.method import Teacher

UNSEEN = ("color", "background", "scale", "x", "y", "rotation")  # no class of Motif-100 has a say
THIRDS = 3
PICTURES = 1000  # for the alignment of layers: far above their widths
BINS = 15


@torch.no_grad()
def inside(student: nn.Module, teacher: Teacher, dataset: Dataset) -> dict[str, Any]:
    """Likeness to the teacher, calibration, layers, and what else the features tell; JSON.

    agreement: the share of test pictures on which both have the same favourite, 0..1
    divergence: mean KL(teacher || student) of their predictions, in nats
    calibration: expected error 0..1, and per bin of confidence [count, mean confidence, accuracy]
    alignment: CKA of every stage of the student (rows) with every one of the teacher's, and of the
        pooled vectors last; unbiased, so it may be a little below 0
    probes: test accuracy of a linear rule on the student's pooled vectors for each factor that is
        no part of the class, numbers cut into thirds; {} where the factors are not known
    """
    logits = evaluation.predict(student, dataset)  # [N, C]
    told = _answers(teacher, dataset)  # [N, C]
    labels = dataset.test.labels.cpu()
    return {
        **evaluation.fidelity(logits, told)._asdict(),
        "calibration": evaluation.calibration_error(logits, labels, bins=BINS),
        "bins": _bins(logits, labels),
        "alignment": _alignment(student, teacher, dataset),
        "probes": _probes(student, dataset),
    }


def _answers(teacher: Teacher, dataset: Dataset) -> Tensor:
    """The teacher's logits over the test split."""
    parts = batches(dataset, "test", batch_size=250, order=None, augment=None)
    return torch.cat([teacher(batch.images).logits.float().cpu() for batch in parts])


def _bins(logits: Tensor, labels: Tensor) -> list[list[float]]:
    """[count, mean confidence, accuracy] of each of `BINS` equal intervals of confidence."""
    sure, favourite = logits.softmax(1).max(1)
    place = (sure * BINS).ceil().long().clamp(1, BINS) - 1
    rows = []
    for n in range(BINS):
        here = place == n
        count = int(here.sum())
        mean = [
            x[here].float().mean().item() if count else 0.0 for x in (sure, favourite == labels)
        ]
        rows.append([count, *(round(m, 4) for m in mean)])
    return rows


def _alignment(student: nn.Module, teacher: Teacher, dataset: Dataset) -> list[list[float]]:
    """CKA of all stages and the pooled vectors, maps averaged over their places."""
    found = evaluation.cka(_layers(student.eval(), dataset), _layers(teacher, dataset))
    return [[round(value, 4) for value in row] for row in found.tolist()]


def _layers(network: Teacher, dataset: Dataset) -> list[Tensor]:
    """Each stage's vectors [N, channels], the pooled ones last, of the first test pictures."""
    kept: list[list[Tensor]] = []
    parts = batches(dataset, "test", batch_size=250, order=None, augment=None)
    for batch in islice(parts, PICTURES // 250):
        answer = network(batch.images)
        vectors = [*(m.float().mean((2, 3)) for m in answer.maps), answer.pooled.float()]
        kept.append([v.cpu() for v in vectors])
    return [torch.cat(layer) for layer in zip(*kept, strict=True)]


def _probes(student: nn.Module, dataset: Dataset) -> dict[str, float]:
    """How well a linear rule reads each unseen factor off the pooled vectors."""
    known = [name for name in UNSEEN if name in dataset.train.factors]
    if not known:
        return {}
    learnt, new = (evaluation.pooled(student, dataset, split) for split in ("train", "test"))
    found = {}
    for name in known:
        labels, asked = _classes(*(s.factors[name].cpu() for s in (dataset.train, dataset.test)))
        found[name] = round(evaluation.probe(learnt, labels, new, asked), 4)
    return found


def _classes(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both as class numbers: what is a number is cut into thirds of the training pictures."""
    if not train.is_floating_point():
        return train, test
    edges = train.quantile(torch.arange(1, THIRDS) / THIRDS)
    return torch.bucketize(train, edges), torch.bucketize(test, edges)
