"""Train a teacher on Motif-100 and ship it."""

import argparse
import sys
from typing import Any

from labkit.commands import Answer

EXAMPLES = """
  labkit teach resnet20                       into data/teachers
  labkit teach resnet20 --data motif100-exact
  labkit teach resnet56 --batch-size 64 --learning-rate 0.1

Interrupted, the same command goes on where it was.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a name of labkit.models.MODELS")
    parser.add_argument("--data", default="motif100", choices=("motif100", "motif100-exact"))
    parser.add_argument("--train", type=int, default=20_000, help="training pictures (20000)")
    parser.add_argument("--test", type=int, default=10_000, help="test pictures (10000)")
    parser.add_argument("--epochs", type=int, default=14, help="14 unless given")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)


def main(options: argparse.Namespace) -> Answer:
    from labkit import data, models, training
    from labkit.data import store
    from labkit.errors import unknown
    from labkit.training import checkpoints

    if options.model not in models.MODELS:  # said before the pictures are drawn
        raise unknown("model", options.model, models.MODELS)
    exact = options.data == "motif100-exact"
    name = f"{options.model}-exact" if exact else options.model
    # seed 1: the students' pictures (seed 0) are new to the teacher
    dataset = data.load(options.data, train=options.train, val=500, test=options.test, seed=1)
    model = models.build(options.model, dataset.classes, seed=options.seed)
    folder = store.folder() / f"teach-{name}"
    events = training.fit(
        model,
        training.cross_entropy,
        dataset,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        seed=options.seed,
        augment="none" if exact else "crop-flip",  # a moved picture has another posterior
        device=training.pick_device(),
        checkpoint=folder,
    )
    record = training.run(events, on_event=_progress)
    card = {
        "model": options.model,
        "classes": dataset.classes,
        "parameters": models.parameters(model),
        **record,
        "data": {"name": options.data, "train": options.train, "seed": 1},
    }
    path = models.save_teacher(name, model, card)
    shipped = training.examine(models.load_teacher(name), dataset)
    models.save_teacher(name, model, card | {"shipped": shipped})
    checkpoints.clear(folder)
    return Answer(f"wrote {path}", {"teacher": str(path), "result": record["result"] | shipped})


def _progress(event: Any) -> None:
    from labkit.training import Checkpoint, Evaluation

    if isinstance(event, Checkpoint) and event.problem:
        print(event.problem, file=sys.stderr, flush=True)
    if isinstance(event, Evaluation):
        accuracy = event.metrics["accuracy"]
        print(f"epoch {event.epoch:.0f}: {accuracy:.1%}", file=sys.stderr, flush=True)
