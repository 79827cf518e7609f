"""What a mission waits for: hooks around answers, outside events, and going to sleep."""

from __future__ import annotations

import sys

from gonogo import approvals, events
from gonogo.runs import Run
from tests.crash.points import around


def hook() -> None:
    """Put hooks around every wait."""
    around(Run, "park", "park")
    around(events, "_sign_for", "event receipt")
    for owner, name, point in ((approvals, "answer_gate", "answer"), (events, "deliver", "event")):
        whole = getattr(owner, name)
        around(owner, name, point)
        # Whoever has imported the function by name is given the hooked one.
        for module in [each for each in list(sys.modules.values()) if getattr(each, name, None) is whole]:
            setattr(module, name, getattr(owner, name))
