"""Criteria: what must hold before a step begins, after it, or of what an agent answers; named, pure, in a sentence.

A criterion decides nothing about cases; routes and the law do. It says what makes an input or a
result usable at all, and a broken one is a failure that names it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gonogo.errors import CriterionBroken, MissionMisdefined
from gonogo.evidence.canon import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Side = Literal["entry", "exit", "output"]
"""Before a step, after it, or of an agent's answer."""

RESULT = "result"
"""The parameter under which a criterion is given what came out."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that must hold."""

    name: str
    sentence: str
    """What holds, as people say it: ``the amount is positive``."""
    function: Callable[..., bool]
    parameters: tuple[str, ...]

    def objection(self, given: Mapping[str, Any]) -> str | None:
        """Return why it does not hold, or ``None``; what cannot be checked does not hold."""
        try:
            held = self.function(**{name: given[name] for name in self.parameters})
        except Exception as error:  # noqa: BLE001 - whatever it raises, it did not say that it holds
            return (
                f"{self.name} could not be checked ({type(error).__name__}), and {self.sentence} is not known to hold"
            )
        return None if held is True else f"{self.name} is broken: {self.sentence} does not hold"


def criterion(sentence: str) -> Callable[[Callable[..., bool]], Criterion]:
    """Make a pure function a criterion.

    Its parameters are named after what it looks at: arguments of the step, and ``result``. It
    returns ``True`` where the sentence holds; anything else, an error included, is broken.

    Args:
        sentence: what holds, without a full stop: ``the amount is positive``.

    Raises:
        MissionMisdefined: it has no sentence, is async, or takes nothing to look at.

    """

    def define(function: Callable[..., bool]) -> Criterion:
        name = function.__name__
        parameters = tuple(inspect.signature(function).parameters)
        if not sentence.strip() or not parameters or inspect.iscoroutinefunction(function):
            raise MissionMisdefined(
                f"The criterion {name} is a plain function of what it looks at, with a sentence that says what holds.",
            )
        return Criterion(name, sentence.rstrip("."), function, parameters)

    return define


def refuse_misfits(owner: str, side: Side, criteria: Sequence[Criterion], known: Sequence[str]) -> None:
    """Refuse criteria that look at what is not there.

    Raises:
        MissionMisdefined: the message names the criterion and what it wants.

    """
    for each in criteria:
        stray = [name for name in each.parameters if name not in known]
        if stray:
            raise MissionMisdefined(
                f"The {side} criterion {each.name} of {owner} looks at {', '.join(stray)}; "
                f"there is only {', '.join(known) or 'nothing'}.",
            )


def check(owner: str, side: Side, criteria: Sequence[Criterion], given: Mapping[str, Any]) -> None:
    """Check criteria in their order.

    Raises:
        CriterionBroken: the first that does not hold; the message names it.

    """
    for each in criteria:
        objection = each.objection(given)
        if objection is not None:
            raise CriterionBroken(plain_text(f"{owner}: the {side} criterion {objection}."))
