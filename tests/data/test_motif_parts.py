"""The parts Motif-100 is drawn from: hash, shapes, textures, and the truth about likeness."""

import itertools

import pytest
import torch

from labkit.data import motif
from labkit.data.motif.hashing import keys, mix, normal, uniform
from labkit.data.motif.shapes import DISTANCES, SHAPES
from labkit.data.motif.textures import COVERAGES


def splitmix(counter: int) -> int:
    """The published SplitMix64 finaliser in unbounded integers."""
    mask = 2**64 - 1
    value = counter * 0x9E3779B97F4A7C15 & mask
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
    value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
    value ^= value >> 31
    return value - 2**64 if value >= 2**63 else value


def test_mix_is_splitmix64():
    counters = [0, 1, 2, 77, 2**62, -1, -(2**63), 2**63 - 1]
    mixed = mix(torch.tensor(counters))
    assert mixed.tolist() == [splitmix(counter % 2**64) for counter in counters]
    assert splitmix(1) % 2**64 == 0xE220A8397B1DCDAF  # first output for seed 0


def test_uniform_numbers_are_uniform_and_uncorrelated():
    numbers = uniform(keys(0, 0, torch.arange(4000)), 24)
    assert numbers.min() >= 0 and numbers.max() < 1
    assert (numbers.mean(0) - 0.5).abs().max() < 0.025
    assert (numbers.var(0) - 1 / 12).abs().max() < 0.006
    assert torch.corrcoef(numbers.T).fill_diagonal_(0).abs().max() < 0.08
    assert torch.corrcoef(numbers[:100]).fill_diagonal_(0).abs().max() < 0.95
    shifted = (numbers[1:] - 0.5) * (numbers[:-1] - 0.5) * 12
    assert shifted.mean(0).abs().max() < 0.08


def test_normal_numbers_are_normal():
    numbers = normal(keys(3, 1, torch.arange(200)), 1001)
    assert numbers.shape == (200, 1001) and numbers.dtype == torch.float32
    assert abs(numbers.mean()) < 0.01 and abs(numbers.std() - 1) < 0.01
    assert abs((numbers**3).mean()) < 0.03 and abs((numbers**4).mean() - 3) < 0.06
    assert abs((numbers[:, 1:] * numbers[:, :-1]).mean()) < 0.01
    assert len(numbers.unique(dim=0)) == 200


def test_seeds_and_splits_have_keys_of_their_own():
    index = torch.arange(500)
    every = torch.cat([keys(seed, split, index) for seed in range(4) for split in range(6)])
    assert len(every.unique()) == len(every)


def canvas(cells: int = 161) -> tuple[torch.Tensor, torch.Tensor]:
    line = torch.linspace(-1.3, 1.3, cells)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return x, y


@pytest.mark.parametrize("name", SHAPES)
def test_shape_is_a_distance_near_its_outline(name):
    """Inside the unit disc and a bit, of fair size, and of slope 1 where it matters: the edge."""
    x, y = canvas(801)
    distance = DISTANCES[name](x, y)
    inside = distance < 0
    assert torch.hypot(x, y)[inside].max() < 1.09
    area = inside.float().sum() * (2.6 / 800) ** 2
    assert 0.9 < area < 2.6
    slope = torch.hypot(*torch.gradient(distance, spacing=2.6 / 800))
    assert (slope[distance.abs() < 0.02] - 1).abs().median() < 0.02
    assert ((slope[distance.abs() < 0.02] - 1).abs() < 0.1).float().mean() > 0.9


def test_shapes_leave_their_coordinates_alone():
    x, y = canvas(21)
    for distance in DISTANCES.values():
        distance(x, y)
    assert torch.equal(x, canvas(21)[0]) and torch.equal(y, canvas(21)[1])


def test_textures_leave_their_coordinates_alone_and_cover_shares():
    x, y = canvas(21)
    one = torch.ones(1, 1)
    for cover in COVERAGES.values():
        share = cover(x, y, 8 * one, 0.5 * one, 0.1 * one, 0.2 * one)
        assert share.min() >= 0 and share.max() <= 1 and share.shape == x.shape
    assert torch.equal(x, canvas(21)[0]) and torch.equal(y, canvas(21)[1])


def test_shapes_differ_pairwise():
    x, y = canvas()
    masks = {name: distance(x, y) < 0 for name, distance in DISTANCES.items()}
    for one, two in itertools.combinations(masks, 2):
        common, union = masks[one] & masks[two], masks[one] | masks[two]
        assert common.sum() < 0.96 * union.sum(), (one, two)


def test_shape_overlap_is_a_likeness():
    overlap = motif.shape_overlap()
    assert overlap.shape == (20, 20) and overlap.dtype == torch.float32
    assert torch.equal(overlap, overlap.T)
    assert torch.equal(overlap.diagonal(), torch.ones(20))
    apart = overlap[~torch.eye(20, dtype=torch.bool)]
    assert apart.min() > 0.2 and apart.max() < 0.97


def test_shape_overlap_knows_round_shapes():
    overlap = motif.shape_overlap()

    def of(one, two):
        return overlap[SHAPES.index(one), SHAPES.index(two)]

    near = [SHAPES[i] for i in overlap[0].argsort(descending=True)[1:3]]
    assert set(near) == {"hexagon", "pentagon"}
    assert of("disc", "ellipse") > of("disc", "bar")
    assert of("ring", "frame") == overlap[1].sort().values[-2]
    # A hexagon and a disc of one area: the excess is known in closed form to be 3.7 % each way.
    assert of("disc", "hexagon") == pytest.approx(0.9285, abs=0.01)


def test_shape_overlap_cannot_be_spoiled():
    motif.shape_overlap().zero_()
    assert motif.shape_overlap()[0, 0] == 1


def test_class_overlap_averages_shape_and_texture():
    shape, fine = motif.shape_overlap(), motif.class_overlap()
    assert fine.shape == (100, 100) and torch.equal(fine, fine.T)
    assert torch.equal(fine.diagonal(), torch.ones(100))
    for a, b in [(0, 1), (0, 5), (7, 42), (99, 94), (63, 13)]:
        expected = (shape[a // 5, b // 5] + (a % 5 == b % 5)) / 2
        assert fine[a, b] == pytest.approx(float(expected))
