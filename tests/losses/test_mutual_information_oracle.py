"""The perfect critic, read by every bound: the published setting, D = 20 and B = 64."""

from functools import partial

import pytest
import torch
from pytest import approx

from labkit.data import gaussians
from labkit.losses import mutual_information as mi

BATCHES = 1000  # the table's numbers are means of 4000
READ = {
    "info_nce": mi.info_nce,
    "nwj": lambda s: mi.nwj(s + 1),
    "dv": mi.dv,
    "smile 5": partial(mi.smile, clip=5),
    "smile 1": partial(mi.smile, clip=1),
    "jsd": mi.jsd,
    "interpolated 0.01": partial(mi.interpolated, alpha=0.01, log_baseline=0.0),
    "interpolated 0.5": partial(mi.interpolated, alpha=0.5, log_baseline=0.0),
    "interpolated 0.99": partial(mi.interpolated, alpha=0.99, log_baseline=0.0),
}
# nats -> what each reads on average, and its standard deviation from batch to batch
TABLE = {
    1: [(0.958, 0.162), (1.001, 0.177), (1.002, 0.177), (1.002, 0.177), (1.183, 0.177), -0.974,
        (1.001, 0.177), (0.988, 0.169), (0.958, 0.162)],
    2: [(1.809, 0.200), (1.996, 0.263), (2.001, 0.261), (2.026, 0.254), (2.372, 0.250), -0.687,
        (1.995, 0.258), (1.922, 0.220), (1.811, 0.200)],
    4: [(3.068, 0.181), (4.003, 0.538), (4.055, 0.435), (4.262, 0.364), (4.653, 0.332), -0.332,
        (3.967, 0.389), (3.497, 0.230), (3.088, 0.183)],
    6: [(3.736, 0.125), None, (6.228, 0.691), (6.708, 0.469), (6.820, 0.388), -0.154,
        (5.774, 0.487), (4.571, 0.194), (3.857, 0.137)],
    8: [(4.024, 0.072), None, (8.595, 1.02), (9.319, 0.566), (8.922, 0.417), -0.067,
        (7.265, 0.512), (5.219, 0.139), (4.377, 0.100)],
    10: [(4.123, 0.036), None, None, (12.06, 0.702), (10.97, 0.447), -0.027,
         (8.342, 0.442), (5.558, 0.089), (4.747, 0.075)],
}  # fmt: skip


def readings(information, wanted):
    """Each wanted bound's value on BATCHES batches: name -> [BATCHES]."""
    g = torch.Generator().manual_seed(information)
    rho, each = gaussians.rho_of(information, 20), 50
    values = {name: [] for name in wanted}
    for _ in range(BATCHES // each):
        x, y = gaussians.correlated(64 * each, 20, information, generator=g)
        pairs = zip(x.split(64), y.split(64), strict=True)
        scores = torch.stack([gaussians.optimal_scores(*pair, rho) for pair in pairs])
        for name, kept in values.items():
            kept.append(torch.vmap(READ[name])(scores))  # [each]
    return {name: torch.cat(kept) for name, kept in values.items()}


@pytest.mark.slow
@pytest.mark.parametrize("information", TABLE)
def test_the_perfect_critic_reads_as_published(information):
    """NWJ from 6 nats on and DV at 10 are left out: their means are a few rare batches'."""
    table = dict(zip(READ, TABLE[information], strict=True))
    wanted = [name for name, entry in table.items() if entry is not None]
    for name, values in readings(information, wanted).items():
        if name == "jsd":
            assert values.mean().item() == approx(table[name], abs=0.01)
            continue
        mean, spread = table[name]
        error = (values.var().item() / BATCHES + spread**2 / 4000) ** 0.5
        assert abs(values.mean().item() - mean) < 5 * error + 0.0005, name  # printed digits
        assert values.std().item() == approx(spread, rel=0.2), name


@pytest.mark.slow
def test_the_forgotten_one_costs_nwj_a_third_of_a_nat():
    """nwj of the log ratio itself, as published code reads it, is I - 1 / e on average."""
    for information, forgot in ((1, 0.632), (2, 1.630)):
        g, values, right = torch.Generator().manual_seed(information), [], []
        rho = gaussians.rho_of(information, 20)
        for _ in range(500):
            pair = gaussians.correlated(64, 20, information, generator=g)
            scores = gaussians.optimal_scores(*pair, rho)
            values.append(mi.nwj(scores).item())
            right.append(mi.jsd_readout_nwj(scores).item())
        assert torch.tensor(values).mean().item() == approx(forgot, abs=0.05)
        assert torch.tensor(right).mean().item() == approx(information, abs=0.06)
