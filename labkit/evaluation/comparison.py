"""Many methods on the same pairs and seeds: which of them are told apart, and which are not.

A block is one pair of networks with one seed: there, all methods saw the same pictures in the same
order, so they are compared block by block. What is said holds for these pairs; the seeds of a pair
are not pairs drawn anew. `averaged` makes each pair one block, to ask about pairs in general.
Source: Demsar (2006), Statistical comparisons of classifiers over multiple data sets.
"""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from labkit.errors import between, unknown

Block = tuple[str, int]  # a pair of networks, and a seed
Scores = Mapping[str, Mapping[Block, float]]  # method -> block -> score, more is better
LEVEL = 0.05  # how often a difference is shown where there is none


class Difference(NamedTuple):
    """What `first` scores above `second`, over the blocks both have."""

    first: str
    second: str
    mean: float  # NaN without a common block
    low: float  # of the interval at 1 - level for this one comparison; infinite for n < 2
    high: float
    n: int  # common blocks
    p: float  # two-sided paired t test; NaN for n < 2
    adjusted: float  # the same by Holm, for all comparisons made together
    shown: bool  # adjusted < level

    @property
    def said(self) -> str:
        """What may be said of it."""
        if self.n < 2:
            return "one seed" if self.n else "never run together"
        if not self.shown:  # by itself it may be: one of many comparisons easily is
            by_chance = self.low > 0 or self.high < 0
            return "no difference shown" + (" once all comparisons count" if by_chance else "")
        better, worse = (self.first, self.second)[:: 1 if self.mean > 0 else -1]
        return f"{better} above {worse}"


class Ranking(NamedTuple):
    """Methods by their average rank over blocks, 1 = best in every block."""

    methods: tuple[str, ...]  # best first
    ranks: tuple[float, ...]
    blocks: int  # those that every method has
    left_out: int  # those that some method lacks
    chi2: float  # Friedman's statistic, corrected for ties
    p: float  # of chi2, were all methods alike
    critical: float  # average ranks further apart than this are told apart (Nemenyi)
    groups: tuple[tuple[str, ...], ...]  # those not told apart, each two or more, best first
    level: float

    @property
    def shown(self) -> bool:
        """Whether the methods differ at all, by Friedman's test."""
        return self.p < self.level


def select(records: Iterable[Mapping[str, Any]], **settings: Any) -> list[Mapping[str, Any]]:
    """The records whose setting is the value given, or one of the values; None admits all.

    `select(records, pair=["a-b", "c-d"], epochs=12)` looks into a record's "run", then beside it.
    """
    asked = {name: _choices(wanted) for name, wanted in settings.items() if wanted is not None}
    return [
        record
        for record in records
        if all(record["run"].get(k, record.get(k)) in wanted for k, wanted in asked.items())
    ]


def _choices(wanted: Any) -> Collection[Any]:
    several = isinstance(wanted, Collection) and not isinstance(wanted, (str, bytes, Mapping))
    return wanted if several else [wanted]


def scores(records: Iterable[Mapping[str, Any]], metric: str = "test_accuracy") -> Scores:
    """Label -> (pair, seed) -> the number called `metric`, of records as a sweep writes them.

    It is looked for in a record's "result" and "inside". A run that stands in two files counts
    once. ValueError for a metric that a record lacks, and where one label has two results for a
    pair and seed: they are two methods.
    """
    found: dict[str, dict[Block, float]] = {}
    runs: dict[tuple[str, Block], Mapping[str, Any]] = {}
    for record in records:
        run, results = record["run"], {**record.get("inside", {}), **record["result"]}
        if metric not in results:
            raise unknown("metric", metric, sorted(results))
        block = (pair_of(run), int(run["seed"]))
        value = found.setdefault(run["label"], {}).setdefault(block, results[metric])
        first = runs.setdefault((run["label"], block), run)
        if value != results[metric]:
            raise ValueError(
                f"{run['label']!r} ran twice on {block[0]} with seed {block[1]}, "
                f"{_apart(first, run)}: select one of them, or give one another label"
            )
    return found


def pair_of(run: Mapping[str, Any]) -> str:
    """The name of a run's pair; teacher-student where it has none."""
    names = (run.get("teacher"), run.get("student"))
    return str(run.get("pair") or "-".join(name for name in names if name))


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = [k for k in {**one, **other} if one.get(k) != other.get(k)]
    told = [f"{k} {one.get(k)} and {other.get(k)}" for k in names]
    return ", ".join(told) or "with the same settings"


def only(found: Scores, pair: str) -> Scores:
    """The scores of one pair, methods without any left out."""
    kept = {m: {b: v for b, v in of.items() if b[0] == pair} for m, of in found.items()}
    return {method: of for method, of in kept.items() if of}


def averaged(found: Scores) -> Scores:
    """Each pair as one block, with the mean over its seeds: to ask about pairs, not about seeds."""
    return {
        method: {
            (pair, 0): statistics.fmean(v for b, v in of.items() if b[0] == pair)
            for pair in sorted({pair for pair, _ in of})
        }
        for method, of in found.items()
    }


