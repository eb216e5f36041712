"""Printed tables: sorted, marked by what they are, and only those of one recipe on request."""

import pytest

from labkit.figures import style
from labkit.figures.bakeoff_published import comparable, published


def row(method, value, printed="last epoch", epochs=240, copied=False):
    return {"method": method, "source": "its page", "printed": printed, "epochs": epochs,
            "copied": copied, "values": {"a-b": value}}  # fmt: skip


TABLE = {
    "pairs": {"a-b": {"teacher_accuracy": 75.0, "student_accuracy": 70.0},
              "c-d": {"teacher_accuracy": 75.0, "student_accuracy": 70.0}},
    "rows": [row("KD", 72.0), row("CRD", 73.0), row("FitNet", 71.0), row("DKD", 74.0, "best epoch"),
             row("WCoRD", 73.5, "not said", None, True), row("Long", 74.5, epochs=480)],
}  # fmt: skip


def order(fig):
    return list(fig.layout.yaxis.ticktext)


def test_highest_first_and_marked_by_the_epoch_printed():
    fig = published(TABLE, "a-b")
    assert order(fig) == ["Long", "DKD", "WCoRD", "CRD", "KD", "FitNet"]
    last, best, unsaid = fig.data[:3]
    assert list(last.x) == [74.5, 73.0, 72.0, 71.0]
    assert list(best.x) == [74.0]
    assert unsaid.marker.symbol[0].endswith("-open")  # copied
    told = style.caption(fig)
    assert "Of 6 printed numbers 3 are of one recipe" in told
    assert "above 1 of the 2 others" in told


def test_alike_keeps_one_recipe():
    assert order(published(TABLE, "a-b", alike=True)) == ["CRD", "KD", "FitNet"]
    assert [r["method"] for r in TABLE["rows"] if comparable(r)] == ["KD", "CRD", "FitNet"]


def test_a_pair_without_numbers_is_empty_and_an_unknown_one_refused():
    assert "No printed number" in style.caption(published(TABLE, "c-d"))
    with pytest.raises(ValueError, match="unknown pair"):
        published(TABLE, "e-f")
