"""A figure without sliders, shown like the others: one shared script, and its sentence below."""

import plotly.graph_objects as go

from labkit.widgets.explore import ExplorePanel, explore


def show(figure: go.Figure, *, name: str) -> ExplorePanel:
    """A panel that holds one figure; the same name closes the panel made before."""
    return explore(lambda: figure, name=name)
