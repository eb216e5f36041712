"""Time this machine: ours beside the plain way, in one run; minutes."""

import argparse
import json
from pathlib import Path

from labkit.commands import Answer

EXAMPLES = """
  labkit bench                                steps, whole loops, what each method costs
  labkit bench --out data/reference/speed.json
  labkit bench data                           images/s beside torchvision's loader
  labkit bench crd                            CRD's loss beside the official formulation
  labkit bench --json | jq .train_loop.resnet20.ratio
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    what = "training (the default); data: batches, drawing and reading; crd: its loss"
    parser.add_argument(
        "what", nargs="?", choices=("training", "data", "crd"), default="training", help=what
    )
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")


def main(options: argparse.Namespace) -> Answer:
    import yaml

    if options.what == "training":
        from labkit.training.bench import bench

        result = bench()
    elif options.what == "crd":
        from labkit.training.bench_crd import crd

        result = crd()
    else:
        from labkit.training.bench_data import bench_data

        result = bench_data()
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = yaml.safe_dump(result, sort_keys=False, default_flow_style=None, width=120)
    return Answer(text.rstrip(), result)
