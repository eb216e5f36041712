"""Precision is found out by timing a network of the same family, once."""

import itertools
from types import SimpleNamespace

import torch
from pytest import fixture, mark, raises
from torch import nn

from labkit import models, training
from labkit.training import device as room

CPU = torch.device("cpu")


@fixture(autouse=True)
def _fresh_probe():
    room._probe.cache_clear()
    yield
    room._probe.cache_clear()


@mark.parametrize(
    ("fp32", "bf16", "chosen"), [(1.0, 0.5, "bf16"), (1.0, 0.9, "fp32"), (1.0, 3.0, "fp32")]
)
def test_bf16_only_where_it_is_a_fifth_faster(monkeypatch, fp32, bf16, chosen):
    seconds = {"fp32": fp32, "bf16": bf16}
    monkeypatch.setattr(room, "_step_seconds", lambda model, images, precision: seconds[precision])
    monkeypatch.setattr(room, "time", SimpleNamespace(perf_counter=itertools.count().__next__))
    assert training.pick_precision(models.build("convnet", 10), CPU) == chosen


def test_the_probe_times_real_steps_once():
    model = models.build("convnet", 10)
    first = training.pick_precision(model, CPU)
    assert first in ("fp32", "bf16")
    assert training.pick_precision(model, CPU) == first
    assert room._probe.cache_info().misses == 1


@mark.parametrize(
    ("name", "timed"),
    [
        ("convnet", ("convnet", 128)),
        ("resnet20", ("resnet8", 128)),
        ("resnet8x4", ("resnet8", 128)),
        ("resnet50", ("resnet8", 128)),
        ("wrn_40_2", ("wrn_16_1", 16)),
        ("vgg13", ("vgg8", 16)),
        ("mobilenet_v2", ("mobilenet_v2", 16)),
        ("shufflenet_v2", ("shufflenet_v2", 16)),
        ("vit_small", ("vit_small", 16)),
    ],
)
def test_the_smallest_of_the_family_is_timed(name, timed):
    made = models.MODELS[name]
    assert room._stand_in(getattr(made, "func", made)) == timed


def test_a_network_nobody_knows_is_timed_as_a_resnet():
    assert room._stand_in(nn.Linear) == ("resnet8", 128)


def test_families_decide_for_themselves(monkeypatch):
    def seconds(model, images, precision):
        return 2.0 if (precision == "bf16") == isinstance(model, type(depthwise)) else 1.0

    depthwise, dense = models.build("mobilenet_v2", 10), models.build("vgg8", 10)
    monkeypatch.setattr(room, "_step_seconds", seconds)
    monkeypatch.setattr(room, "time", SimpleNamespace(perf_counter=itertools.count().__next__))
    assert training.pick_precision(depthwise, CPU) == "fp32"
    assert training.pick_precision(dense, CPU) == "bf16"


def test_asked_precisions_are_taken_or_refused():
    model = models.build("convnet", 10)
    assert training.pick_precision(model, CPU, "bf16") == "bf16"
    assert training.pick_precision(model, torch.device("mps"), "auto") == "fp32"
    with raises(ValueError, match="Did you mean 'bf16'"):
        training.pick_precision(model, CPU, "bf-16")
