"""Similarity and agreement against hand-made cases and loops."""

import torch
from pytest import approx, raises

from labkit import evaluation, losses


def test_class_similarity_is_the_mean_answer_per_class():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [4.0, 0.0, 0.0]])
    matrix = evaluation.class_similarity(logits, torch.tensor([0, 1, 0]), temperature=2.0)
    expected = (torch.softmax(logits[0] / 2, 0) + torch.softmax(logits[2] / 2, 0)) / 2
    torch.testing.assert_close(matrix[0], expected)
    assert matrix[1].sum() == approx(1)
    assert matrix[2].tolist() == [0, 0, 0]  # no example of class 2
    with raises(ValueError, match="temperature"):
        evaluation.class_similarity(logits, torch.tensor([0, 1, 0]), temperature=0)


def test_groups_sum_columns_and_average_rows():
    matrix = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.4, 0.4, 0.2]])
    grouped = evaluation.group_similarity(matrix, torch.tensor([0, 0, 1]))
    torch.testing.assert_close(grouped, torch.tensor([[0.8, 0.2], [0.8, 0.2]]))


def test_rank_agreement():
    truth = torch.tensor([[1.0, 0.5, 0.2], [0.4, 1.0, 0.3], [0.1, 0.6, 1.0]])
    assert evaluation.rank_agreement(truth**3, truth) == approx(1)  # any rising function
    assert evaluation.rank_agreement(-truth, truth) == approx(-1)
    ties = torch.tensor([[9.0, 1, 1], [2, 9, 2], [3, 3, 9]])
    # ranks 0.5 0.5 2.5 2.5 4.5 4.5 against 0..5 in the same order: 0.9562 by hand
    order = torch.tensor([[9.0, 0, 1], [2, 9, 3], [4, 5, 9]])
    assert evaluation.rank_agreement(ties, order) == approx(0.9562, abs=1e-4)


def test_gradient_is_each_examples_own():
    z, v = torch.randn(4, 6).double(), torch.randn(4, 6).double()
    slope = evaluation.gradient(z, v, temperature=3.0)
    expected = 3 * ((z / 3).softmax(1) - (v / 3).softmax(1))
    torch.testing.assert_close(slope, expected)
    with torch.no_grad():  # as in a widget's callback
        torch.testing.assert_close(evaluation.gradient(z, v, temperature=3.0), expected)
    assert losses.kd(z, v, temperature=3.0) > 0
