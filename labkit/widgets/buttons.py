"""The buttons of a training panel and the clock that drives it where threads cannot draw."""

import ipywidgets

LOOKS = {
    "start": ("Start", "play", "a new run with the knobs as they are; earlier curves stay"),
    "stop": ("Stop", "pause", "pause after the current step"),
    "resume": ("Resume", "forward", "go on exactly where it stopped"),
    "step": ("Step", "step-forward", "one optimiser step"),
    "export": ("Export", "download", "write the finished run's record (JSON) and Python script"),
}


def buttons() -> dict[str, ipywidgets.Button]:
    """Action -> its button, in reading order."""
    return {
        name: ipywidgets.Button(description=text, icon=icon, tooltip=tip, layout={"width": "7.5em"})
        for name, (text, icon, tip) in LOOKS.items()
    }


def enable(widgets: dict[str, ipywidgets.Widget], state: str) -> None:
    """Only what can be done in `state` can be pressed."""
    can = {
        "stop": state == "running",
        "resume": state == "paused",
        "step": state != "running",
        "export": state == "done",
    }
    for action, possible in can.items():
        widgets[action].disabled = not possible


def play() -> ipywidgets.Play:
    """The clock of the "tick" driver."""
    return ipywidgets.Play(interval=100, min=0, max=1_000_000_000, description="training clock")


def playing(clock: ipywidgets.Play) -> str:
    """The trait that says whether it plays: public since ipywidgets 8."""
    return "playing" if clock.has_trait("playing") else "_playing"
