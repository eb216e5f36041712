"""Lab 03's figures: what is drawn is what the numbers say, at every setting of the sliders."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit import data, figures
from labkit.evaluation.theory import Sides
from labkit.figures import circle, contrast, theory
from labkit.training.circle import Circle

G = torch.Generator().manual_seed(0)
COSINES = torch.rand(6, 64, generator=G) * 2 - 1


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


@pytest.mark.parametrize("temperature", [0.02, 0.2, 4.0])
def test_hardness_goes_from_one_to_all(temperature):
    figure = contrast.hardness(COSINES, temperature)
    curve = list(trace(figure, "effective number").y)
    assert curve == sorted(curve)
    assert curve[0] < 3 and curve[-1] > 60
    assert trace(figure, "all K = 64").y[0] == 64
    shares = list(trace(figure, "hardest 5 %").y)
    assert shares == sorted(shares, reverse=True)
    assert f"At T = {temperature:.2f}" in figures.caption(figure)
    assert "own class" not in figures.caption(figure)


def test_hardness_tells_the_share_of_the_anchor_s_own_class():
    cosines = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    same = torch.tensor([[True, False, False, False]])
    cold, warm = (figures.caption(contrast.hardness(cosines, t, same)) for t in (0.01, 1e4))
    assert "own class: 25.0% of them, 100% of the push" in cold
    assert "own class: 25.0% of them, 25% of the push" in warm


def test_similarities_tell_partners_from_strangers_and_collapse():
    z1 = F.normalize(torch.randn(40, 16, generator=G), dim=1)
    z2 = F.normalize(z1 + 0.1 * torch.randn(40, 16, generator=G), dim=1)
    figure = contrast.similarities(z1, z2, past=[(2.0, -1.0)])
    near, far = trace(figure, "two views"), trace(figure, "strangers")
    assert sum(near.y) == pytest.approx(1, abs=1e-5) or max(near.y) == 0.5
    assert sum(far.y) == pytest.approx(1, abs=1e-5)
    assert near.x[near.y.argmax()] > 0.7 > far.x[far.y.argmax()]
    assert trace(figure, "so far").x[0] == 2.0
    assert "One heap" not in figures.caption(figure)
    same = torch.ones(40, 16)
    assert "untrained or a collapsed" in figures.caption(contrast.similarities(same, same))


def rows():
    def cell(value):
        return {"mean": value, "std": 0.01, "n": 3}

    low, high = (dict.fromkeys(contrast.FACTORS, cell(v)) for v in (0.2, 0.6))
    return {"a": {"factors": low | {"shape": cell(0.9)}}, "b": {"factors": high}}


def test_survivors_draws_every_factor_and_names_who_reads_it_best():
    figure = contrast.survivors(rows(), {"a": "one", "b": "two"}, title="kept")
    assert list(trace(figure, "one").y) == pytest.approx([20, 90, 20, 20, 20, 20, 20])
    assert list(trace(figure, "two").error_y.array) == pytest.approx([1.0] * 7)
    assert list(trace(figure, "chance").y)[:5] == [1, 1, None, 5, 5]
    assert list(figure.layout.xaxis.ticktext)[:2] == ["class", "shape"]
    assert "shape by one (90%)" in figures.caption(figure)
    assert "texture by two (60%)" in figures.caption(figure)


def test_the_surface_frames_the_nearest_cell():
    cells = [
        {"temperature": t, "negatives": k, "probe": {"mean": t * k / 100, "std": 0, "n": 1}}
        for t in (0.1, 1.0)
        for k in (1, 8)
    ]
    figure = contrast.surface(cells, temperature=0.3, negatives=100, chance=0.01)
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.y0) == (0.5, -0.5)
    assert "T = 0.1, K = 8: 0.8%" in figures.caption(figure)
    assert "Best: T = 1, K = 8, 8.0%" in figures.caption(figure)


@pytest.mark.parametrize("margin", [0.1, 1.0, 3.0])
def test_triplet_slopes_are_the_losses_gradients(margin):
    gaps = torch.tensor([-2.0, -0.5, 0.5, 1.0])
    figure = contrast.triplets(gaps, margin)
    for name in ("ratio, d₊²", f"margin m = {margin:.2g}"):
        loss, slope = (t for t in figure.data if t.name == name)
        x, y = (torch.tensor(list(v)) for v in (loss.x, loss.y))
        middle = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
        away = (x[1:-1] + margin).abs() > 0.1  # not at the kink
        torch.testing.assert_close(
            middle[away], torch.tensor(list(slope.y))[1:-1][away], atol=2e-3, rtol=0
        )
    silent = (gaps <= -margin).float().mean()
    assert "50% of these triplets are wrong" in figures.caption(figure)
    assert f"{silent:.0%} keep the margin" in figures.caption(figure)


def test_views_are_three_rows_of_pictures():
    pictures = data.motif.render(5).images
    figure = contrast.views(pictures, pictures, pictures.flip(3), "crop-flip")
    dots = figure.data[1]
    assert len(dots.x) == 15 and dots.hovertext[14] == "second view of picture 4"
    assert "colours, texture and size are shared" in figures.caption(figure)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_the_circle_s_arrows_are_the_forces_of_the_simulation(temperature):
    world = Circle(6, seed=2)
    everyone = circle._draw(world.points, None, 0)
    pull, push, angles, weights = circle._forces(world.points, temperature, everyone)
    assert weights.sum().item() == pytest.approx(1)
    assert len(angles) == len(weights) == 10
    own = world.angles.clone().requires_grad_()
    z = torch.stack([own.cos(), own.sin()], dim=2).flatten(0, 1)
    others = torch.cat([z[6:7], z[1:6], z[7:]]).detach()  # the partner first
    scores = (others @ z[0]) / temperature
    attraction, repulsion = -scores[0], scores.logsumexp(0)
    (down,) = torch.autograd.grad(attraction, own, retain_graph=True)
    assert -down[0, 0].item() * temperature == pytest.approx(pull, abs=1e-5)
    (down,) = torch.autograd.grad(repulsion, own)
    assert -down[0, 0].item() * temperature == pytest.approx(push, abs=1e-5)


def test_the_circle_says_what_it_shows():
    world = Circle(6)
    figure = circle.points(world.points, step=3, temperature=0.2, apart=12.3)
    assert "After 3 steps" in figures.caption(figure) and "12 degrees" in figures.caption(figure)
    assert len(trace(figure, "first view").x) == 6
    alone = circle.points(world.points, step=3, temperature=0.2, repulsion=0.0, apart=1.0)
    assert "nothing pushes" in figures.caption(alone)
    push = trace(alone, "push of the negatives")
    assert len(set(push.x[:12])) == 1 and push.text[-1] == "push"


@pytest.mark.parametrize("k", [1, 4, 10, 99])
def test_the_circle_draws_and_counts_k_negatives(k):
    places = Circle(6).points
    figure = circle.points(places, step=3, temperature=0.2, negatives=k, apart=1.0)
    drawn = min(k, 10)
    weights = trace(figure, "one negative").y
    assert len(weights) == drawn and f"K = {drawn} negatives" in figures.caption(figure)
    assert max(weights) < figure.layout.yaxis2.range[1]
    rows = circle._draw(places, k, 3)
    assert len(set(rows.tolist())) == drawn and not {0, 6} & set(rows.tolist())
    assert (k < 10) == (rows.tolist() != circle._draw(places, k, 4).tolist())


@pytest.mark.parametrize(("classes", "negatives"), [(2, 1), (100, 126), (10, 1024)])
def test_collisions_mark_yours(classes, negatives):
    figure = theory.collisions(classes, negatives)
    here = 1 - (1 - 1 / classes) ** negatives
    assert trace(figure, "yours").y[0] == pytest.approx(here)
    assert f"{here:.1%}" in figures.caption(figure)


def test_the_bound_s_lines_are_its_sides():
    sides = [Sides(0.3, 0.2, 0.1, 1.5, 0.1), Sides(0.2, 0.11, 0.1, 1.1, 0.1)]
    figure = theory.bound((1, 10), sides, classes=10, block=10)
    assert list(trace(figure, "L_sup, mean classifier").y) == [0.1, 0.1]
    assert figure.layout.shapes[0].x0 == pytest.approx(math.log2(10))
    assert "At b = 10 the bound allows 0.110" in figures.caption(figure)
