"""The bank's mission: ask the clerk, wait for papers if need be, pay, write a letter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel

from gonogo import Budget, Measure, Outcome, branch, gate, mission, receive, rehearse, route, step
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Landing, Plan
from gonogo.settings import settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import pay, post_letter
from tests.gonogo.toy.counter import Brief, Opinion, clerk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gonogo.missions import Mission
    from gonogo.model import Answer
    from gonogo.testing import Answers, Rehearsal


class Payment(BaseModel):
    """One payment of an errand."""

    payee: str
    cents: int


class Papers(BaseModel):
    """What the customer sends."""

    pages: int


class Errand(BaseModel):
    """What a customer wants done."""

    brief: Brief | None = None
    needs_papers: bool = False
    crew: int = 0
    payments: list[Payment] = []
    letter: str = ""


class Report(Outcome):
    """How the errand went."""

    outcome: Literal["settled", "declined"]
    successes = frozenset({"settled"})
    escalations = frozenset({"declined"})
    payments: Annotated[int, Measure("payments")] = 0
    pages: Annotated[int | None, Measure("pages")] = None


@step
async def consult(brief: Brief) -> Opinion:
    """Ask the clerk."""
    return await clerk.ask(brief)


@step
async def settle(payment: Payment) -> str:
    """Pay one payment."""
    return await pay(payee=payment.payee, amount_cents=payment.cents)


@step
async def write(payee: str, text: str) -> str:
    """Post a letter."""
    return await post_letter(payee=payee, text=text)


@route
def course(opinion: Opinion | None) -> Literal["go_on", "stop"]:
    """Stop where the clerk concludes so."""
    return "stop" if opinion is not None and opinion.conclusion == "stop" else "go_on"


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=10))
async def errand(case: Errand) -> Report:
    """Do what a customer wants done, within the law."""
    opinion = None if case.brief is None else await consult(case.brief)
    pages = (await receive("papers", Papers)).pages if case.needs_papers else None
    if course(opinion) == "stop":
        return Report(outcome="declined", pages=pages)
    if case.crew:
        await gate("launch", crew=case.crew)
    paid = await asyncio.gather(*(_pay_on_its_own(index, payment) for index, payment in enumerate(case.payments)))
    if case.letter:
        await write("ada", case.letter)
    return Report(outcome="settled", payments=len(paid), pages=pages)


async def _pay_on_its_own(index: int, payment: Payment) -> str:
    async with branch(str(index)):
        return await settle(payment)


async def park(
    case: BaseModel, home: Path, *, flying: Mission[Any, Any] = errand, policies: Path = POLICIES, **changes: Any
) -> Landing:
    """Fly the run ``r1`` until it waits, and leave; answers and events are brought while it sleeps."""
    made = settings().model_copy(
        update={"home": home, "policy_folder": policies, "requester": "tester", "model": None, **changes}
    )
    return await fly(flying, case, Plan("r1", LocalPilot(patience="leave"), made))


async def run(
    case: object = None,
    /,
    *,
    flying: Mission[Any, Any] = errand,
    answers: Answers | Answer | None = None,
    events: Sequence[tuple[str, dict[str, Any]]] = (),
    home: Path | None = None,
    run_id: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> Rehearsal:
    """Rehearse a mission, the errand if none is named, under the toy's law."""
    made = {"policy_folder": POLICIES, "requester": "tester", "journals": settings().journals, **(overrides or {})}
    return await rehearse(flying, case, answers=answers, events=events, home=home, run_id=run_id, overrides=made)
