"""Train a teacher and ship it."""

import argparse
import sys
from typing import Any

from labkit.commands import Answer

EXAMPLES = """
  labkit teach resnet20                       into data/teachers
  labkit teach resnet20 --data motif100-exact
  labkit teach resnet56 --batch-size 64 --learning-rate 0.1
  labkit teach resnet56 --data cifar100 --recipe repdistiller
                                              into data/teachers as resnet56-cifar100

Interrupted, the same command goes on where it was.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a name of labkit.models.MODELS")
    parser.add_argument("--data", default="motif100", help="what `data.load` takes (motif100)")
    parser.add_argument("--train", type=int, help="training pictures (20000; real ones: all)")
    parser.add_argument("--test", type=int, help="test pictures (10000; real ones: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", help="a published one, in place of the next three options")
    parser.add_argument("--epochs", type=int, default=14, help="14 unless given")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.2)


def main(options: argparse.Namespace) -> Answer:
    from labkit import models, training
    from labkit.data import store
    from labkit.errors import unknown
    from labkit.training import checkpoints

    if options.model not in models.MODELS:  # said before the pictures are drawn
        raise unknown("model", options.model, models.MODELS)
    name, dataset = _name(options.model, options.data), _pictures(options)
    model = models.build(options.model, dataset.classes, seed=options.seed)
    folder = store.folder() / f"teach-{name}"
    events = training.fit(
        model,
        training.cross_entropy,
        dataset,
        **_settings(options),
        seed=options.seed,
        device=training.pick_device(),
        checkpoint=folder,
    )
    record = training.run(events, on_event=_progress)
    card = {
        "model": options.model,
        "classes": dataset.classes,
        "parameters": models.parameters(model),
        **record,
        "data": {k: v for k, v in dataset.arguments.items() if k in ("name", "train", "seed")},
    }
    path = models.save_teacher(name, model, card)
    shipped = training.examine(models.load_teacher(name), dataset)
    models.save_teacher(name, model, card | {"shipped": shipped})
    checkpoints.clear(folder)
    return Answer(f"wrote {path}", {"teacher": str(path), "result": record["result"] | shipped})


def _name(model: str, source: str) -> str:
    """Motif-100's teachers are called as their network; others have the data set's name, too."""
    if source == "motif100":
        return model
    return f"{model}-{source.removeprefix('motif100-').rstrip('/').split(':')[-1].split('/')[-1]}"


def _pictures(options: argparse.Namespace) -> Any:
    from labkit import data

    if not options.data.startswith("motif100"):
        return data.load(options.data, train=options.train, test=options.test)
    train, test = options.train or 20_000, options.test or 10_000
    # seed 1: the students' pictures (seed 0) are new to the teacher
    return data.load(options.data, train=train, val=500, test=test, seed=1)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of `fit`: the recipe's, or those of the options."""
    from labkit.training.recipes import recipe

    if options.recipe:
        return recipe(options.recipe).settings(options.model)
    moved = options.data != "motif100-exact"  # a moved picture has another posterior
    chosen = {k: getattr(options, k) for k in ("epochs", "batch_size", "learning_rate")}
    return {"augment": "crop-flip" if moved else "none", **chosen}


def _progress(event: Any) -> None:
    from labkit.training import Checkpoint, Evaluation

    if isinstance(event, Checkpoint) and event.problem:
        print(event.problem, file=sys.stderr, flush=True)
    if isinstance(event, Evaluation):
        accuracy = event.metrics["accuracy"]
        print(f"epoch {event.epoch:.0f}: {accuracy:.1%}", file=sys.stderr, flush=True)
