"""Say what is installed here, what to mend and what to expect.

The exit status is 1 if something is amiss.
"""

import argparse
from dataclasses import asdict

from labkit.commands import Answer

EXAMPLES = """
  labkit doctor                               versions, device, memory, speed
  labkit doctor --quick                       the same without timing anything
  labkit doctor --json | jq .problems
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="time nothing")


def main(options: argparse.Namespace) -> Answer:
    from labkit import training

    report = training.doctor(quick=options.quick)
    data = {
        "summary": report.summary,
        "problems": [asdict(row) for row in report.problems],
        "notes": [asdict(row) for row in report.rows("note")],
        "facts": report.facts,
    }
    return Answer(str(report), data, status=int(bool(report.problems)))
