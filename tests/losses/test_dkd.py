"""DKD: published fixtures, brute force, its tie to KD, closed forms, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def whole(seed, n, classes):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, classes, n))


def softmax(logits, temperature):
    e = [math.exp(x / temperature) for x in logits]
    return [x / sum(e) for x in e]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def loop_terms(z, v, labels, temperature):
    """Loops over examples: the list of (TCKD, NCKD)."""
    out = []
    for student, teacher, y in zip(z.tolist(), v.tolist(), labels.tolist(), strict=True):
        p, q = softmax(teacher, temperature), softmax(student, temperature)
        others = [[x / (1 - probs[y]) for i, x in enumerate(probs) if i != y] for probs in (p, q)]
        pair = kl([p[y], 1 - p[y]], [q[y], 1 - q[y]])
        out.append((temperature**2 * pair, temperature**2 * kl(*others)))
    return out


@pytest.mark.parametrize(
    ("alpha", "beta", "value", "slope"),
    [
        (1, 8, 52.43671200, 0.8475644057),
        (1, 0, 0.06838052037, 0.01012308575),
        (0, 1, 6.546041435, 0.1059407910),
    ],
)
def test_official_value_and_gradient(alpha, beta, value, slope):
    """mdistiller's DKD, TCKD and NCKD at T = 4."""
    z, labels = (2 * arr(1, 16, 100)).requires_grad_(), whole(3, 16, 100)
    loss = losses.dkd(z, 3 * arr(2, 16, 100), labels, temperature=4, alpha=alpha, beta=beta)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-9)
    assert z.grad.norm().item() == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_against_loops(temperature):
    z, v, labels = arr(1, 5, 7), 2 * arr(2, 5, 7), torch.tensor([0, 6, 3, 3, 1])
    expected = loop_terms(z, v, labels, temperature)
    got = losses.dkd_terms(z, v, labels, temperature=temperature)
    assert got.target.tolist() == pytest.approx([a for a, _ in expected], rel=1e-10)
    assert got.others.tolist() == pytest.approx([b for _, b in expected], rel=1e-10)
    total = sum(2 * a + 3 * b for a, b in expected) / 5
    loss = losses.dkd(z, v, labels, temperature=temperature, alpha=2, beta=3)
    assert loss.item() == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_kd_is_dkd_with_beta_one_minus_p(temperature):
    z, v, labels = 2 * arr(1, 16, 10), 3 * arr(2, 16, 10), whole(3, 16, 10)
    terms = losses.dkd_terms(z, v, labels, temperature=temperature)
    p = (v / temperature).softmax(1).gather(1, labels[:, None])[:, 0]
    whole_kd = losses.kd(z, v, temperature=temperature).item()
    assert (terms.target + (1 - p) * terms.others).mean().item() == pytest.approx(whole_kd, 1e-11)
    one = losses.dkd(z[:1], v[:1], labels[:1], temperature=temperature, beta=1 - p[0].item())
    kd = losses.kd(z[:1], v[:1], temperature=temperature)
    assert one.item() == pytest.approx(kd.item(), rel=1e-11)


def test_closed_form_of_three_classes():
    """Teacher even over three; student 1/2 on the label, 3/8 and 1/8 on the others."""
    z, v = torch.tensor([[4.0, 3, 1]]).double().log(), torch.zeros(1, 3).double()
    terms = losses.dkd_terms(z, v, torch.tensor([0]), temperature=1)
    pair = math.log(2 / 3) / 3 + 2 * math.log(4 / 3) / 3
    assert terms.target.item() == pytest.approx(pair, rel=1e-12)
    assert terms.others.item() == pytest.approx(math.log(2 / 3) / 2 + math.log(2) / 2, rel=1e-12)


def test_zero_when_they_agree_up_to_a_shift():
    z, labels = arr(6, 4, 9), whole(3, 4, 9)
    assert losses.dkd(z, z, labels, temperature=4).item() == pytest.approx(0, abs=1e-12)
    shifted = losses.dkd(z + arr(7, 4, 1), z, labels, temperature=4)
    assert shifted.item() == pytest.approx(0, abs=1e-12)


def test_each_term_sees_only_its_part():
    """The label's logit does not move NCKD; logits of others, kept in sum, do not move TCKD."""
    z, v, labels = arr(1, 1, 5), arr(2, 1, 5), torch.tensor([2])
    before = losses.dkd_terms(z, v, labels, temperature=1)
    raised, swapped = z.clone(), z[:, [1, 0, 2, 4, 3]]
    raised[0, 2] += 5
    after = losses.dkd_terms(raised, v, labels, temperature=1)
    assert after.others.item() == pytest.approx(before.others.item(), rel=1e-12)
    assert abs(after.target.item() - before.target.item()) > 0.1
    after = losses.dkd_terms(swapped, v, labels, temperature=1)
    assert after.target.item() == pytest.approx(before.target.item(), rel=1e-12)
    assert abs(after.others.item() - before.others.item()) > 0.01


def test_two_classes_have_no_others():
    terms = losses.dkd_terms(arr(1, 4, 2), arr(2, 4, 2), whole(3, 4, 2), temperature=2)
    assert terms.others.tolist() == [0] * 4
    assert terms.target.min() > 0


@pytest.mark.parametrize("size", [100.0, 1e4])
def test_extreme_logits_stay_finite(size):
    z = torch.tensor([[size, 0, -size], [-size, 0, size]], requires_grad=True)
    loss = losses.dkd(z, -z.detach(), torch.tensor([0, 0]), temperature=1)
    loss.backward()
    assert torch.isfinite(loss) and loss > size / 2
    assert torch.isfinite(z.grad).all()


def test_gradcheck():
    z, v, labels = arr(1, 3, 5).requires_grad_(), arr(2, 3, 5), torch.tensor([0, 4, 2])
    assert torch.autograd.gradcheck(lambda x: losses.dkd(x, v, labels, temperature=3), z)


def test_half_precision_is_widened():
    z, v, labels = 2 * arr(1, 8, 20), 3 * arr(2, 8, 20), whole(3, 8, 20)
    z, v = z.bfloat16(), v.bfloat16()
    loss = losses.dkd(z, v, labels, temperature=4)
    exact = losses.dkd(z.double(), v.double(), labels, temperature=4).item()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("name", ["temperature", "alpha", "beta"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True])
def test_bad_numbers_name_themselves(name, value):
    keywords = {"temperature": 1} | {name: value}
    with pytest.raises(ValueError, match=name):
        losses.dkd(torch.zeros(2, 3), torch.zeros(2, 3), torch.tensor([0, 1]), **keywords)


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (torch.tensor([0, 3]), "between 0 and 2, got 0 to 3"),
        (torch.tensor([-1, 2]), "between 0 and 2"),
        (torch.tensor([0]), r"labels must be .* \[2\]"),
        (torch.tensor([0.0, 1.0]), "labels must be whole"),
        (torch.zeros(2, 3, dtype=torch.long), "labels must be"),
    ],
)
def test_bad_labels_are_named(labels, word):
    with pytest.raises(ValueError, match=word):
        losses.dkd(torch.zeros(2, 3), torch.zeros(2, 3), labels, temperature=1)


def test_bad_logits_are_named():
    labels = torch.tensor([0, 0])
    with pytest.raises(ValueError, match="one shape"):
        losses.dkd(torch.zeros(2, 3), torch.zeros(2, 4), labels, temperature=1)
    with pytest.raises(ValueError, match="2 classes"):
        losses.dkd(torch.zeros(2, 1), torch.zeros(2, 1), labels, temperature=1)
