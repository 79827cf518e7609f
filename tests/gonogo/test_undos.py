"""Declarations of undoing: checked when the tool is defined, so that a rollback is never the first to find out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from gonogo import compensate, irreversible, reversible, tool
from gonogo.errors import MissionMisdefined
from gonogo.tools import TOOLS
from gonogo.undos import Undo
from tests.gonogo.toy.bank import look_up, open_vault, pay, post_letter, refund, unlabel


class Slip(BaseModel):
    """What a toy tool returns."""

    reference: str


async def misdeclared(account: str, labels: set[str]) -> Slip:
    """Do something."""
    return Slip(reference=account + str(len(labels)))


@pytest.mark.parametrize(
    ("effect", "undo", "told"),
    [
        ("read", irreversible("It was seen."), "only reads, so there is nothing to undo"),
        ("irreversible", reversible(unlabel, account="args.account", labels="args.labels"), "made good at most"),
        ("write", irreversible("  "), "say why nothing undoes it"),
        ("write", reversible(look_up, account="args.account"), "look_up only reads"),
        ("write", compensate(post_letter, payee="args.account", text="args.account"), "is not idempotent"),
        ("write", reversible(unlabel, account="args.account"), "unlabel also needs labels"),
        ("write", reversible(unlabel, account="args.account", labels="args.labels", x="args.account"), "takes no x"),
        ("write", reversible(unlabel, account="args.nobody", labels="args.labels"), "account='args.nobody' names"),
        ("write", reversible(unlabel, account="result.nothing", labels="args.labels"), "names nothing that a call"),
        ("write", reversible(unlabel, account="ada", labels="args.labels"), "names nothing that a call"),
        ("write", reversible(unlabel, account="args", labels="args.labels"), "names nothing that a call"),
        ("write", reversible(open_vault, door="args.account"), "open_vault only reads"),
    ],
)
def test_an_undo_that_does_not_hold_together_is_refused(effect: Any, undo: Undo, told: str) -> None:
    """At definition, with the name of the tool; nothing is defined."""
    with pytest.raises(MissionMisdefined, match="The undo of the tool misdeclared does not hold") as caught:
        tool(system="bank", effect=effect, undo=undo)(misdeclared)
    assert told in str(caught.value)
    assert "misdeclared" not in TOOLS


def test_an_undo_in_another_system_is_refused() -> None:
    """It would be out of the scope of whoever did it."""
    undo = compensate(refund, payee="args.account", amount_cents="args.account", reason="rollback.reason")
    with pytest.raises(MissionMisdefined, match="refund acts on bank, not on post"):
        tool(system="post", effect="write", undo=undo)(misdeclared)


def test_arguments_follow_from_the_call_and_its_result() -> None:
    """What the call left out is left out; a whole result or a field of it may be handed on."""
    undo = Undo(
        "reversible", None, {"a": "args.a", "b": "args.b", "c": "result.c", "d": "result", "e": "rollback.reason"}
    )
    found = undo.arguments_of({"a": 1, "b": None}, {"c": 2}, "why")
    assert found == {"a": 1, "c": 2, "d": {"c": 2}, "e": "why"}
    with pytest.raises(KeyError):
        undo.arguments_of({"a": 1}, {}, "why")


def test_a_tool_says_how_it_is_undone() -> None:
    """Whoever holds the tool can read it."""
    assert pay.undo is not None
    assert (pay.undo.kind, pay.undo.tool) == ("compensate", refund)
    assert look_up.undo is None
