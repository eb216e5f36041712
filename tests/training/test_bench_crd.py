"""The CRD benchmark on small sizes: both ways agree, and its figures fit together."""

import torch
from pytest import approx, mark

from labkit.training.bench_crd import crd

SIZES = {"batch": 16, "negatives": 512, "samples": 2000, "dim": 64}


@mark.slow
def test_both_ways_are_timed_weighed_and_agree():
    found = crd("cpu", rounds=2, sizes=SIZES)
    assert {name: found[name] for name in SIZES} == SIZES
    assert found["largest_difference"] < 2e-4
    times = ("plain_ms", "ours_ms", "draw_plain_ms", "draw_ours_ms", "ratio")
    assert all(found[name] > 0 for name in times)
    if "plain_mib" in found:  # Linux: [16, 513, 64] floats, both banks' rows, are 4 MiB
        assert found["plain_mib"] > 4
        assert found["memory_share"] == approx(found["ours_mib"] / found["plain_mib"], abs=0.15)
    assert torch.is_grad_enabled()
