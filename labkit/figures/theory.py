"""Lab 03's theory: how often negatives collide, and a bound that blocks tighten."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from labkit.evaluation.theory import Sides, collision_probability
from labkit.figures import style

OTHERS = (10, 100)  # classes drawn beside yours


def collisions(classes: int, negatives: int) -> go.Figure:
    """The chance of at least one negative of the anchor's class, over K; yours is marked."""
    ks = sorted({round(2 ** (n / 4)) for n in range(45)})
    curves = [classes, *(c for c in OTHERS if c != classes)]
    lines = [
        style.line(n, x=ks, y=[collision_probability(c, k) for k in ks], name=f"C = {c:,}")
        for n, c in enumerate(curves)
    ]
    here, expected = collision_probability(classes, negatives), negatives / classes
    marker = {"size": 11, "color": style.COLOURS["black"], "symbol": "diamond"}
    dot = {"type": "scatter", "mode": "markers", "x": [negatives], "y": [here], "marker": marker}
    return style.figure(
        [*lines, dot | {"name": "yours"}],
        title="At least one negative of the anchor's own class",
        x={"title": "negatives K (log)", "type": "log", "dtick": 1, "range": [-0.05, 3.4]},
        y={"title": "probability", "range": [-0.03, 1.03], "tickformat": ".0%"},
        height=390,
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        caption=f"With {classes:,} classes and {negatives:,} negatives the chance of a collision "
        f"is {here:.1%}; {expected:.3g} negatives of the anchor's class are expected.",
    )


def bound(blocks: Sequence[int], sides: Sequence[Sides], *, classes: int, block: int) -> go.Figure:
    """Both sides of Arora et al.'s bound over the block size; yours is framed by a line."""
    x = [math.log2(b) for b in blocks]
    named = {
        "L_un, contrastive loss": [s.unsupervised for s in sides],
        "(L_un - tau) / (1 - tau), the bound": [s.bound for s in sides],
        "L_sup, mean classifier": [s.supervised for s in sides],
    }
    lines = [
        style.line(n, x=x, y=y, name=name, mode="lines+markers")
        | {"marker": {"symbol": style.MARKERS[n], "size": 8}}
        for n, (name, y) in enumerate(named.items())
    ]
    here = sides[list(blocks).index(block)]
    at, grey = math.log2(block), {"color": style.COLOURS["grey"], "dash": "dot", "width": 2}
    mark = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": grey}
    return style.figure(
        lines,
        title=f"A guarantee, and how loose it is (C = {classes}, hinge loss)",
        x={"title": "block size b", "tickvals": x, "ticktext": [f"{b}" for b in blocks]},
        y={"title": "loss", "rangemode": "tozero"},
        height=400,
        margin={"l": 64, "r": 20, "t": 104, "b": 52},
        shapes=[mark],
        caption=f"At b = {block} the bound allows {here.bound:.3f} and the classifier has "
        f"{here.supervised:.3f}; collided pairs cost {here.collided:.2f} on average, at least 1 "
        f"in theory, and happen with tau = {here.collisions:.3g}.",
    )
