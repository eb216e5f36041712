"""The labkit command: train the teachers that ship, run the sweeps the labs quote, look around."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

EXAMPLES = """examples:
  labkit doctor                               versions, device, speed; 1 if something is amiss
  labkit teach resnet20                       train a teacher into data/teachers
  labkit bench --out data/reference/speed.json
  labkit bench data                           images/s beside torchvision's loader
  labkit fetch cifar10                        bring CIFAR-10 into the local store
  labkit sweep data/reference/lab01.yaml      run what is missing, then write the summary
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse and run; 0 on success, 2 on a usage error, 1 when the work failed or is not well."""
    parser = argparse.ArgumentParser(
        prog="labkit",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    teach = commands.add_parser("teach", help="train a teacher on Motif-100 and ship it")
    teach.add_argument("model")
    teach.add_argument("--data", default="motif100", choices=("motif100", "motif100-exact"))
    teach.add_argument("--train", type=int, default=20_000)
    teach.add_argument("--epochs", type=int, default=14)
    teach.add_argument("--seed", type=int, default=0)
    teach.set_defaults(do=_teach)
    sweep = commands.add_parser("sweep", help="run a sweep; resumes where it stopped")
    sweep.add_argument("spec", type=Path)
    sweep.set_defaults(do=_sweep)
    card = commands.add_parser("card", help="count and draw what Motif-100's data card shows")
    card.set_defaults(do=_card)
    bench = commands.add_parser("bench", help="speed beside the plain way, on this machine")
    what = "training steps (the default), or data: batches, drawing and reading (minutes)"
    bench.add_argument(
        "what", nargs="?", choices=("training", "data"), default="training", help=what
    )
    bench.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    bench.set_defaults(do=_bench)
    fetch = commands.add_parser("fetch", help="bring CIFAR into the local store, as before a class")
    fetch.add_argument("name", choices=("cifar10", "cifar100", "cifar10h"))
    fetch.add_argument("--source", choices=("auto", "hub", "archive"), default="auto")
    fetch.set_defaults(do=_fetch)
    doctor = commands.add_parser("doctor", help="what is installed, and what to mend or expect")
    doctor.add_argument("--quick", action="store_true", help="time nothing")
    doctor.set_defaults(do=_doctor)
    options = parser.parse_args(arguments)
    try:
        return options.do(options) or 0
    except (ValueError, OSError) as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("labkit: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _teach(options: argparse.Namespace) -> None:
    from labkit import data, models, training

    device = training.pick_device()
    # seed 1: the students' pictures (seed 0) are new to the teacher
    dataset = data.load(options.data, train=options.train, val=500, test=2000, seed=1)
    exact = options.data == "motif100-exact"
    model = models.build(options.model, dataset.classes, seed=options.seed)
    events = training.fit(
        model,
        training.cross_entropy,
        dataset,
        epochs=options.epochs,
        batch_size=128,
        learning_rate=0.2,
        seed=options.seed,
        augment="none" if exact else "crop-flip",  # a moved picture has another posterior
        device=device,
    )
    record = training.run(events, on_event=_progress)
    card = {
        "model": options.model,
        "classes": dataset.classes,
        "parameters": models.parameters(model),
        **record,
        "data": {"name": options.data, "train": options.train, "seed": 1},
    }
    name = f"{options.model}-exact" if exact else options.model
    print(f"wrote {models.save_teacher(name, model, card)}")


def _progress(event: Any) -> None:
    from labkit.training import Evaluation

    if isinstance(event, Evaluation):
        print(
            f"epoch {event.epoch:.0f}: {event.metrics['accuracy']:.1%}", file=sys.stderr, flush=True
        )


def _sweep(options: argparse.Namespace) -> None:
    import yaml

    from labkit.training.sweep import summarise, sweep

    spec = yaml.safe_load(options.spec.read_text(encoding="utf-8"))
    runs = options.spec.with_suffix(".jsonl")
    records = sweep(spec, runs)
    out = options.spec.with_suffix(".json")
    against = {k: row["against"] for k, row in spec["rows"].items() if "against" in row}
    table = {"spec": spec, "versions": records[0]["versions"]}
    table |= summarise(records, spec["baseline"], against)
    out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out} from {len(records)} runs in {runs}")


def _card(options: argparse.Namespace) -> None:
    from labkit.training import card
    from labkit.training.records import REFERENCE

    path = REFERENCE / "motif100-facts.json"
    path.write_text(json.dumps(card.facts(), indent=1) + "\n", encoding="utf-8")
    for written in (path, *card.draw(REFERENCE.parent / "cards")):
        print(f"wrote {written}")


def _bench(options: argparse.Namespace) -> None:
    if options.what == "training":
        from labkit.training.bench import bench

        result = bench()
    else:
        from labkit.training.bench_data import bench_data

        result = bench_data()
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def _fetch(options: argparse.Namespace) -> None:
    from labkit import data

    if options.name == "cifar10h":
        print(f"cifar10h: {len(data.cifar10h())} test pictures")
        return
    found = data.load(options.name, source=options.source)
    sizes = ", ".join(f"{len(found.split(part))} {part}" for part in ("train", "val", "test"))
    print(f"{options.name}: {sizes}")


def _doctor(options: argparse.Namespace) -> int:
    from labkit import training

    report = training.doctor(quick=options.quick)
    print(report)
    return int(bool(report.problems))


if __name__ == "__main__":
    sys.exit(main())
