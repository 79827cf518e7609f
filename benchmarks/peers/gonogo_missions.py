"""The missions gonogo flies here, as an author would write them."""

import asyncio
import time
from typing import Annotated, Literal

from prefect import task
from pydantic import BaseModel

from benchmarks.peers.engine import GATE_AFTER, RESULT, STEPS, TOOL_CALLS, passed_gate, work
from gonogo import Budget, Outcome, Personal, agent, gate, mission, step, tool
from gonogo.agents.offline import Conversation, Use


class Case(BaseModel):
    """A mission's input: which one it is, and how wide."""

    name: str
    width: int = STEPS


class PersonCase(Case):
    """The input of a mission about a person, whose data it seals."""

    number: Annotated[str, Personal(subject="number")]


class Kept(BaseModel):
    """1 kB about a person, sealed under their key."""

    number: Annotated[str, Personal(subject="number")]
    note: Annotated[str, Personal(subject="number")]


class Done(Outcome):
    """It is done."""

    outcome: Literal["done"] = "done"
    successes = frozenset({"done"})


@step
async def do_step(index: int) -> str:
    """Do the work of one step."""
    return work(index)


@step
async def do_sealed_step(number: str, index: int) -> Kept:
    """Do the work of one step, whose result is about somebody."""
    return Kept(number=number, note=work(index))


@task(persist_result=False)
async def do_bare_step() -> str:
    """Do the same as a task of Prefect's alone, which keeps nothing and, as a step does, tells it no arguments."""
    return work(0)


@tool(system="bank", effect="read")
async def look_up(account: str) -> str:
    """Return what is known of an account."""
    return account + RESULT


@step
async def look_up_step(index: int) -> str:
    """Do the work of one step through a governed tool."""
    return await look_up(account=f"account-{index}")


def _script(talk: Conversation) -> list[Use] | str:
    done = len(talk.results.get("look_up", []))
    return "All five are looked up." if done == TOOL_CALLS else [Use("look_up", {"account": f"account-{done}"})]


clerk = agent("clerk", output=str, instructions="Look up five accounts, then say so.", tools=[look_up], offline=_script)


@step
async def ask_clerk(prompt: str) -> str:
    """Let the clerk make its turn."""
    return await clerk.ask(prompt)


@mission(owner="benchmarks", scope=["bank"])
async def ten_steps(case: Case) -> Done:
    """Take ten durable steps, one after the other."""
    for index in range(case.width):
        await do_step(index)
    return Done()


@mission(owner="benchmarks", scope=["bank"])
async def ten_sealed_steps(case: PersonCase) -> Done:
    """Take ten durable steps, one after the other, each with a result that is sealed for a subject."""
    for index in range(case.width):
        await do_sealed_step(case.number, index)
    return Done()


PAIRS: list[tuple[float, float]] = []
"""Milliseconds of one step, and of one bare task run just before or after it."""


@mission(owner="benchmarks", scope=["bank"])
async def pairs(case: Case) -> Done:
    """Take steps and bare task runs in turn, each first every other time, and time both in the same way."""
    for index in range(case.width):
        took: dict[str, float] = {}
        for name in ("step", "bare") if index % 2 else ("bare", "step"):
            begun = time.perf_counter()
            await (do_step(index) if name == "step" else do_bare_step())
            took[name] = (time.perf_counter() - begun) * 1_000
        PAIRS.append((took["step"], took["bare"]))
    return Done()


@mission(owner="benchmarks", scope=["bank"])
async def ten_tool_calls(case: Case) -> Done:
    """Take ten durable steps, each of which calls a tool: decided, recorded before, recorded after."""
    for index in range(case.width):
        await look_up_step(index)
    return Done()


@mission(owner="benchmarks", scope=["bank"])
async def fan_out(case: Case) -> Done:
    """Take many durable steps at once."""
    await asyncio.gather(*(do_step(index) for index in range(case.width)))
    return Done()


@mission(owner="benchmarks", scope=["bank"])
async def gated(case: Case) -> Done:
    """Take ten durable steps, and wait for a person in between."""
    for index in range(GATE_AFTER):
        await do_step(index)
    await gate("go_on", after=GATE_AFTER)
    passed_gate(case.name)
    for index in range(GATE_AFTER, STEPS):
        await do_step(index)
    return Done()


@mission(owner="benchmarks", scope=["bank"], budget=Budget(usd="10.00"))
async def consult(case: Case) -> Done:
    """Ask an agent that makes six model requests and five tool calls."""
    await ask_clerk(case.name)
    return Done()
