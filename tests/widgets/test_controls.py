"""Sliders, choices and switches."""

import math

import pytest

from labkit import widgets


def test_temperature_moves_in_equal_ratios_and_stops_at_powers_of_two():
    slider = widgets.temperature(4.0)
    assert slider.value == pytest.approx(4.0)
    assert slider.base**slider.min == pytest.approx(0.25)
    assert slider.base**slider.max == pytest.approx(64.0)
    assert (math.log2(4.0) - slider.min) % slider.step == pytest.approx(0)
    assert slider.description == "temperature T" and slider.readout_format == ".2f"
    assert slider.continuous_update


@pytest.mark.parametrize("value", [0.07, 0.1, 4.0, 3.7])
def test_the_temperature_asked_for_is_a_stop(value):
    """The browser would move it to the nearest one, and the first figure would not be of it."""
    slider = widgets.temperature(value, low=0.015625, high=8.0)
    steps = (math.log2(value) - slider.min) / slider.step
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert 0.96 * 0.015625 < slider.base**slider.min <= 0.015625


def test_temperature_range_grows_to_hold_the_value():
    slider = widgets.temperature(100.0)
    assert slider.value == pytest.approx(100.0) and slider.base**slider.max >= 100


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), None, "4", True])
def test_bad_temperature_is_named(bad):
    with pytest.raises(ValueError, match="temperature"):
        widgets.temperature(bad)


def test_negatives_are_powers_of_two_and_the_value_itself():
    slider = widgets.negatives(100, 1024)
    assert [number for _, number in slider.options] == [
        1,
        2,
        4,
        8,
        16,
        32,
        64,
        100,
        *(128, 256),
        *(512, 1024),
    ]
    assert slider.value == 100


def test_negatives_from_given_choices():
    slider = widgets.negatives(16, [4, 16, 64], label="classes C")
    assert [number for _, number in slider.options] == [4, 16, 64]
    assert slider.description == "classes C"


@pytest.mark.parametrize("bad", [0, -4, 1.5, float("nan"), None, "16", True])
def test_bad_negatives_are_named(bad):
    with pytest.raises(ValueError, match="negatives"):
        widgets.negatives(bad, 1024)


def test_slider_of_whole_numbers_and_of_decimals():
    whole, decimal = widgets.slider("image", 3, 0, 49, 1), widgets.slider("scale", 0.5, 0.0, 1.5)
    assert type(whole).__name__ == "IntSlider" and whole.value == 3
    assert type(decimal).__name__ == "FloatSlider" and decimal.readout_format == ".2f"
    with pytest.raises(ValueError, match="image"):
        widgets.slider("image", 50, 0, 49)


def test_alpha_and_switch():
    assert widgets.alpha(0.9).value == pytest.approx(0.9)
    assert widgets.switch("log axis").value is False
    with pytest.raises(ValueError, match="alpha"):
        widgets.alpha(1.5)


def test_choice_lists_the_choices_and_the_nearest():
    assert widgets.choice("axis", "log", ["linear", "log"]).value == "log"
    with pytest.raises(ValueError, match=r"linear, log.*Did you mean 'linear'"):
        widgets.choice("axis", "liner", ["linear", "log"])


def test_a_line_to_type_into_tells_every_key():
    line = widgets.text("find", "a red star")
    assert (line.value, line.description, line.continuous_update) == ("a red star", "find", True)
