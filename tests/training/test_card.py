"""The data card's facts and pictures, and that the card in the repository quotes them."""

import json
import math

import pytest
import torch
from PIL import Image

from labkit.data import motif
from labkit.training import card, records


@pytest.fixture(scope="module")
def facts():
    return card.facts(pictures=2000, enumerated=500)


def test_entropies_lie_where_they_must(facts):
    assert facts["entropy"]["shape"] == pytest.approx(math.log(20), abs=1e-3)
    assert facts["entropy"]["texture"] == pytest.approx(math.log(5), abs=1e-3)
    assert all(0 <= h <= math.log(20) + 1e-3 for h in facts["entropy"].values())


def test_shape_and_texture_are_the_class_and_nothing_else_is(facts):
    about = facts["information_about_class"]
    both = about.pop("shape") + about.pop("texture")
    assert both == pytest.approx(facts["log_classes"], abs=2e-3)
    excess = (100 * 20 - 100 - 20 + 1) / (2 * 2000)  # of counting independent things, about
    assert max(about.values()) < 1.3 * excess


def test_the_bound_lies_below_the_whole(facts):
    assert 0 < facts["information"]["low"] <= facts["log_classes"]
    exact = facts["exact"]
    assert exact["information"] == pytest.approx(math.log(100) - exact["entropy_left"])


@pytest.mark.slow
def test_the_shipped_facts_are_those_of_this_code():
    shipped = json.loads((records.REFERENCE / "motif100-facts.json").read_text())
    again = card.facts()
    digit = 1.01e-3  # the last one recorded: another processor may round it the other way
    for key in ("entropy", "information_about_class"):
        assert again[key] == pytest.approx(shipped[key], abs=digit), key
    overlap = [torch.tensor(facts["shape_overlap"]) for facts in (again, shipped)]
    torch.testing.assert_close(*overlap, rtol=0, atol=digit)
    assert again["information"] == shipped["information"]
    assert again["exact"] == pytest.approx(shipped["exact"], rel=1e-3)


def test_pictures_are_written(tmp_path):
    sizes = {path.name: Image.open(path).size for path in card.draw(tmp_path)}
    assert sizes["motif100-contact.jpg"] == (15 * 32, 20 * 32)
    assert sizes["motif100-shapes.png"] == (110 + 20 * card.CELL, 20 * card.CELL)
    assert sizes["motif100-classes.png"] == (400, 400)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200_000


def test_matrix_colours_run_from_dark_to_bright():
    image = card._matrix(motif.shape_overlap(), motif.SHAPES)
    own = image.getpixel((110 + card.CELL // 2, card.CELL // 2))
    assert own == (254, 232, 56)
