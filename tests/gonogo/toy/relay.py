"""Agents that hand work to each other: four of them, each of whom knows all four, under the law that ships."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gonogo import Budget, Noun, Outcome, agent, assignment, mission, step
from gonogo.agents.offline import Conversation, Script, Use
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import pay

if TYPE_CHECKING:
    from gonogo.agents.agent import Agent
    from gonogo.agents.delegation import Assignment

ROOM = Path(__file__).parents[3] / "policies"
NAMES = ("ada", "bob", "cyd", "dan")
HANDS_MAX = 6
"""How many hand-overs the longest chain of declared agents has."""

SCHEMA = """
action pay appliesTo { principal: [Agent, Mission], resource: [Tool], context: { call: Call, args: {
  payee: String, amount_cents: Long,
} } };
"""

RULES = """
@id("payouts")
@because("A payout above 50 EUR needs a manager.")
@gate("manager")
forbid (principal, action == Action::"pay", resource)
when { context.args.amount_cents > 5000 }
unless { context.call.approvals.contains("manager") };
"""

CARD = """
  {name}:
    version: "1.0.0"
    owner: counter
    deputy: back-office
    mandate: Passes work on.
    tools: [{tools}]
    tier: {tier}
    escalation: manager
    delegates: {{to: [{to}], depth: {depth}, fan_out: {fan_out}}}
"""

ASKED: list[tuple[str, str]] = []
"""Every request that reached a model in this process: the agent, and its prompt."""


class Relay(Noun):
    """All that an agent of the relay is told: through whose hands the work goes on, and what to pay at its end."""

    hops: tuple[str, ...] = ()
    cents: int = 0
    fails: bool = False


class Order(Noun):
    """What the first agent is told; the secret is for nobody else."""

    relay: Relay = Relay()
    secret: str = ""
    leaks: bool = False
    """It tries to hand the secret on."""
    wide: int = 1
    """How many equal pieces of work it hands over in one answer."""


class Passed(Noun):
    """What an agent says in the end."""

    by: str
    brought: tuple[Any, ...] = ()
    refused: tuple[str, ...] = ()


class Report(Outcome):
    """How the relay went."""

    outcome: Literal["arrived"]
    successes = frozenset({"arrived"})
    said: Passed
    last: Passed | None = None


def _script(name: str) -> Script:
    """Return what an agent does: pass the work on, or pay, or fail; then say what came back."""

    def script(talk: Conversation) -> list[Use] | Passed:
        ASKED.append((name, talk.prompt))
        order = (
            Order.model_validate(talk.case) if "relay" in talk.case else Order(relay=Relay.model_validate(talk.case))
        )
        relay = order.relay
        tried = sum(map(len, talk.refused.values()))
        if relay.hops and not talk.results and tried == int(order.leaks and bool(talk.feedback)):
            brief: dict[str, Any] = {"hops": list(relay.hops[1:]), "cents": relay.cents, "fails": relay.fails}
            if order.leaks and not talk.feedback:
                return [Use(f"to_{relay.hops[0]}", brief | {"secret": order.secret})]
            return [Use(f"to_{relay.hops[0]}", brief | {"cents": relay.cents + n}) for n in range(order.wide)]
        if relay.fails and not relay.hops:
            raise ValueError("the model is out")
        if relay.cents and not relay.hops and not talk.results:
            return [Use("pay", {"payee": name, "amount_cents": relay.cents})]
        brought = tuple(each for results in talk.results.values() for each in results)
        return Passed(by=name, brought=brought, refused=tuple(each for told in talk.refused.values() for each in told))

    return script


def _agents(hands: int) -> dict[str, Agent[Passed]]:
    """Return the four agents, able to pass work on as many times; names are identity, so rings are possible."""
    works = () if hands == 0 else tuple(_work(name, one) for name, one in _agents(hands - 1).items())
    return {
        name: agent(
            name, output=Passed, instructions=f"You are {name}.", tools=[pay], assignments=works, offline=_script(name)
        )
        for name in NAMES
    }


def _work(name: str, one: Agent[Passed]) -> Assignment[Relay, Passed]:
    return assignment(f"to_{name}", to=one, brief=Relay, why="It passes the work on.")


AGENTS = _agents(HANDS_MAX)
TO_BOB = _work("bob", AGENTS["bob"])


@step
async def begin(order: Order) -> Report:
    """Ask Ada, and keep what she brings back."""
    coordinated = await AGENTS["ada"].coordinate(order)
    last = coordinated.handed[-1][1] if coordinated.handed else None
    return Report(outcome="arrived", said=coordinated.output, last=last)


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=10))
async def relay(order: Order) -> Report:
    """Pass work through several hands."""
    return await begin(order)


@step(acting="ada")
async def by_hand(relay: Relay) -> Passed:
    """Hand work over in code, on Ada's mandate."""
    return await TO_BOB(relay)


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=10))
async def handed(relay: Relay) -> Report:
    """Pass work on without asking anybody whether to."""
    return Report(outcome="arrived", said=await by_hand(relay))


@step
async def by_nobody(relay: Relay) -> Passed:
    """Hand work over on nobody's mandate."""
    return await TO_BOB(relay)


@mission(owner="counter", scope=["bank"])
async def stray(relay: Relay) -> Report:
    """Try to pass work on without a mandate."""
    return Report(outcome="arrived", said=await by_nobody(relay))


def policies(folder: Path, *, rules: str = "", **cards: dict[str, Any]) -> Path:
    """Write the law that ships, with the bank's one rule, and the mandates of the four; changed as the test wants."""
    made = folder / "policies"
    if made.exists():
        return made
    made.mkdir(parents=True)
    for name in ("common.cedar", "common.cedarschema"):
        shutil.copy(ROOM / name, made / name)
    shutil.copy(POLICIES / "prices.yaml", made / "prices.yaml")
    (made / "relay.cedarschema").write_text(SCHEMA)
    (made / "relay.cedar").write_text(RULES + rules)
    usual = {"tools": "pay", "tier": "execute_within_limits", "to": ", ".join(NAMES), "depth": 6, "fan_out": 2}
    text = "".join(CARD.format(name=name, **usual | cards.get(name, {})) for name in NAMES)
    (made / "agents.yaml").write_text(f"agents:{text}")
    return made
