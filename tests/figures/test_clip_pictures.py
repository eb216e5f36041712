"""Lab 09's figures of pictures: which are shown, framed and pointed at."""

import math
import statistics
import time

import pytest
import torch

from labkit import evaluation, figures, models
from labkit.data import captions
from labkit.data.motif import COLOURS, SHAPES
from labkit.figures import clip_bias, clip_gallery, clip_grounding


def images(count, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 32, 32), generator=draw, dtype=torch.uint8)


@pytest.fixture
def factors():
    """Every shape, texture and colour there is, on changing grounds and places."""
    draw = torch.Generator().manual_seed(0)

    def any_of(n):
        return torch.randint(n, (400,), generator=draw)

    return {"shape": any_of(20), "texture": any_of(5), "color": any_of(20),
            "background": any_of(20), "scale": 6.5 + 4 * torch.rand(400, generator=draw),
            "x": 8 * torch.rand(400, generator=draw) - 4,
            "y": 8 * torch.rand(400, generator=draw) - 4}  # fmt: skip


def test_own_caption_fits_and_nothing_that_contradicts_it(factors):
    written = captions.write(factors, "attributes")
    for n in (0, 17, 101):
        fit = clip_gallery.fits(written[n], factors)
        told = written[n].removeprefix("an ").removeprefix("a ").removeprefix("two ")
        alike = [told in other for other in written]
        sized = "small" in told or "large" in told
        assert fit[n] and fit.sum() >= sum(alike)
        if sized:
            assert fit.tolist() == alike
    scene = captions.write(factors, "scene")
    assert all(clip_gallery.fits(scene[n], factors)[n] for n in range(40))


def test_words_are_judged_by_what_they_belong_to(factors):
    colour, ground = COLOURS.index("red"), COLOURS.index("blue")
    red = clip_gallery.fits("a red", factors)
    assert torch.equal(red, factors["color"] == colour)
    blue = clip_gallery.fits("red on a blue background", factors)
    assert torch.equal(blue, red & (factors["background"] == ground))
    stars = torch.tensor([n for n, name in enumerate(SHAPES) if "star" in name.split()])
    assert torch.equal(clip_gallery.fits("Star", factors), torch.isin(factors["shape"], stars))
    discs = clip_gallery.fits("a disc", factors)
    assert torch.equal(discs, factors["shape"] == SHAPES.index("disc"))
    left = clip_gallery.fits("on the left", factors)
    assert torch.equal(left, factors["x"] < -captions.MIDDLE)
    assert not clip_gallery.fits("a red blue", factors).any()
    assert clip_gallery.fits("the nice photograph", factors) is None


def test_the_gallery_shows_the_best_and_frames_what_is_right():
    scores, right = torch.linspace(0, 1, 30), torch.zeros(30, dtype=torch.bool)
    right[[29, 27, 3]] = True
    figure = clip_gallery.gallery(images(30), scores, 10, "a red", right)
    assert [a.text for a in figure.layout.annotations][:2] == ["1.00", "0.97"]
    assert [(s.x0, s.y0) for s in figure.layout.shapes] == [(-1.5, -1.5), (70.5, -1.5)]
    said = figures.caption(figure)
    assert (
        "10 best of 30 pictures, the first with 1.00; 2 of them fit (framed), of all 10.0%" in said
    )
    blind = clip_gallery.gallery(images(3), torch.zeros(3), 8, "so")
    assert not blind.layout.shapes and "can be judged" in figures.caption(blind)
    with pytest.raises(ValueError, match="scores"):
        clip_gallery.gallery(images(3), torch.zeros(4), 8, "so")
    with pytest.raises(ValueError, match="count"):
        clip_gallery.gallery(images(3), torch.zeros(3), 0, "so")


def test_the_gallery_takes_factors(factors):
    scores = (factors["color"] == 3).float()
    figure = clip_gallery.gallery(images(400), scores, 4, f"a {COLOURS[3]}", factors)
    assert len(figure.layout.shapes) == 4


def test_words_find_their_place_among_ten_thousand_pictures_in_a_fifth_of_a_second(factors):
    many = {name: values.repeat(25) for name, values in factors.items()}
    shown, pair = images(10_000), models.ImageText(captions.VOCABULARY, seed=0)
    seen = torch.nn.functional.normalize(torch.randn(10_000, pair.facts["dim"]))
    taken = []
    for shape in SHAPES[:9]:
        began = time.perf_counter()
        with torch.no_grad():
            asked = pair.encode_text(evaluation.tokens(pair, [f"a red striped {shape}"]))[0]
        clip_gallery.gallery(shown, seen @ asked, 16, f"a red striped {shape}", many)
        taken.append(time.perf_counter() - began)
    assert statistics.median(taken) < 0.2


