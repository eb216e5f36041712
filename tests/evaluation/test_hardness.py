"""How many negatives count: between one and all of them, and what the hardest weigh."""

import pytest
import torch

from labkit.evaluation.hardness import effective_number, hardest_share, negative_weights

COSINES = torch.rand(7, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_all_alike_when_hot_and_one_alone_when_cold():
    hot, cold = negative_weights(COSINES, 1e4), negative_weights(COSINES, 1e-4)
    assert effective_number(hot).tolist() == pytest.approx([40] * 7, rel=1e-3)
    assert hardest_share(hot).tolist() == pytest.approx([0.05] * 7, rel=1e-3)
    assert effective_number(cold).tolist() == pytest.approx([1] * 7, rel=0.05)
    assert hardest_share(cold).min() > 0.99


def test_weights_are_the_loss_s_own_gradient():
    """The repulsion's derivative by each cosine is its weight over T."""
    cosines = COSINES.clone().requires_grad_()
    (0.2 * (cosines / 0.2).logsumexp(1).sum()).backward()
    torch.testing.assert_close(negative_weights(COSINES, 0.2), cosines.grad)


def test_by_hand():
    weights = torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.25] * 4])
    assert effective_number(weights).tolist() == pytest.approx([1 / 0.375, 4])
    assert hardest_share(weights).tolist() == [0.5, 0.25]  # at least one
    assert hardest_share(weights, 0.5).tolist() == [0.75, 0.5]


def test_bad_arguments():
    with pytest.raises(ValueError, match="temperature"):
        negative_weights(COSINES, 0)
    with pytest.raises(ValueError, match=r"\[B, K\]"):
        negative_weights(COSINES[0], 1.0)
    with pytest.raises(ValueError, match="share"):
        hardest_share(COSINES, 2.0)
