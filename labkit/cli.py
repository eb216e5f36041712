"""The labkit command: train the teachers that ship, run the sweeps the labs quote, look around."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

EXAMPLES = """examples:
  labkit doctor                               versions, device, cores
  labkit teach resnet20                       train a teacher into data/teachers
  labkit bench --out data/reference/speed.json
  labkit sweep data/reference/lab01.yaml      run what is missing, then write the summary
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse and run; 0 on success, 2 on a usage error, 1 when the work failed."""
    parser = argparse.ArgumentParser(
        prog="labkit",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    teach = commands.add_parser("teach", help="train a teacher on Motif-100 and ship it")
    teach.add_argument("model")
    teach.add_argument("--train", type=int, default=20_000)
    teach.add_argument("--epochs", type=int, default=14)
    teach.add_argument("--seed", type=int, default=0)
    teach.set_defaults(do=_teach)
    sweep = commands.add_parser("sweep", help="run a sweep; resumes where it stopped")
    sweep.add_argument("spec", type=Path)
    sweep.set_defaults(do=_sweep)
    bench = commands.add_parser("bench", help="speed beside the plain way, on this machine")
    bench.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    bench.set_defaults(do=_bench)
    commands.add_parser("doctor", help="what is installed and where it would run").set_defaults(
        do=_doctor
    )
    options = parser.parse_args(arguments)
    try:
        options.do(options)
    except (ValueError, OSError) as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("labkit: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _teach(options: argparse.Namespace) -> None:
    from labkit import data, models, training

    device = training.pick_device()
    # seed 1: the students' pictures (seed 0) are new to the teacher
    dataset = data.load("motif100", train=options.train, val=500, test=2000, seed=1)
    model = models.build(options.model, dataset.classes, seed=options.seed)
    events = training.fit(
        model,
        training.cross_entropy,
        dataset,
        epochs=options.epochs,
        batch_size=128,
        learning_rate=0.2,
        seed=options.seed,
        device=device,
    )
    record = training.run(events, on_event=_progress)
    card = {
        "model": options.model,
        "classes": dataset.classes,
        "parameters": models.parameters(model),
        **record,
        "data": {"name": "motif100", "train": options.train, "seed": 1},
    }
    print(f"wrote {models.save_teacher(options.model, model, card)}")


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


def _bench(options: argparse.Namespace) -> None:
    from labkit.training.bench import bench

    text = json.dumps(bench(), indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def _doctor(options: argparse.Namespace) -> None:
    from labkit import training

    device = training.pick_device()
    for name, value in training.versions(device).items():
        print(f"{name:10} {value}")


if __name__ == "__main__":
    sys.exit(main())