def differences(
    found: Scores, baseline: str | None = None, *, level: float = LEVEL
) -> list[Difference]:
    """Every two methods compared block by block, or every other method with `baseline`.

    Two methods with the same score in every block have p = 1. ValueError for an unknown baseline.
    """
    between("level", level, 0, 1)
    if baseline is None:
        asked = list(combinations(found, 2))
    elif baseline in found:
        asked = [(method, baseline) for method in found if method != baseline]
    else:
        raise unknown("baseline", baseline, found)
    made = [_difference(a, b, found[a], found[b], level) for a, b in asked]
    adjusted = iter(holm([d.p for d in made if d.n > 1]))
    fair = [d._replace(adjusted=next(adjusted)) if d.n > 1 else d for d in made]
    return [d._replace(shown=d.adjusted < level) for d in fair]


def _difference(
    first: str,
    second: str,
    ours: Mapping[Block, float],
    theirs: Mapping[Block, float],
    level: float,
) -> Difference:
    from scipy.special import stdtr, stdtrit  # Student's t

    gaps = np.array([ours[block] - theirs[block] for block in ours if block in theirs])
    n = len(gaps)
    mean = float(gaps.mean()) if n else math.nan
    if n < 2:
        return Difference(first, second, mean, -math.inf, math.inf, n, math.nan, math.nan, False)
    error = float(gaps.std(ddof=1)) / math.sqrt(n)
    half = float(stdtrit(n - 1, 1 - level / 2)) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error)) if error else float(mean == 0)
    return Difference(first, second, mean, mean - half, mean + half, n, p, p, False)


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for as many tests as there are: Holm (1979), step down.

    The smallest is multiplied by their number m, the next by m - 1 and so on; none falls below
    one before it, none above 1.
    """
    adjusted, highest = [0.0] * len(p), 0.0
    for done, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - done) * p[index]))
        adjusted[index] = highest
    return adjusted


def ranking(found: Scores, *, level: float = LEVEL) -> Ranking:
    """Friedman's test of all methods together, then Nemenyi's critical difference of ranks.

    Only blocks that every method has; ties share their mean rank. Where Friedman's test shows
    nothing, all methods are one group. Friedman's p is a chi-square approximation, rough below ten
    blocks. ValueError below three methods or two common blocks.
    """
    from scipy.stats import (
        friedmanchisquare,
        rankdata,
        studentized_range,
    )

    between("level", level, 0, 1)
    common = sorted(set.intersection(*(set(of) for of in found.values()))) if found else []
    if len(found) < 3 or len(common) < 2:
        raise ValueError(_too_few(found, len(common)))
    table = np.array([[found[method][block] for block in common] for method in found])  # [k, N]
    average = rankdata(-table, axis=0).mean(1)
    alike = bool((table == table[0]).all())  # 0 / 0 in the statistic
    chi2, p = (0.0, 1.0) if alike else map(float, friedmanchisquare(*table))
    k, n = table.shape
    q = float(studentized_range.ppf(1 - level, k, math.inf)) / math.sqrt(2)
    critical = q * math.sqrt(k * (k + 1) / (6 * n))
    order = np.argsort(average, kind="stable")
    methods, ranks = tuple(np.array(list(found))[order].tolist()), average[order].tolist()
    groups = _groups(methods, ranks, critical) if p < level else (methods,)
    left_out = len(set().union(*found.values())) - n
    return Ranking(methods, tuple(ranks), n, left_out, chi2, p, critical, groups, level)


def _too_few(found: Scores, common: int) -> str:
    least = min(found, key=lambda method: len(found[method]), default="")
    hint = f"; {least!r} has {len(found[least])}" if least else ""
    return (
        "a ranking needs at least 3 methods and 2 blocks (a pair with a seed) that all of them "
        f"have, got {len(found)} methods with {common} common blocks{hint}"
    )


def _groups(
    methods: tuple[str, ...], ranks: Sequence[float], critical: float
) -> tuple[tuple[str, ...], ...]:
    """The longest stretches of methods whose first and last are not told apart."""
    groups: list[tuple[str, ...]] = []
    reached = 0
    for start, rank in enumerate(ranks):
        end = sum(other - rank <= critical for other in ranks)  # ranks ascend
        if end - start > 1 and end > reached:
            groups.append(methods[start:end])
        reached = max(reached, end)
    return tuple(groups)


def pareto(cost: Mapping[str, float], score: Mapping[str, float]) -> list[str]:
    """Methods that none beats: no other costs at most as much and scores at least as much.

    Cheapest first, of those that have both. Of two that are equal in both, both stay.
    """
    points = {method: (cost[method], -score[method]) for method in cost if method in score}
    front = [
        method
        for method, (dear, bad) in points.items()
        if not any(c <= dear and b <= bad and (c, b) != (dear, bad) for c, b in points.values())
    ]
    return sorted(front, key=lambda method: cost[method])
