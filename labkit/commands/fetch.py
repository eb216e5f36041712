"""Bring CIFAR into the local store, as before a class."""

import argparse

from labkit.commands import Answer

EXAMPLES = """
  labkit fetch cifar10
  labkit fetch cifar100 --source archive      from its old home instead of the Hugging Face hub
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=("cifar10", "cifar100", "cifar10h"))
    parser.add_argument("--source", choices=("auto", "hub", "archive"), default="auto")


def main(options: argparse.Namespace) -> Answer:
    from labkit import data

    if options.name == "cifar10h":
        sizes = {"test": len(data.cifar10h())}
    else:
        found = data.load(options.name, source=options.source)
        sizes = {part: len(found.split(part)) for part in ("train", "val", "test")}
    text = ", ".join(f"{count} {part}" for part, count in sizes.items())
    return Answer(f"{options.name}: {text}", {"name": options.name, "pictures": sizes})
