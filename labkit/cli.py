"""The labkit command: open and run the labs, train, sweep and time, look around."""

import argparse
import importlib
import json
import math
import sys
from contextlib import redirect_stdout
from typing import Any

from labkit.commands import Answer

COMMANDS = ("open", "run", "doctor", "progress", "fetch", "teach", "sweep", "bench", "card")
RESUMABLE = ("fetch", "sweep", "teach")
EXAMPLES = """examples:
  labkit open 01                              lab 01 in JupyterLab
  labkit run 01 -p TEMPERATURE 8              lab 01 from top to bottom, at another temperature
  labkit doctor                               versions, device, speed; 1 if something is amiss
  labkit progress --html card.html            what you have done so far, to print or hand in
  labkit fetch cifar10                        bring CIFAR-10 into the local store
  labkit teach resnet20                       train a teacher into data/teachers
  labkit sweep data/reference/lab01.yaml      run what is missing, then write the summary
  labkit bench                                how fast this machine trains, beside the plain way

labkit COMMAND --help shows more. Exit status: 0 done, 1 it failed or something is amiss,
2 a mistake on the command line, 130 interrupted.
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse and run; 0 on success, 1 when the work failed or is not well, 2 on a usage error."""
    options = _parser().parse_args(arguments)
    try:
        answer = _quietly(options) if options.json else options.main(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        more = "; the same command goes on from here" if options.command in RESUMABLE else ""
        print(f"labkit: interrupted{more}", file=sys.stderr)
        return 130
    shown = json.dumps(finite(answer.data), indent=1) if options.json else answer.text
    if shown:
        print(shown)
    return answer.status


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="labkit", description=__doc__, epilog=EXAMPLES, formatter_class=form
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"labkit.commands.{name}")
        command = commands.add_parser(
            name,
            help=_first(module.__doc__ or ""),
            description=module.__doc__,
            epilog=f"examples:\n{module.EXAMPLES.strip(chr(10))}",
            formatter_class=form,
        )
        module.arguments(command)
        command.set_defaults(main=module.main, json=False)
        if name != "open":  # JupyterLab has no result
            command.add_argument("--json", action="store_true", help="the result as JSON, alone")
    return parser


def _first(doc: str) -> str:
    line = doc.partition("\n")[0].rstrip(".")
    return line[:1].lower() + line[1:]


def _quietly(options: argparse.Namespace) -> Answer:
    """Whatever the work prints goes to stderr: stdout is for the JSON alone."""
    with redirect_stdout(sys.stderr):
        return options.main(options)


def finite(value: Any) -> Any:
    """The same with None for numbers JSON has no word for: NaN, and infinite intervals."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    sys.exit(main())
