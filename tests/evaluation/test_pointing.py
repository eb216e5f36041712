"""Pointing accuracy by hand, and against chance."""

import pytest
import torch

from labkit import evaluation


def masks():
    """One motif a picture: left upper quarter, or right lower one."""
    made = torch.zeros(4, 32, 32, dtype=torch.bool)
    made[:3, :16, :16] = True
    made[3, 16:, 16:] = True
    return made


def test_pointing_by_hand():
    heat = torch.zeros(4, 2, 2)
    heat[0, 0, 0] = heat[1, 0, 0] = heat[2, 1, 1] = heat[3, 1, 1] = 1.0
    found = evaluation.pointing(heat, masks())
    assert found == pytest.approx((0.75, 0.25, 0.75, 1.0))
    lots = evaluation.pointing(
        torch.randn(2000, 4, 4, generator=torch.Generator().manual_seed(4)),
        masks()[:1].expand(2000, -1, -1),
    )
    assert lots.found == pytest.approx(lots.chance, abs=0.03)
    with pytest.raises(ValueError, match="masks"):
        evaluation.pointing(heat, masks()[:3])


def test_the_loudest_place_is_the_largest_of_either_sign():
    maps = torch.zeros(1, 3, 4, 4)
    maps[0, 1, 2, 3] = -5
    assert evaluation.loudest(maps, (2, 2)).flatten().argmax() == 3
