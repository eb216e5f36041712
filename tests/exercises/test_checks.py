"""Every known wrong answer gets its own message; right, missing and broken ones are told apart."""

import pytest
import torch

from labkit import exercises

EXERCISES = [
    pytest.param(exercise, id=f"{name}: {exercise.name}")
    for name, lab in sorted(vars(exercises).items())
    if name.startswith("lab")
    for exercise in lab.EXERCISES
]
CASES = [
    pytest.param(exercise, message, mistake, id=f"{exercise.name}: {message[:40]}")
    for (exercise,) in (each.values for each in EXERCISES)
    for message, mistake in exercise.mistakes.items()
]


@pytest.mark.parametrize(("exercise", "message", "mistake"), CASES)
def test_each_mistake_is_named(exercise, message, mistake):
    verdict = exercise.check(mistake)
    assert (verdict.state, verdict.message) == ("wrong", message)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_states(exercise):
    def stub(*arguments):
        raise NotImplementedError

    assert exercise.check(exercise.reference).state == "correct"
    assert exercise.check(stub).state == "not attempted"
    assert exercise.check(lambda *a: None).state == "not attempted"
    assert exercise.check(lambda *a: ...).state == "not attempted"
    assert "ZeroDivisionError" in exercise.check(lambda *a: 1 / 0).message
    assert "shape" in exercise.check(lambda *a: torch.zeros(2, 3, 4)).message
    assert "no known mistake" in exercise.check(lambda *a: exercise.reference(*a) + 7).message
    assert exercise.check(lambda *a: exercise.reference(*a) * torch.nan).state == "wrong"
    assert exercise.check("text").state == "wrong"


def test_every_lab_has_exercises_with_mistakes():
    assert len(EXERCISES) >= 7
    assert all(len(exercise.mistakes) >= 2 for (exercise,) in (each.values for each in EXERCISES))


def test_an_answer_that_empties_its_inputs_is_not_correct():
    def emptied(x):
        return x.zero_().sum()

    add = exercises.Exercise("add", torch.sum, lambda: [(torch.ones(3),)], {}, "correct.")
    assert add.check(emptied).state == "wrong"
