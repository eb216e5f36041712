"""Open JupyterLab on the labs, or on one of them."""

import argparse

from labkit.commands import Answer, need

EXAMPLES = """
  labkit open                                 the folder of labs
  labkit open 01                              lab 01; its number or name
  labkit open 01 --no-browser --port 8890     on a machine without a screen: prints the address
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lab", nargs="?", help="number or name of a lab; none opens the folder")
    parser.add_argument("--port", type=int, help="8888 or the next free one unless given")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


def main(options: argparse.Namespace) -> Answer:
    """JupyterLab takes over this process until Ctrl-C is pressed twice."""
    from labkit import notebooks

    flags = notebooks.server_flags(options.lab, port=options.port, browser=not options.no_browser)
    need("jupyterlab", "'labkit open'")
    from jupyterlab.labapp import main as serve  # type: ignore[import-untyped]

    return Answer(status=serve(flags) or 0)
