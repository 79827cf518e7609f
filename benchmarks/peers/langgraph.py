"""LangGraph: a graph of ten nodes, a checkpoint on disk after each; gates are interrupts."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# (the library is installed in the peer's own environment)
import asyncio
import operator
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from benchmarks.peers.engine import GATE_AFTER, STEPS, Engine, passed_gate, work
from benchmarks.peers.serving import serve

if TYPE_CHECKING:
    from collections.abc import Callable


class State(TypedDict, total=False):
    """What is checkpointed: the run, how wide it fans out, and what came of the steps."""

    run_id: str
    width: int
    index: int
    results: Annotated[list[str], operator.add]


def _step(index: int) -> Callable[[State], State]:
    def step(_state: State) -> State:
        return {"results": [work(index)]}

    return step


def _gate(state: State) -> State:
    interrupt("go on?")
    passed_gate(state["run_id"])
    return {}


def _branch(state: State) -> State:
    return {"results": [work(state["index"])]}


def _branches(state: State) -> list[Send]:
    return [Send("branch", {"index": index}) for index in range(state["width"])]


def _chain(*, has_gate: bool) -> Any:
    graph = StateGraph(State)
    names: list[str] = []
    for index in range(STEPS):
        if has_gate and index == GATE_AFTER:
            graph.add_node("gate", _gate)
            names.append("gate")
        names.append(f"step_{index}")
        graph.add_node(names[-1], _step(index))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


def _fan() -> Any:
    graph = StateGraph(State)
    graph.add_node("branch", _branch)
    graph.add_conditional_edges(START, _branches, ["branch"])
    graph.add_edge("branch", END)
    return graph


class LangGraph(Engine):
    """Graphs over one SQLite checkpointer; ``durability="sync"`` waits for each checkpoint."""

    sync: ClassVar[str] = 'each step: a checkpoint in SQLite, WAL, synchronous=FULL, durability="sync"'

    async def open(self) -> None:
        """Open the checkpoint database."""
        self.connection = sqlite3.connect(self.folder / "checkpoints.db", check_same_thread=False)
        self.connection.execute("PRAGMA synchronous=FULL")
        saver = SqliteSaver(self.connection)
        saver.setup()
        self.ten_steps = _chain(has_gate=False).compile(checkpointer=saver)
        self.gated = _chain(has_gate=True).compile(checkpointer=saver)
        self.fan = _fan().compile(checkpointer=saver)

    async def close(self) -> None:
        """Close it."""
        self.connection.close()

    async def mission(self, run_id: str) -> None:
        """Invoke the chain."""
        self._invoke(self.ten_steps, {"run_id": run_id}, run_id)

    async def fan_out(self, run_id: str, width: int) -> None:
        """Send one task for each branch."""
        self._invoke(self.fan, {"run_id": run_id, "width": width}, run_id)

    async def fleet(self, run_ids: list[str], in_flight: int) -> int:
        """Invoke in so many threads; quicker here than the asynchronous checkpointer, which has one."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(in_flight) as pool:
            chains = [
                loop.run_in_executor(pool, self._invoke, self.ten_steps, {"run_id": run_id}, run_id)
                for run_id in run_ids
            ]
            await asyncio.gather(*chains)
        return len(run_ids)

    async def to_gate(self, run_id: str) -> None:
        """Invoke until the interrupt returns control."""
        self._invoke(self.gated, {"run_id": run_id}, run_id)

    async def answer(self, run_id: str) -> None:
        """Invoke again with the answer."""
        self._invoke(self.gated, Command(resume="go"), run_id)

    async def landed(self, run_id: str) -> None:
        """Check that the chain went to its end."""
        found = self.gated.get_state(_config(run_id))
        if found.next or len(found.values["results"]) != STEPS:
            raise RuntimeError(f"the graph stands at {found.next}")

    async def recover(self, run_id: str) -> None:
        """Continue from the last checkpoint, where there is one."""
        begun = self.ten_steps.get_state(_config(run_id))
        self._invoke(self.ten_steps, None if begun.values else {"run_id": run_id}, run_id)

    def _invoke(self, graph: Any, given: Any, run_id: str) -> None:
        graph.invoke(given, _config(run_id), durability="sync")


def _config(run_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": run_id}}


if __name__ == "__main__":
    serve(lambda folder, _variant: LangGraph(folder), ("langgraph", "langgraph-checkpoint-sqlite"))
