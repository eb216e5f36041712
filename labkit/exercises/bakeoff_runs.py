"""Lab 08: which of some recorded runs may be compared, and the mistakes its check recognises."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, combinations_with_replacement, permutations, product
from types import MappingProxyType
from typing import Any

from labkit.exercises.check import Exercise

Run = Mapping[str, Any]
ALIKE = ("pair", "seed", "epochs", "train", "batch_size")  # what two runs must have in common


def runs() -> list[dict[str, Any]]:
    """Invented runs to compare: each a method's, with its settings; train: number of pictures."""
    a, b = "wrn_16_2-convnet", "resnet56-resnet8"
    return [
        _run("kd", a, 0), _run("crd", a, 0, temperature=0.07), _run("dkd", a, 0, epochs=24),
        _run("rkd", a, 0, train=5000), _run("at", a, 0, batch_size=128),
        _run("kd", a, 1), _run("crd", a, 1, temperature=0.07), _run("dkd", a, 1, beta=8.0),
        _run("kd", b, 0), _run("crd", b, 0, temperature=0.07), _run("wcord", b, 1),
    ]  # fmt: skip


def _others() -> list[dict[str, Any]]:
    c, d = "vgg13-vgg8", "resnet110-resnet20"
    return [
        _run("dist", c, 2), _run("mimkd", c, 2, train=2000), _run("kd", c, 2, beta=0.9),
        _run("kd", c, 3, epochs=6), _run("dist", c, 3, epochs=6), _run("rkd", c, 3),
        _run("at", d, 3), _run("kd", d, 3, batch_size=32), _run("dkd", d, 3, temperature=2.0),
    ]  # fmt: skip


def _run(
    method: str, pair: str, seed: int, epochs: int = 12, train: int = 10_000, batch_size: int = 64,
    temperature: float = 4.0, beta: float = 1.0,
) -> dict[str, Any]:  # fmt: skip
    return {
        "method": method, "pair": pair, "seed": seed, "epochs": epochs, "train": train,
        "batch_size": batch_size, "temperature": temperature, "beta": beta,
    }  # fmt: skip


def _trials() -> Sequence[tuple[Any, ...]]:
    return [([MappingProxyType(run) for run in made],) for made in (runs(), _others())]


Found = tuple[str, str, str, int]  # two methods, their pair, their seed
Picked = Callable[[Sequence[Run], int], Any]


def _found(made: Sequence[Run], alike: Sequence[str], picked: Picked = combinations) -> list[Found]:
    return [
        (one["method"], other["method"], one["pair"], one["seed"])
        for one, other in picked(made, 2)
        if all(one[name] == other[name] for name in alike)
    ]


def _square(made: Sequence[Run], times: int) -> Any:
    return product(made, repeat=times)


def _except(name: str) -> Callable[[Sequence[Run]], list[Found]]:
    return lambda made: _found(made, [other for other in ALIKE if other != name])


def _key(item: Any) -> Found:
    one, other, pair, seed = item
    first, second = sorted((str(one), str(other)))
    return first, second, str(pair), int(seed)


def _pairs(got: Any, expected: Sequence[Found]) -> str | None:
    """What differs between two lists of comparisons, whatever their order."""
    want = Counter(map(_key, expected))
    try:
        found = Counter(map(_key, got))
    except (TypeError, ValueError):
        return f"expected a list of (method, method, pair, seed), got {got!r:.80}."
    for wrong in found - want:
        return f"{wrong} should not be there: {_reason(wrong, wrong in want)}"
    return next((f"{each} is missing: they may be compared." for each in want - found), None)


def _reason(wrong: Found, right_once: bool) -> str:
    one, other, pair, seed = wrong
    if right_once:
        return "it stands there more than once."
    if one == other:
        return "nothing is learnt from a method and itself."
    made = [run for run in (*runs(), *_others()) if (run["pair"], run["seed"]) == (pair, seed)]
    by_method = {run["method"]: run for run in made}
    for method in (one, other):
        if method not in by_method:
            return f"{method} has no run of that pair with that seed."
    a, b = by_method[one], by_method[other]
    apart = (f"{name} {a[name]} and {b[name]}" for name in ALIKE if a[name] != b[name])
    return f"they differ in more than the method, {', '.join(apart)}."


comparable = Exercise(
    "which runs may be compared",
    lambda made: _found(made, ALIKE),
    _trials,
    {
        "the seed is ignored: another seed has other first weights and sees other crops.": (
            _except("seed")
        ),
        "epochs are ignored: whoever trains longer has an advantage that no method gave.": (
            _except("epochs")
        ),
        "the number of pictures is ignored: look at train.": _except("train"),
        "the batch size is ignored: half of it makes twice the steps.": _except("batch_size"),
        "the pair is ignored: another teacher or student is another problem.": _except("pair"),
        "a run is compared with itself: nothing comes of it but 0.": lambda made: _found(
            made, ALIKE, combinations_with_replacement
        ),
        "both orders are counted: a against b is b against a.": lambda made: _found(
            made, ALIKE, permutations
        ),
        "two things: both orders are counted, and each run with itself.": lambda made: _found(
            made, ALIKE, _square
        ),
        "too strict: temperature and beta belong to the method, and may differ.": lambda made: (
            _found(made, (*ALIKE, "temperature", "beta"))
        ),
        "pair and seed are not enough: look at what else a run has.": lambda made: _found(
            made, ("pair", "seed")
        ),
        "everything is compared with everything: ask what two runs have in common.": lambda made: (
            _found(made, ())
        ),
    },
    "correct: same problem, same start, same pictures; only the method differs.",
    _pairs,
)
