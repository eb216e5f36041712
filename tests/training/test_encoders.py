"""Encoders from two views: the split loss is NT-Xent, training helps, collapse is collapse."""

import math

import pytest
import torch
from torch import nn

from labkit import data, losses
from labkit.models import Projection
from labkit.training import Control, Done, Evaluation, Start, Step, encoders
from labkit.training.encoders import Encoder, pull_and_push

G = torch.Generator().manual_seed(0)
Z1, Z2 = torch.randn(2, 9, 6, generator=G)


@pytest.fixture(scope="module")
def tiny():
    return data.load("motif100", train=256, val=100, test=100)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0])
def test_pull_and_push_are_nt_xent(temperature):
    together = sum(pull_and_push(Z1, Z2, temperature=temperature))
    torch.testing.assert_close(together, losses.nt_xent(Z1, Z2, temperature=temperature))


@pytest.mark.parametrize("k", [1, 5, 16, 99])
def test_k_negatives_at_chance_give_log_k_plus_1(k):
    same = torch.ones(9, 4)
    pull, push = pull_and_push(same, same, temperature=0.3, negatives=k)
    assert pull.item() == pytest.approx(0, abs=1e-6)
    assert push.item() == pytest.approx(math.log(min(k, 16) + 1), rel=1e-5)


def test_more_negatives_push_more_and_none_is_the_view_itself():
    pushes = [pull_and_push(Z1, Z2, temperature=0.5, negatives=k)[1].item() for k in (2, 8, 16)]
    assert pushes == sorted(pushes)
    pictures = torch.eye(9)  # all orthogonal: every negative weighs exp(-1 / T)
    _, push = pull_and_push(pictures, pictures, temperature=0.5, negatives=3)
    assert push.item() == pytest.approx(math.log1p(3 * math.exp(-2)), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((Z1, Z2[:3], 1.0, 1), "z1 and z2"),
        ((Z1[:1], Z2[:1], 1.0, 1), "B >= 2"),
        ((Z1, Z2, 0.0, 1), "temperature"),
        ((Z1, Z2, 1.0, 0), "negatives"),
    ],
)
def test_bad_arguments(arguments, told):
    a, b, t, k = arguments
    with pytest.raises(ValueError, match=told):
        pull_and_push(a, b, temperature=t, negatives=k)


def test_the_same_seed_gives_the_same_encoder_whatever_the_method(tiny):
    torch.manual_seed(5)
    one = Encoder(tiny, seed=3)
    other = Encoder(tiny, "triplet", seed=3)
    for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(one.method.parameters(), other.method.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ValueError, match="nt-xent"):
        Encoder(tiny, "ntxent")


def trained(dataset, method="nt-xent", **knobs):
    """The events of a short training, and what the encoder is at its end."""
    encoder = Encoder(dataset, method)
    control = Control(**knobs)
    events = list(encoder.train(epochs=3, control=control, learning_rate=0.1, device="cpu"))
    return events, encoder.evaluate(encoder.network, dataset, "val")


@pytest.mark.slow
def test_triplets_bring_views_nearer_than_strangers(tiny):
    events, found = trained(tiny, "triplet")
    assert found["error"] < 0.3  # 0.5 at chance
    steps = [event.terms["triplet"] for event in events if isinstance(event, Step)]
    assert steps[-1] < steps[0]
    assert isinstance(events[-1], Done)
    assert {"test_probe", "val_uniformity"} <= events[-1].record["result"].keys()


@pytest.mark.slow
def test_without_repulsion_everything_becomes_one_point(tiny):
    events, kept = trained(tiny)
    _, lost = trained(tiny, repulsion=0.0)
    assert lost["uniformity"] > -0.5 > kept["uniformity"]
    assert lost["alignment"] < kept["alignment"]
    assert kept["error"] < 0.3
    assert any(isinstance(event, Evaluation) for event in events)
    start = events[0]
    assert isinstance(start, Start) and start.measure is not None
    knobs = {"temperature": 0.2, "repulsion": 1.0}
    few, many = (start.measure({**knobs, "negatives": k}) for k in (2, 126))
    assert few["repulsion"] < many["repulsion"]  # the same network, another unit
    assert few["attraction"] == many["attraction"]


class Whole(nn.Module):
    """A method that keeps the pooled vector as its embedding."""

    def __init__(self, width):
        super().__init__()
        self.head = Projection(width, width)

    def forward(self, student, teacher, batch, knobs):
        return {"alignment": losses.alignment(*self.head(student.pooled).chunk(2))}


def test_a_method_of_your_own_and_what_is_watched(tiny):
    encoder = Encoder(tiny, Whole)
    z1, z2 = encoder.views("val", 20)
    assert z1.shape == z2.shape == (20, 128)
    again = encoder.views("val", 20)
    torch.testing.assert_close((z1, z2), again)  # the same pictures, the same views
    assert not torch.allclose(z1, z2)
    assert next(iter(encoder.train(epochs=1, device="cpu"))).config["views"] == 2


def test_probes_read_what_is_there(tiny):
    encoder = Encoder(tiny)
    found = encoders.probes(encoder.network, tiny, "test")
    assert set(found) == set(encoders.FACTORS)
    assert found["background"] > 0.3  # a random network keeps colours; chance is 0.05
    assert encoders.probes(encoder.network, tiny, "val", ("label",), readers=100)["label"] < 0.2
    with pytest.raises(ValueError, match="unknown factor 'colour'"):
        encoders.probes(encoder.network, tiny, "val", ("colour",))
