"""Formulas as MathML, which browsers draw themselves: no script and no fonts to fetch."""

import xml.etree.ElementTree as ElementTree
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

NAMES = {"log", "exp", "cos", "sin", "min", "max", "sup"}
OPERATORS = {"mo", "mspace"}  # they bring their own distance
SPACE = {"width": "0.17em"}
RENAMED = {"negativethinmathspace": "-0.17em"}  # a name that browsers no longer know
NORM = "\N{DOUBLE VERTICAL LINE}"
MATHML = "http://www.w3.org/1998/Math/MathML"

ElementTree.register_namespace("", MATHML)


def mathml(latex: str, block: bool = False) -> str:
    """A formula as a <math> element."""
    tree = ElementTree.fromstring(convert(latex, display="block" if block else "inline"))
    for element in list(tree.iter()):
        if element.get("width") in RENAMED:
            element.set("width", RENAMED[element.attrib["width"]])
        if element.text == NORM:
            element.set("stretchy", "false")  # one with an exponent would not grow with its partner
        if _plain(element) == "mrow":
            _space(element)
    return ElementTree.tostring(tree, encoding="unicode")


def _space(row: ElementTree.Element) -> None:
    """Let a named function in a row stand off from its neighbours, unless they are operators."""
    for place in range(len(row) - 1, 0, -1):
        pair = row[place - 1 : place + 1]
        if any(map(_names, pair)) and not any(map(_operates, pair)):
            row.insert(place, ElementTree.Element(f"{{{MATHML}}}mspace", SPACE))


def _names(element: ElementTree.Element) -> bool:
    """Whether it is a named function, with or without something under it."""
    return _first(element).text in NAMES


def _operates(element: ElementTree.Element) -> bool:
    return _plain(_first(element)) in OPERATORS and not _names(element)


def _first(element: ElementTree.Element) -> ElementTree.Element:
    while len(element):
        element = element[0]
    return element


def _plain(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{MATHML}}}")


def inline(self: Any, node: nodes.math) -> None:
    """Sphinx's visitor of a formula in a line."""
    self.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def displayed(self: Any, node: nodes.math_block) -> None:
    """Sphinx's visitor of a formula of its own."""
    self.body.append(f'<div class="math">{mathml(node.astext(), block=True)}</div>\n')
    raise nodes.SkipNode
