"""MIMKD - Shrivastava, Qi, Ordonez (2021), "Estimating and Maximizing Mutual Information for
Knowledge Distillation".

    T(x, y) = phi(x) . psi(y) / temperature                   a critic: encode both, then dot
    L = mean over pairs of softplus(-T) + mean over others of softplus(T) - 2 log 2
    global    x a teacher's pooled vector,  y the student's
    local     x the pooled vector of one network,  y every position of the other's last map
    feature   x and y the same position of the two maps of a stage
    L_total = CE + weight_global L_global + weight_local L_local + weight_feature L_feature

A pair is one picture seen by both networks; others are x of one picture and y of another one of
the batch. -L is Jensen-Shannon's bound, lower the loss and the two networks share more: 0 where
the critic tells nothing, -2 log 2 at the very least, negative while anything is learnt. It is not
in nats, but its best T is log p(x, y) / p(x) p(y), which `mimkd_nats` turns into nats.

No official code is public and the paper's text was not available to us. From the abstract: lower
bounds on the mutual information of local and global representations are maximised, and
architectures are arbitrary. The estimator is the one of Hjelm et al. (2019), "Learning deep
representations by mutual information estimation and maximization" (DIM), and ours gives the
numbers of its code. Our reading, all else:
  - the three terms above, each with critics of its own; every weight 1;
  - local: the teacher's vector against the student's map (`direction` has the other one and both);
  - feature: the last three stages, as in the benchmarks' baselines; a term of several critics is
    their mean; others are other pictures at the same position, never other positions;
  - maps are mean-pooled to the smaller of the two and to 8 x 8 at most;
  - phi and psi as in DIM, a hidden layer beside a linear shortcut, with 64 units where DIM has
    2048, but BatchNorm comes first, so that maps of any scale and sign can be compared, and the
    result has length 1 as in CLIP-Lite, later code of the first author, where DIM ends in
    LayerNorm: scores lie in -1 / temperature .. 1 / temperature;
  - the temperature is given, 0.2, not learnt; there is no bias but those of the encoders.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch.nn.functional as F
from torch import Generator, Tensor, nn, stack

from labkit.errors import positive, unknown, whole
from labkit.losses import mutual_information as mi
from labkit.losses.checks import products, unit, wide
from labkit.losses.ckd import ckd_pairs

TERMS = ("global", "local", "feature")
DIRECTIONS = ("teacher-student", "student-teacher", "both")
READOUTS = {"info_nce": mi.info_nce, "nwj": mi.jsd_readout_nwj, "dv": mi.jsd_readout_dv}


class Answer(Protocol):
    """What a network says of a batch: any object with maps [B, C, H, W] and pooled [B, D]."""

    @property
    def maps(self) -> Sequence[Tensor]: ...
    @property
    def pooled(self) -> Tensor: ...


class MimkdTerms(NamedTuple):
    """The three terms, scalars, not yet weighted; 0 where a term was not asked for."""

    global_: Tensor
    local: Tensor
    feature: Tensor


class MimkdScores(NamedTuple):
    """What every critic says of all pairs: T [B, B, H, W], row i of x_i and column j of y_j.

    global_: one critic, H = W = 1
    local: one for each direction; x is the vector, y the map
    feature: one for each stage, the last stage last; x is the teacher's map
    """

    global_: tuple[Tensor, ...] = ()
    local: tuple[Tensor, ...] = ()
    feature: tuple[Tensor, ...] = ()


def mimkd_jsd(joint: Tensor, product: Tensor) -> Tensor:
    """mean softplus(-joint) + mean softplus(product) - 2 log 2, to be minimised by all.

    Shapes: joint and product scores of any shape, at least one each; a scalar comes back.
    Value at chance (scores 0): 0; at least -2 log 2 = -1.386, which is no error.
    Raises ValueError for empty or integer scores.
    Source: Hjelm et al. (2019), with the constant of its code.
    """
    for name, x in (("joint", joint), ("product", product)):
        if not x.numel() or not x.is_floating_point():
            raise ValueError(f"{name} must be floating scores, got {x.dtype} {list(x.shape)}")
    return F.softplus(-wide(joint)).mean() + F.softplus(wide(product)).mean() - 2 * math.log(2)


def mimkd_scores(x: Tensor, y: Tensor, *, temperature: float = 1.0) -> Tensor:
    """T_ijn = x_i[n] . y_j[n] / temperature for all pairs of pictures i, j, position by position.

    Shapes: x [B, N, D] or [B, 1, D], one vector that meets every position; y [B, N, D]; scores
    [B, B, N] come back. Lengths are left as they are.
    Raises ValueError for temperature <= 0 and shapes that do not fit.
    Source: Hjelm et al. (2019), "encode and dot".
    """
    temperature = positive("temperature", temperature)
    fits = x.dim() == y.dim() == 3 and len(x) == len(y) and x.shape[2] == y.shape[2]
    if not fits or x.shape[1] not in (1, y.shape[1]):
        raise ValueError(
            f"x must be [B, N, D] or [B, 1, D] and y [B, N, D], "
            f"got {list(x.shape)} and {list(y.shape)}"
        )
    scores = products(x.transpose(0, 1), y.transpose(0, 1))  # [N, B, B]
    return scores.permute(1, 2, 0) / temperature


def mimkd_nats(scores: Tensor, *, readout: str = "info_nce") -> Tensor:
    """Nats from the same critic's scores, position by position: lower bounds on information.

    Shapes: scores [B, B, ...], pairs on the diagonal, B >= 2; [...] comes back, a scalar for
    [B, B]. Its mean bounds the mean of the positions' information, not that of the whole map.
    readout: "info_nce", at most log B; "nwj", without bias or ceiling but of wide spread; "dv",
    without ceiling, too large on average in a small batch
    Value at chance (scores constant): 0, for "nwj" where the constant is 0.
    Raises ValueError for another readout, other shapes and integer scores.
    Source: Poole et al. (2019); Song & Ermon (2020); see `mutual_information`.
    """
    if readout not in READOUTS:
        raise unknown("readout", readout, READOUTS)
    if scores.dim() < 2 or 0 in scores.shape:
        raise ValueError(f"scores must be [B, B, ...], none of them 0, got {list(scores.shape)}")
    positions = scores.reshape(*scores.shape[:2], -1).unbind(2)  # [B, B] each
    return stack([READOUTS[readout](one) for one in positions]).view(scores.shape[2:])


def mimkd_heat(scores: Tensor, *, centred: bool = False) -> Tensor:
    """How well each position of a picture's y goes with its own x: a heat map for every picture.

    Shapes: scores [B, B, H, W], pairs on the diagonal; [B, H, W] comes back, as the scores in
    -1 / temperature .. 1 / temperature.
    centred: less what the other pictures' x score at that position on average, so that places
    which please every x go dark; 0 at chance; needs B >= 2
    Raises ValueError for other shapes.
    """
    if scores.dim() != 4 or scores.shape[0] != scores.shape[1] or len(scores) < 1 + centred:
        raise ValueError(f"scores must be [B, B, H, W], B >= 1, got {list(scores.shape)}")
    own = scores.diagonal().permute(2, 0, 1)  # [B, H, W]
    if not centred:
        return own
    return own - (scores.sum(0) - own) / (len(scores) - 1)


class MimkdCritic(nn.Module):
    """T(x, y) of all pairs of pictures at every position, with an encoder for x and one for y.

    Shapes: forward takes x [B, x_dim] or [B, x_dim, H, W], y [B, y_dim] or [B, y_dim, H, W] and
    gives scores [B, B, H, W] (1, 1 for two vectors), in -1 / temperature .. 1 / temperature.
    Raises ValueError for sizes below 1, temperature <= 0 and inputs that do not fit.
    """

    def __init__(self, x_dim: int, y_dim: int, *, units: int = 64) -> None:
        super().__init__()
        self.x, self.y = _Encoder("x", x_dim, units), _Encoder("y", y_dim, units)

    def forward(self, x: Tensor, y: Tensor, *, temperature: float = 1.0) -> Tensor:
        grid = y.shape[2:] if y.dim() == 4 else (1, 1)
        return mimkd_scores(self.x(x), self.y(y), temperature=temperature).unflatten(2, grid)


class _Encoder(nn.Module):
    """phi of a vector, or of every position of a map with the same weights: [B, N, units]."""

    def __init__(self, name: str, dim: int, units: int) -> None:
        super().__init__()
        self.name, self.dim = name, whole(f"{name}_dim", dim)
        self.norm = nn.BatchNorm1d(dim, affine=False)
        self.shortcut = nn.Linear(dim, whole("units", units))
        self.hidden, self.out = nn.Linear(dim, units), nn.Linear(units, units)

    def forward(self, given: Tensor) -> Tensor:
        if given.dim() not in (2, 4) or given.shape[1] != self.dim or 0 in given.shape:
            raise ValueError(
                f"{self.name} must be [B, {self.dim}] or [B, {self.dim}, H, W], "
                f"got {list(given.shape)}"
            )
        rows = given.reshape(*given.shape[:2], -1).transpose(1, 2)  # [B, N, dim]
        flat = self.norm(rows.flatten(0, 1).to(self.shortcut.weight.dtype))
        code = self.shortcut(flat) + self.out(self.hidden(flat).relu())  # [B N, units]
        return unit(code).view(*rows.shape[:2], -1)


class MIMKD(nn.Module):
    """All three terms with their critics; the batch's other pictures are the negatives.

    student, teacher: an `Answer` of each network to any batch, e.g. labkit's `Features`; only
    channels, widths and the number of maps are read. forward takes the two networks' answers to
    one batch, B >= 2 (no gradient goes to the teacher), and gives `MimkdTerms`; `scores` gives
    what the critics say of all pairs; of some `terms` only, where a call names them.
    negatives: K of the other pictures for each x, 1..B-1, drawn anew by `generator` and averaged;
    None or more than there are takes them all
    terms: those of "global", "local", "feature" to have; the others cost nothing and are 0
    direction: whose vector meets whose map in the local term, "both" takes the mean
    stages: how many of the last maps the feature term compares, fewer where a network has fewer
    size: maps are pooled to at most size x size; units: widths of the encoders
    temperature, negatives: may be changed between steps. BatchNorm sees the batch in training
    mode; eval() measures. Raises ValueError for bad input.
    Source: Shrivastava et al. (2021), our reading: see the top of the file.
    """

    generator: Generator | None = None

    def __init__(
        self,
        student: Answer,
        teacher: Answer,
        *,
        temperature: float = 0.2,
        negatives: int | None = None,
        terms: Sequence[str] = TERMS,
        direction: str = "teacher-student",
        stages: int = 3,
        size: int = 8,
        units: int = 64,
    ) -> None:
        super().__init__()
        self.temperature = positive("temperature", temperature)
        self.negatives = None if negatives is None else whole("negatives", negatives)
        if direction not in DIRECTIONS:
            raise unknown("direction", direction, DIRECTIONS)
        if not terms or isinstance(terms, str):
            raise ValueError(f"terms must be some of {', '.join(TERMS)}, got {terms!r}")
        for term in terms:
            if term not in TERMS:
                raise unknown("term", term, TERMS)
        self.terms = tuple(term for term in TERMS if term in terms)
        self.directions = DIRECTIONS[:2] if direction == "both" else (direction,)
        self.stages, self.size = whole("stages", stages), whole("size", size)
        self.critics = nn.ModuleList(
            MimkdCritic(x.shape[1], y.shape[1], units=units)
            for _, x, y in self._pairs(student, teacher)
        )

    def forward(self, student: Answer, teacher: Answer, terms: Sequence[str] = TERMS) -> MimkdTerms:
        batch, asked = len(student.pooled), self.negatives
        if batch < 2:
            raise ValueError(f"MIMKD needs at least 2 pictures in a batch, got {batch}")
        drawn = None if asked is None or asked >= batch - 1 else whole("negatives", asked)
        scores = self.scores(student, teacher, terms)
        others = ckd_pairs(batch, negatives=drawn, generator=self.generator)  # [B, B]
        others = others.fill_diagonal_(False).to(student.pooled.device)
        none = wide(student.pooled).new_zeros(())
        found = [[mimkd_jsd(t.diagonal(), t[others]) for t in group] for group in scores]
        return MimkdTerms(*(stack(group).mean() if group else none for group in found))

    def scores(self, student: Answer, teacher: Answer, terms: Sequence[str] = TERMS) -> MimkdScores:
        """The critics' T of all pairs [B, B, H, W]; what `mimkd_nats` and `mimkd_heat` read."""
        pairs = self._pairs(student, teacher)
        if len(pairs) != len(self.critics):
            raise ValueError(f"maps for {len(pairs)} critics, made for {len(self.critics)}")
        made: dict[str, tuple[Tensor, ...]] = dict.fromkeys(TERMS, ())
        for critic, (term, x, y) in zip(self.critics, pairs, strict=True):
            if term in terms:
                made[term] += (critic(x, y, temperature=self.temperature),)
        return MimkdScores(*made.values())

    def _pairs(self, student: Answer, teacher: Answer) -> list[tuple[str, Tensor, Tensor]]:
        """What each critic is shown: its term, x and y."""
        _check(student, teacher, maps=self.terms != ("global",))
        vector, found = teacher.pooled.detach(), []
        if "global" in self.terms:
            found.append(("global", vector, student.pooled))
        for way in self.directions if "local" in self.terms else ():
            if way == "teacher-student":
                found.append(("local", vector, self._fit(student.maps[-1])))
            else:
                found.append(("local", student.pooled, self._fit(teacher.maps[-1].detach())))
        if "feature" in self.terms:
            last = slice(-min(self.stages, len(student.maps), len(teacher.maps)), None)
            for t, s in zip(teacher.maps[last], student.maps[last], strict=True):
                found.append(("feature", self._fit(t.detach(), s), self._fit(s, t)))
        return found

    def _fit(self, given: Tensor, other: Tensor | None = None) -> Tensor:
        """The map, pooled to `size` at most, and to the other's height and width."""
        rival = given if other is None else other
        height = min(self.size, given.shape[2], rival.shape[2])
        width = min(self.size, given.shape[3], rival.shape[3])
        return F.adaptive_avg_pool2d(wide(given), (height, width))


def _check(student: Answer, teacher: Answer, *, maps: bool) -> None:
    """ValueError unless both answers have the shapes of one batch, and maps where asked."""
    batch = len(student.pooled)
    for name, answer in (("student", student), ("teacher", teacher)):
        if answer.pooled.dim() != 2 or len(answer.pooled) != batch:
            raise ValueError(f"{name}.pooled must be [{batch}, D], got {list(answer.pooled.shape)}")
        if maps and not len(answer.maps):
            raise ValueError(f"{name} has no maps: only terms=['global'] goes without")
        for one in answer.maps if maps else ():
            if one.dim() != 4 or len(one) != batch:
                raise ValueError(f"{name}.maps must be [{batch}, C, H, W], got {list(one.shape)}")
