"""The reference answers of lab 08, the usual ways to write them, and its invented tables."""

import itertools
import math
import statistics

import numpy as np
import pytest
import torch
from pytest import approx

from labkit.exercises import lab08

pytest.importorskip("scipy.special", reason="Student's t by scipy")
ALL = (*lab08.EXERCISES, *lab08.IN_WORDS)
MISTAKES = [
    pytest.param(exercise, message, mistake, id=f"{exercise.name}: {message[:40]}")
    for exercise in ALL
    for message, mistake in exercise.mistakes.items()
]


@pytest.mark.parametrize(("exercise", "message", "mistake"), MISTAKES)
def test_each_mistake_is_named(exercise, message, mistake):
    verdict = exercise.check(mistake)
    assert (verdict.state, verdict.message) == ("wrong", message)


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
def test_right_missing_and_broken_ones_are_told_apart(exercise):
    def stub(*arguments):
        raise NotImplementedError

    assert exercise.check(exercise.reference).state == "correct"
    assert exercise.check(stub).state == "not attempted"
    assert exercise.check(lambda *a: None).state == "not attempted"
    assert "ZeroDivisionError" in exercise.check(lambda *a: 1 / 0).message
    for wrong in (3.0, "text", [], ["text"], [(1, 2)], {}, torch.zeros(2, 3, 4), [None, 1, 2]):
        assert exercise.check(lambda *a, wrong=wrong: wrong).state == "wrong"
    assert len(exercise.mistakes) >= 8


def test_ways_to_write_the_interval():
    from scipy import stats

    def by_hand(ours, theirs):
        d = [a - b for a, b in zip(ours, theirs, strict=True)]
        half = stats.t.ppf(0.975, len(d) - 1) * statistics.stdev(d) / math.sqrt(len(d))
        return statistics.fmean(d), statistics.fmean(d) - half, statistics.fmean(d) + half

    def by_scipy(ours, theirs):
        found = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
        return np.array([np.mean(ours) - np.mean(theirs), found.low, found.high])

    def unpaired(ours, theirs):
        found = stats.ttest_ind(ours, theirs).confidence_interval(0.95)
        return np.mean(ours) - np.mean(theirs), found.low, found.high

    check = lab08.interval.check
    assert check(by_hand).state == check(by_scipy).state == "correct"
    assert check(lambda a, b: list(by_hand(a, b))).state == "correct"
    assert check(lambda a, b: torch.tensor(by_hand(a, b))).state == "correct"
    assert "two groups" in check(unpaired).message
    assert "ours minus theirs" in check(lambda a, b: by_hand(b, a)).message
    assert "shape [3], got [2]" in check(lambda a, b: by_hand(a, b)[1:]).message
    assert "no known mistake" in check(lambda a, b: np.add(by_hand(a, b), 7)).message


def test_pairing_makes_the_first_example_shown():
    """What the exercise is for: the same numbers as two groups show nothing."""
    (first, *_) = lab08.interval.inputs()
    unpaired = next(m for text, m in lab08.interval.mistakes.items() if "forgotten" in text)
    assert lab08.interval.reference(*first)[1] > 0 > unpaired(*first)[1]


def test_ways_to_write_holm():
    from scipy.stats import false_discovery_control

    def by_loop(p):
        adjusted, highest = [0.0] * len(p), 0.0
        for done, (value, place) in enumerate(sorted(zip(p, range(len(p)), strict=True))):
            highest = max(highest, (len(p) - done) * value)
            adjusted[place] = min(1.0, highest)
        return adjusted

    check = lab08.holm.check
    assert check(by_loop).state == check(lambda p: np.array(by_loop(p))).state == "correct"
    assert "Bonferroni:" in check(lambda p: [min(1.0, len(p) * v) for v in p]).message
    assert "Bonferroni without" in check(lambda p: [len(p) * v for v in p]).message
    assert "Benjamini" in check(lambda p: false_discovery_control(p)).message
    assert "sorted order" in check(lambda p: sorted(by_loop(p))).message
    in_place = check(lambda p: p.sort() or by_loop(p))  # would sort the reference's list, too
    assert in_place.state == "wrong" and "AttributeError" in in_place.message