def test_answers_are_a_softmax_of_the_scaled_cosines():
    cosines = torch.tensor([0.1, 0.5, 0.4])
    figure = clip_gallery.answers(images(1)[0], cosines, ["a", "b", "c"], scale=10, label=2)
    bar = figure.data[1]
    assert list(bar.y) == ["a", "c", "b"] and sum(bar.x) == pytest.approx(100)
    assert bar.x[2] / bar.x[1] == pytest.approx(math.e)
    assert '"c" is right and in place 2' in figures.caption(figure)
    assert "which is right" in figures.caption(
        clip_gallery.answers(images(1)[0], cosines, ["a", "b", "c"], scale=10, label=1, most=2)
    )
    with pytest.raises(ValueError, match="cosines"):
        clip_gallery.answers(images(1)[0], cosines, ["a"], scale=10)


def test_where_marks_the_hottest_place():
    heat, mask = torch.zeros(32, 32), torch.zeros(32, 32, dtype=torch.bool)
    mask[:8, :8] = True
    heat[3, 5], heat[20, 20] = 3.0, 1.0
    figure = clip_grounding.where(images(1)[0], heat, mask, "a red disc")
    said = figures.caption(figure)
    assert "row 4, column 6, on the motif; 75% of the heat lies on it, 6%" in said
    assert (figure.data[-1].x, figure.data[-1].y) == ((5,), (3,))
    assert "nowhere" in figures.caption(
        clip_grounding.where(images(1)[0], torch.zeros(32, 32), mask)
    )
    assert "motif" not in figures.caption(clip_grounding.where(images(1)[0], heat))
    with pytest.raises(ValueError, match="heat"):
        clip_grounding.where(images(1)[0], heat[:8], mask)


def test_pointing_stands_beside_what_needs_no_look():
    masks = torch.zeros(4, 8, 8, dtype=torch.bool)
    masks[:3, :4, :4], masks[3, 4:, 4:] = True, True
    heat = masks.float()
    own = evaluation.Grounding(heat, evaluation.pointing(heat, masks), 1.0, 0.25, 0.6)
    other = own._replace(pointing=evaluation.pointing(heat.roll(1, 0), masks))
    figure = clip_grounding.pointing({"its own": own, "another's": other})
    assert list(figure.data[0].y) == pytest.approx([100, 50, 75, 25])
    assert "its own 100 %, another's 50 %, one pixel for all 75 %" in figures.caption(figure)
    with pytest.raises(ValueError, match="found"):
        clip_grounding.pointing({})


def test_bias_before_and_after():
    found = {4: evaluation.Bias(0.5, 0.45, 0.3, 0.06), 0: evaluation.Bias(0.9, 0.2, 0.8, 0.5)}
    figure = clip_bias.removed(found)
    assert [list(t.y) for t in figure.data] == [
        pytest.approx([90, 50]), pytest.approx([20, 45]), pytest.approx([50, 6])]  # fmt: skip
    assert list(figure.data[0].x) == ["as trained", "4 removed"]
    assert figure.layout.shapes[0].y0 == 5
    said = figures.caption(figure)
    assert "As trained: 90% right on the shape's own ground, 20% on another; 50% follow" in said
    assert "With 4 directions removed" in said
    with pytest.raises(ValueError, match="found"):
        clip_bias.removed({})


def test_order_tells_who_tells_the_sentences_apart():
    same = torch.tensor([[0.4, 0.6], [0.4, 0.6]])
    apart = torch.tensor([[0.7, 0.1], [0.5, 0.4]])
    two = ["a red disc on a blue background", "a blue disc on a red background"]
    figure = clip_bias.order({"bag": same, "transformer": apart}, two, images(2))
    said = figures.caption(figure)
    assert "bag: both sentences score the same" in said
    assert "transformer: 1 of 2 sentences find their picture (+0.60, -0.10)" in said
    assert len(figure.layout.images) == 4 and len(figure.data) == 2
    with pytest.raises(ValueError, match="scores"):
        clip_bias.order({"bag": same[:1]}, two)
