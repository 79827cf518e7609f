"""The bank's mailroom: an agent that reads what comes in, and pays what it believes it should."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel

from gonogo import Budget, Content, Outcome, Trusted, agent, mission, rehearse, step, tool
from gonogo.agents.offline import Use
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import pay

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.agents.offline import Conversation
    from gonogo.model import Answer
    from gonogo.testing import Answers, Rehearsal

INBOX: dict[str, str] = {}
"""What outsiders wrote, by folder; a test puts it there."""

BOOK = {"grace": "DE89370400440532013000"}
"""Accounts on record, by name; nobody outside can write here."""


class Mail(BaseModel):
    """One letter as it came in."""

    number: int
    body: Annotated[str, Content()]


class Entry(BaseModel):
    """One line of the address book."""

    account: str
    remark: Annotated[str, Content()] = ""


@tool(system="bank", effect="read")
async def read_mail(folder: str) -> Mail:
    """Read what came in."""
    await asyncio.sleep(0)
    return Mail(number=len(folder), body=INBOX[folder])


@tool(system="bank", effect="read")
async def read_book(name: str) -> Annotated[Entry, Trusted()]:
    """Look an account up."""
    await asyncio.sleep(0)
    return Entry(account=BOOK[name], remark=INBOX.get(name, ""))


class Request(BaseModel):
    """What somebody asked for, and what the agent will come to want."""

    asked: str
    folders: list[str] = []
    names: list[str] = []
    note: Annotated[str, Content()] = ""


class Sorted(Outcome):
    """Whether the mail was dealt with."""

    outcome: Literal["paid", "left"]
    successes = frozenset({"paid"})


WANTS: dict[str, object] = {}
"""What the agent pays once it has read everything: the arguments of the tool; a test puts it there."""


def _script(talk: Conversation) -> list[Use] | str:
    """Read everything, pay once, and say how it went."""
    if "pay" in talk.results:
        return "paid"
    if "pay" in talk.refused:
        return "left"
    if not talk.results:
        case = Request.model_validate(talk.case)
        reads = [Use("read_mail", {"folder": folder}) for folder in case.folders]
        reads += [Use("read_book", {"name": name}) for name in case.names]
        if reads:
            return reads
    return [Use("pay", dict(WANTS))]


postman = agent(
    "postman", output=str, instructions="Deal with the mail.", offline=_script, tools=(read_mail, read_book, pay)
)


@step
async def sort_mail(case: Request) -> str:
    """Let the agent deal with it."""
    return await postman.ask(case)


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=10))
async def mailroom(case: Request) -> Sorted:
    """Deal with the mail that a request is about."""
    return Sorted(outcome="paid" if await sort_mail(case) == "paid" else "left")


async def flown(case: Request, home: Path, answers: Answers | Answer | None = None, run_id: str = "mail") -> Rehearsal:
    """Rehearse the mailroom under the toy's law."""
    law = {"policy_folder": POLICIES, "requester": "tester"}
    return await rehearse(mailroom, case, answers=answers, home=home, run_id=run_id, overrides=law)
