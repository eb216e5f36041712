"""The specs in data/recipes, which need a GPU: every run of them could begin."""

import pytest
import yaml

from labkit import models, training
from labkit.training.recipes import LIGHT
from labkit.training.sweep import expand
from labkit.training.workers import EXTRA

SPECS = sorted((models.teachers.TEACHERS.parent / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_networks_methods_and_knobs_are_known(path):
    spec = yaml.safe_load(path.read_text())
    runs = list(expand(spec))
    assert spec["baseline"] in spec["rows"]
    for run in runs:
        method = training.METHODS[run["method"]]
        assert run["student"] in models.MODELS
        teacher, source = run.get("teacher", spec.get("teacher")).rsplit("-", 1)
        assert teacher in models.MODELS
        assert source == spec["data"]["name"]
        row = spec["rows"][run["label"]].keys() - {"method", "seeds"}
        assert row <= {*method.knobs, *EXTRA}
        light = run["student"] in LIGHT
        assert run["learning_rate"] == (0.01 if light else 0.05 if run["epochs"] > 12 else 0.1)
