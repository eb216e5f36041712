"""Run a lab from top to bottom with other parameters, and keep the executed notebook."""

import argparse
import sys
from pathlib import Path

from labkit.commands import Answer, need

EXAMPLES = """
  labkit run 01                               lab 01 as it stands
  labkit run 01 -p TEMPERATURE 8 -p BUDGET lecture
  labkit run 01 --solution --out solved.ipynb
  labkit run 01 --list                        its parameters and their defaults
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lab", help="number, name such as 01_dark_knowledge, or a file")
    parser.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter; numbers, True, False and None are read as such",
    )  # fmt: skip
    parser.add_argument("--solution", action="store_true", help="the notebook with its solutions")
    parser.add_argument("--out", type=Path, help="where the result goes; a file in runs/ otherwise")
    parser.add_argument("--list", action="store_true", help="only list the parameters")


def main(options: argparse.Namespace) -> Answer:
    from labkit import notebooks

    for package in ("papermill", "ipykernel"):
        need(package, "'labkit run'")
    lab = notebooks.find(options.lab, solution=options.solution)
    if options.list:
        defaults = notebooks.parameters(lab)
        lines = [f"{name} = {value!r}" for name, value in defaults.items()]
        return Answer("\n".join(lines), {"lab": lab.stem, "parameters": defaults})
    chosen = {name: notebooks.typed(value) for name, value in options.parameters}
    result = notebooks.run(lab, chosen, options.out)
    data = {"lab": lab.stem, "parameters": chosen, "notebook": str(result.path)}
    if result.error is None:
        return Answer(f"wrote {result.path}", data)
    print(result.error, file=sys.stderr)
    print(f"labkit: {lab.stem} failed; what it got to is in {result.path}", file=sys.stderr)
    return Answer("", {**data, "error": result.error}, status=1)
