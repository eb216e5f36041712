"""Bring a figure to another number of lines without ever leaving it empty."""

import plotly.graph_objects as go


def grow(widget: go.FigureWidget, figure: go.Figure) -> None:
    """If `figure` has another number of traces, put its traces in the place of the widget's.

    The new come before the old go: in a figure without traces the browser finds no ranges for
    the axes, and complains.
    """
    old = len(widget.data)
    if old != len(figure.data):
        widget.add_traces(list(figure.data))
        widget.data = widget.data[old:]
