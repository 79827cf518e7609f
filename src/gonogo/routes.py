"""Routes: a mission's forks, pure functions that answer a closed word, recorded."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast, get_args, get_origin, get_type_hints

from gonogo.current import current_run, step_fields
from gonogo.errors import MissionMisdefined
from gonogo.evidence.canon import payload_bytes
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import current_scope

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def route(function: Callable[P, R]) -> Callable[P, R]:
    """Make a pure function a fork: asked once in a run, then looked up for ever.

    The function returns a ``Literal``; outside a mission it is the plain function, so that the
    law's terms can be tested by themselves.

    Raises:
        MissionMisdefined: it is async, or its words are not closed.

    """
    words = get_type_hints(function).get("return")
    if inspect.iscoroutinefunction(function) or get_origin(words) is not Literal:
        raise MissionMisdefined(f"The route {function.__name__} must be a plain function that returns a Literal.")

    @functools.wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            run = current_run()
        except MissionMisdefined:
            return function(*args, **kwargs)
        given = payload_bytes(plain([args, kwargs]))
        key = current_scope().claim("route", function.__name__, run.ledger.digest(given))
        recorded = run.ledger.result(key)
        if recorded is not None:
            return cast("R", recorded.data["choice"])
        choice = function(*args, **kwargs)
        if choice not in get_args(words):
            known = ", ".join(map(str, get_args(words)))
            raise MissionMisdefined(f"The route {function.__name__} chose {choice!r}, which is not among {known}.")
        data: dict[str, Any] = {
            "key": key,
            "route": function.__name__,
            "choice": choice,
            "alternatives": list(get_args(words)),
        }
        run.ledger.note("route_record", data, fields=step_fields())
        return choice

    return asked
