"""Undos: how a tool says what takes its effect back, what makes good for it, or why nothing can.

A declaration is data, not code: which tool, and which of its arguments comes from where. So it can be
checked when the tool is defined, read by whoever reviews it, and followed long after the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel

from gonogo.errors import MissionMisdefined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.tools import Tool

UndoKind = Literal["reversible", "compensate", "irreversible"]
"""It can be taken back; something else makes good for it; or neither."""

REASON = "rollback.reason"
"""The source of an argument that says why it is undone."""


@dataclass(frozen=True, slots=True)
class Undo:
    """How the effect of a tool is undone."""

    kind: UndoKind
    tool: Tool[Any, Any] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    """For each argument of that tool its source: ``args.NAME``, ``result``, ``result.NAME`` or ``rollback.reason``."""
    why: str = ""
    """Why nothing can be done; irreversible only."""

    def arguments_of(self, call: dict[str, Any], result: Any, reason: str) -> dict[str, Any]:
        """Return what the undoing tool is called with, as plain JSON; what the call left out is left out.

        Raises:
            KeyError: the recorded result lacks a field that is needed.

        """
        found: dict[str, Any] = {}
        for name, source in self.arguments.items():
            where, _, part = source.partition(".")
            if source == REASON:
                found[name] = reason
            elif where == "args":
                if call.get(part) is not None:
                    found[name] = call[part]
            else:
                found[name] = result[part] if part else result
        return found


def reversible(tool: Tool[Any, Any], **arguments: str) -> Undo:
    """Declare that another tool takes the effect back, as if it had not been.

    Args:
        tool: the inverse, of the same system of record.
        arguments: for each of its arguments where it comes from: ``args.NAME`` of the call that is
            undone, ``result`` or ``result.NAME`` of what it returned, or ``rollback.reason``.

    """
    return Undo("reversible", tool, arguments)


def compensate(tool: Tool[Any, Any], **arguments: str) -> Undo:
    """Declare that the effect stays and another tool makes good for it: a refund, a withdrawal, a correction."""
    return Undo("compensate", tool, arguments)


def irreversible(why: str) -> Undo:
    """Declare that nothing undoes the effect, and say why in one sentence."""
    return Undo("irreversible", why=why)


def refuse_inconsistent(tool: Tool[Any, Any]) -> None:
    """Refuse a declaration that does not hold together.

    Raises:
        MissionMisdefined: the message names the tool and what does not fit.

    """
    undo = tool.undo
    if undo is None:
        return
    if tool.effect == "read":
        raise _wrong(tool, "it only reads, so there is nothing to undo; leave undo out")
    if undo.kind == "irreversible":
        if not undo.why.strip():
            raise _wrong(tool, 'say why nothing undoes it: irreversible("A letter that was sent is read.")')
        return
    if undo.kind == "reversible" and tool.effect == "irreversible":
        raise _wrong(tool, "its effect is irreversible, so it can be made good at most: compensate(...)")
    if undo.tool is not None:
        _refuse_misfit(tool, undo.tool, undo.arguments)


def _refuse_misfit(tool: Tool[Any, Any], inverse: Tool[Any, Any], arguments: Mapping[str, str]) -> None:
    """Refuse an undoing tool that cannot be called from what the evidence will hold."""
    if inverse.effect == "read":
        raise _wrong(tool, f"{inverse.name} only reads and undoes nothing")
    if inverse.system != tool.system:
        raise _wrong(tool, f"{inverse.name} acts on {inverse.system}, not on {tool.system}, where the effect is")
    if not inverse.is_idempotent:
        raise _wrong(tool, f"{inverse.name} is not idempotent, so a rollback could undo twice after a crash")
    takes = inverse.arguments.model_fields
    stray = sorted(set(arguments) - set(takes))
    missing = sorted(name for name, given in takes.items() if given.is_required() and name not in arguments)
    if stray or missing:
        what = f"takes no {', '.join(stray)}" if stray else f"also needs {', '.join(missing)}"
        raise _wrong(tool, f"{inverse.name} {what}")
    for name, source in arguments.items():
        if not _is_source(tool, source):
            raise _wrong(tool, f"{name}={source!r} names nothing that a call of {tool.name} takes or returns")


def _is_source(tool: Tool[Any, Any], source: str) -> bool:
    where, dot, part = source.partition(".")
    if source == REASON or (where == "result" and not dot):
        return True
    if where == "args":
        return part in tool.arguments.model_fields
    kind: Any = tool.result_type
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return where == "result" and is_model and part in cast("type[BaseModel]", kind).model_fields


def _wrong(tool: Tool[Any, Any], what: str) -> MissionMisdefined:
    return MissionMisdefined(f"The undo of the tool {tool.name} does not hold: {what}.")