def numbers(table, line, column):
    return [float(part) for part in table.lines[line][column].split(" ±")[0].split(", ")]


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_each_table_has_its_one_flaw(name):
    (table,) = (t for t in lab08.tables().each if t.name == name)
    curve, printed = "test accuracy at the last five evaluations, %", "printed, %"
    apart = {k for k, (a, b) in table.lines.items() if a != b} - {curve, printed}
    expected = {"A": set(), "B": {"source", "epochs"}, "C": {"settings tried"}}
    assert apart == expected[name]
    for column in (0, 1):
        points = numbers(table, curve, column)
        chosen = max(points) if (name, column) == ("A", 1) else points[-1]
        assert numbers(table, printed, column) == [chosen]
        assert max(points) > points[-1]  # so that it can be seen which one is printed


def test_what_the_tables_praise_says_is_so():
    (a, *_) = lab08.tables().each
    ours, theirs = (numbers(a, "test accuracy at the last five evaluations, %", n) for n in (0, 1))
    told = lab08.flaw["A"].praise
    assert f"Last against last it is {ours[-1]} and {theirs[-1]} %" in told
    assert f"best against best {max(ours)} and {max(theirs)} %" in told
    best = np.random.default_rng(0).standard_normal((20_000, 12)).max(1).mean()
    assert best == approx(1.6, abs=0.05) and "stands 1.6 standard" in lab08.flaw["C"].praise


def test_every_wrong_flaw_has_a_reason_of_its_own():
    for exercise in lab08.flaw.values():
        reasons = {}
        for key in lab08.FLAWS:
            verdict = exercise.check(lambda table, key=key: key)
            if verdict.state == "wrong":
                reasons[key] = verdict.message
        assert len(reasons) == len(set(reasons.values())) == len(lab08.FLAWS) - 1
        assert "resnet56, 72.3 %" in reasons["teacher"]
    assert "Did you mean 'epochs'?" in lab08.flaw["B"].check(lambda table: "epoch").message
    assert "480" not in "".join(lab08.flaw["B"].mistakes)  # hints, not the answer


def test_one_function_answers_all_tables():
    answers = {"A": "best epoch", "B": "epochs", "C": None}
    verdicts = [each.check(lambda table: answers[table]) for each in lab08.flaw.values()]
    assert [v.state for v in verdicts] == ["correct", "correct", "not attempted"]


def test_the_tables_show_in_a_notebook():
    shown = lab08.tables()._repr_markdown_()
    assert shown.count("(invented)") == 3 and shown.count("|---|---|---|") == 3
    assert all(f'`"{key}"`' in shown for key in lab08.FLAWS)
    assert repr(lab08.tables()) == shown


def fair(runs, names=("pair", "seed", "epochs", "train", "batch_size")):
    return [
        (a["method"], b["method"], a["pair"], a["seed"])
        for a, b in itertools.combinations(runs, 2)
        if all(a[name] == b[name] for name in names)
    ]


def test_ways_to_write_comparable():
    check = lab08.comparable.check
    assert check(fair).state == "correct"
    assert check(lambda runs: set(fair(runs))).state == "correct"
    turned = check(lambda runs: [(b, a, *rest) for a, b, *rest in reversed(fair(runs))])
    assert turned.state == "correct"
    assert "epochs are ignored" in check(lambda r: fair(r, ("pair", "seed", "train", "batch_size"))).message  # fmt: skip # noqa: E501
    assert "not enough" in check(lambda r: fair(r, ("pair", "seed"))).message
    assert "AttributeError" in check(lambda runs: [run.pop("beta") for run in runs]).message


def test_what_no_known_mistake_explains_is_explained_by_its_first_wrong_line():
    def message(answer):
        return lab08.comparable.check(answer).message

    names = ("pair", "seed", "train")
    assert "differ in more than the method, epochs 24 and 12" in message(lambda r: fair(r, names))
    assert "is missing" in message(lambda runs: fair(runs)[1:])
    assert "more than once" in message(lambda runs: fair(runs) + fair(runs)[:1])
    assert "no run of that pair" in message(lambda r: [*fair(r), ("kd", "vid", "a-b", 0)])
    assert "and itself" in message(lambda r: [*fair(r), ("kd", "kd", "wrn_16_2-convnet", 0)])
    assert "expected a list of (method" in message(lambda r: [line[:2] for line in fair(r)])


def test_a_method_pair_and_seed_name_one_run():
    for (made,) in lab08.comparable.inputs():
        names = [(run["method"], run["pair"], run["seed"]) for run in made]
        assert len(names) == len(set(names))
    assert lab08.runs() == [dict(run) for run in lab08.comparable.inputs()[0][0]]
    assert len(fair(lab08.runs())) == 5
