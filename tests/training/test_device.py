"""Precision is found out by timing, and the loop in it stays close to the plain one."""

import torch
from pytest import fixture, mark, raises

from labkit import models, training
from labkit.training import device as room


@fixture(autouse=True)
def _fresh_probe():
    room._probe.cache_clear()
    yield
    room._probe.cache_clear()


@mark.parametrize(
    ("fp32", "bf16", "chosen"), [(1.0, 0.5, "bf16"), (1.0, 0.9, "fp32"), (1.0, 3.0, "fp32")]
)
def test_bf16_only_where_it_is_a_fifth_faster(monkeypatch, fp32, bf16, chosen):
    seconds = {"fp32": [fp32, 2 * fp32], "bf16": [bf16, 2 * bf16]}
    monkeypatch.setattr(room, "_step_seconds", lambda m, i, d, precision, b: seconds[precision])
    model = models.build("convnet", 10)
    assert training.pick_precision(model, torch.device("cpu")) == chosen


def test_the_probe_times_real_steps_once():
    model = models.build("convnet", 10)
    first = training.pick_precision(model, torch.device("cpu"))
    assert first in ("fp32", "bf16")
    assert training.pick_precision(model, torch.device("cpu")) == first
    assert room._probe.cache_info().misses == 1


def test_asked_precisions_are_taken_or_refused():
    model, cpu = models.build("convnet", 10), torch.device("cpu")
    assert training.pick_precision(model, cpu, "bf16") == "bf16"
    assert training.pick_precision(model, torch.device("mps"), "auto") == "fp32"
    with raises(ValueError, match="Did you mean 'bf16'"):
        training.pick_precision(model, cpu, "bf-16")
