"""Sliders onto figures, and a panel that trains while you watch."""

from labkit.widgets.controls import alpha, choice, negatives, slider, switch, temperature, text
from labkit.widgets.data import DataPanel, data_panel
from labkit.widgets.doctor import DoctorPanel, doctor
from labkit.widgets.explore import ExplorePanel, explore
from labkit.widgets.live import live, update
from labkit.widgets.panel import Panel
from labkit.widgets.predict import PredictPanel, predict, predict_choice
from labkit.widgets.show import show
from labkit.widgets.training import TrainingPanel

__all__ = [
    "DataPanel",
    "DoctorPanel",
    "ExplorePanel",
    "Panel",
    "PredictPanel",
    "TrainingPanel",
    "alpha",
    "choice",
    "data_panel",
    "doctor",
    "explore",
    "live",
    "negatives",
    "predict",
    "predict_choice",
    "show",
    "slider",
    "switch",
    "temperature",
    "text",
    "update",
]
