"""What a lab's cells call, so that they say only what the paper says.

Rooms: data, models, losses, training, evaluation, figures, widgets, exercises.
Each loads when it is first used, so `import labkit` costs next to nothing and a machine
without plotly or ipywidgets can train.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"
ROOMS = ("data", "models", "losses", "training", "evaluation", "figures", "widgets", "exercises")
__all__ = [*ROOMS, "__version__"]


def __getattr__(name: str) -> ModuleType:
    if name in ROOMS:
        return importlib.import_module(f"labkit.{name}")
    raise AttributeError(f"labkit has no room {name!r}; it has {', '.join(ROOMS)}")
