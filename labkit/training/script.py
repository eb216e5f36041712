"""A recorded run as the Python script that makes it again."""

from collections.abc import Mapping
from typing import Any

FIT = (
    "epochs", "batch_size", "learning_rate", "weight_decay", "seed", "augment", "views",
    "optimiser", "schedule",
)  # fmt: skip


def script(record: Mapping[str, Any]) -> str:
    """Python source that repeats the run of `record`: same pictures, settings and knob moves.

    What the record cannot know - a network, method or data set that was handed over as an object
    and not by name - is left as a line to fill in.
    """
    config = record["config"]
    settings = {k: config[k] for k in FIT if k in config} | {"precision": record["precision"]}
    lines = [
        f'"""The run of {record["result"]["test_accuracy"]:.1%} test accuracy, again."""',
        "",
        "from labkit import data, training",
        "",
        _dataset(config),
        *(_named(name, config) for name in ("student", "teacher", "method")),
        "control = training.Control(",
        *(f"    {line}," for line in _knobs(record)),
        ")",
        "events = training.distill(",
        "    student, teacher, method, dataset, control=control,",
        *(f"    {name}={value!r}," for name, value in settings.items()),
        ")",
        "record = training.run(events)",
        'print(record["result"])',
    ]
    return "\n".join(lines) + "\n"


def _dataset(config: Mapping[str, Any]) -> str:
    if "data" not in config:
        return "dataset = ...  # fill in: the pictures were not loaded by data.load"
    name, rest = config["data"]["name"], {k: v for k, v in config["data"].items() if k != "name"}
    return f"dataset = data.load({name!r}{''.join(f', {k}={v!r}' for k, v in rest.items())})"


def _named(part: str, config: Mapping[str, Any]) -> str:
    if part in config:
        return f"{part} = {config[part]!r}"
    if part == "teacher":
        return "teacher = None  # fill in if the run had one: it had no name"
    return f"{part} = ...  # fill in: it was handed over as an object, without a name"


def _knobs(record: Mapping[str, Any]) -> list[str]:
    moves = [repr(dict(change)) for change in record["knob_changes"]]
    log = ["[" + ", ".join(moves) + "]"] if moves else []
    return log + [f"{name}={value!r}" for name, value in record["config"]["knobs"].items()]
