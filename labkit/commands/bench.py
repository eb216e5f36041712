"""Time this machine: ours beside the plain way, in one run; minutes."""

import argparse
import json
from pathlib import Path

from labkit.commands import Answer
from labkit.errors import unknown

EXAMPLES = """
  labkit bench                                steps, whole loops, what each method costs
  labkit bench --out data/reference/speed.json
  labkit bench data                           images/s beside torchvision's loader
  labkit bench crd                            CRD's loss beside the official formulation
  labkit bench data/reference/lab06.yaml      what each row of a sweep adds to a step
  labkit bench --json | jq .train_loop.resnet20.ratio
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    what = "training (the default); data: batches, drawing and reading; crd: its loss; "
    what += "or a sweep's YAML file: milliseconds and memory of each row"
    parser.add_argument("what", nargs="?", default="training", help=what)
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")


def main(options: argparse.Namespace) -> Answer:
    import yaml

    if options.what == "training":
        from labkit.training.bench import bench

        result = bench()
    elif options.what == "crd":
        from labkit.training.bench_crd import crd

        result = crd()
    elif options.what == "data":
        from labkit.training.bench_data import bench_data

        result = bench_data()
    elif options.what.endswith(".yaml"):
        from labkit.training.bench_rows import rows

        result = rows(yaml.safe_load(Path(options.what).read_text(encoding="utf-8")))
    else:
        raise unknown("bench", options.what, ("training", "data", "crd", "a YAML file"))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = yaml.safe_dump(result, sort_keys=False, default_flow_style=None, width=120)
    return Answer(text.rstrip(), result)
