"""People at the gates: what they say, and errands that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.approvals import Reply
from tests.gonogo.toy.errands import Errand, Payment

if TYPE_CHECKING:
    from collections.abc import Callable

    from gonogo.testing import GateView

GO = Reply("go", "grace", "The invoice is right.", "cli")


def always(reply: Reply) -> Callable[[GateView], Reply]:
    """Return an approver who says this to everything."""

    def say(view: GateView) -> Reply:
        del view
        return reply

    return say


def paying(*cents: int) -> Errand:
    """Return an errand that pays these sums, in parallel branches, to payees a, b, c."""
    return Errand(payments=[Payment(payee=name, cents=sum_) for name, sum_ in zip("abcdefgh", cents, strict=False)])
