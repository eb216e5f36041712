"""The reference answers of lab 01, and the usual ways to write its loss."""

import torch

from labkit.exercises import lab01


def test_the_obvious_ways_to_write_the_loss_are_recognised():
    """Written the way a student would, with torch's own functions."""
    import torch.nn.functional as F

    def right(z, v, t):
        return t**2 * F.kl_div(F.log_softmax(z / t, 1), F.softmax(v / t, 1), reduction="batchmean")

    def mean(z, v, t):
        return t**2 * F.kl_div(F.log_softmax(z / t, 1), F.softmax(v / t, 1), reduction="mean")

    def turned(z, v, t):
        return t**2 * F.kl_div(F.log_softmax(v / t, 1), F.softmax(z / t, 1), reduction="batchmean")

    assert lab01.kd.check(right).state == "correct"
    assert "batchmean" in lab01.kd.check(mean).message
    assert "wrong way" in lab01.kd.check(turned).message


def test_the_gradient_reference_is_the_gradient_of_the_loss():
    for z, v, t in lab01.kd.inputs():
        z = z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(lab01.kd.reference(z, v, t), z)
        torch.testing.assert_close(slope, lab01.gradient.reference(z, v, t))


def test_the_limit_reference_is_the_limit_of_the_loss():
    for z, v, _ in lab01.kd.inputs():
        at_high = lab01.kd.reference(z, v, 1e4)
        torch.testing.assert_close(at_high, lab01.limit.reference(z, v, 1e4), rtol=1e-3, atol=0)
