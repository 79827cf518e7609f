"""gonogo: mission control for AI agents. Mission, gates, evidence, drift loop.

Everything an author calls is here, and imported when it is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gonogo.agents.agent import agent
    from gonogo.agents.delegation import assignment
    from gonogo.cards import quoted, shown
    from gonogo.criteria import criterion
    from gonogo.events import receive
    from gonogo.evidence.scopes import branch
    from gonogo.exceptions import record_exception
    from gonogo.gates import gate
    from gonogo.missions import mission
    from gonogo.model import Budget, Content, Measure, Noun, Outcome, Trusted
    from gonogo.personal import Personal
    from gonogo.reaches import Reach
    from gonogo.routes import route
    from gonogo.steps import step
    from gonogo.testing import rehearse
    from gonogo.tools import tool
    from gonogo.undos import compensate, irreversible, reversible

_HOMES = {
    "Budget": "model",
    "Content": "model",
    "Measure": "model",
    "Noun": "model",
    "Outcome": "model",
    "Personal": "personal",
    "Reach": "reaches",
    "Trusted": "model",
    "agent": "agents.agent",
    "assignment": "agents.delegation",
    "branch": "evidence.scopes",
    "compensate": "undos",
    "criterion": "criteria",
    "gate": "gates",
    "irreversible": "undos",
    "mission": "missions",
    "quoted": "cards",
    "receive": "events",
    "record_exception": "exceptions",
    "rehearse": "testing",
    "reversible": "undos",
    "route": "routes",
    "shown": "cards",
    "step": "steps",
    "tool": "tools",
}

__all__ = [
    "Budget",
    "Content",
    "Measure",
    "Noun",
    "Outcome",
    "Personal",
    "Reach",
    "Trusted",
    "agent",
    "assignment",
    "branch",
    "compensate",
    "criterion",
    "gate",
    "irreversible",
    "mission",
    "quoted",
    "receive",
    "record_exception",
    "rehearse",
    "reversible",
    "route",
    "shown",
    "step",
    "tool",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home the first time it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'gonogo' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"gonogo.{home}"), name)
