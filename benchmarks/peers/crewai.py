"""CrewAI flows with ``@persist``: the state on disk after each method; gates are pending human feedback."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedBaseClass=false
# pyright: reportUntypedFunctionDecorator=false, reportUntypedClassDecorator=false
# (the library is installed in the peer's own environment)
import os
from typing import TYPE_CHECKING, Any, ClassVar

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}

from crewai.flow import Flow, human_feedback, listen, start
from crewai.flow.async_feedback import HumanFeedbackPending
from crewai.flow.persistence import SQLiteFlowPersistence, persist
from pydantic import BaseModel

from benchmarks.peers.engine import GATE_AFTER, STEPS, Engine, passed_gate, work
from benchmarks.peers.serving import serve

if TYPE_CHECKING:
    from collections.abc import Callable


class State(BaseModel):
    """What is persisted; a flow that is started again under its id finds it."""

    id: str = ""
    results: dict[str, str] = {}


class _LeaveThePerson:
    """Asks nobody: the flow ends as pending, and is resumed by its id."""

    def request_feedback(self, context: Any, flow: Any) -> str:
        """Leave."""
        del flow
        raise HumanFeedbackPending(context=context)


def _step(index: int) -> Callable[[Any], Any]:
    async def step(self: Any) -> str:
        # A flow that is started again begins at its start; what its state holds is not done again.
        if str(index) not in self.state.results:
            self.state.results[str(index)] = work(index)
        return "done"

    step.__name__ = f"step_{index}"
    return step


async def go_on(self: Any) -> str:
    """Come first after the gate."""
    passed_gate(self.state.id)
    return "on"


def _ten_steps(store: Any, *, has_gate: bool) -> type[Any]:
    """Return a flow class of ten methods, each listening to the one before."""
    methods: dict[str, Any] = {}
    before: str | None = None
    for index in range(STEPS):
        if has_gate and index == GATE_AFTER:
            methods["go_on"] = listen(before)(go_on)
            before = "go_on"
        made = _step(index)
        name = made.__name__
        if has_gate and index == GATE_AFTER - 1:
            made = human_feedback(message="Go on?", provider=_LeaveThePerson())(made)
        methods[name] = start()(made) if before is None else listen(before)(made)
        before = name
    return persist(store)(type("TenSteps", (Flow[State],), methods))


def _fan(store: Any, width: int) -> type[Any]:
    """Return a flow class of parallel methods."""

    async def begin(_self: Any) -> str:
        return "begun"

    methods: dict[str, Any] = {"begin": start()(begin)}
    methods |= {f"step_{index}": listen("begin")(_step(index)) for index in range(width)}
    return persist(store)(type("Fan", (Flow[State],), methods))


class CrewAi(Engine):
    """Flows kicked off in this process, over one SQLite file."""

    sync: ClassVar[str] = "each step: a row with the whole state in SQLite, WAL, synchronous=FULL"
    setup: ClassVar[str] = "no telemetry, no tracing, no console output"

    async def open(self) -> None:
        """Define the flows over the store."""
        self.store = SQLiteFlowPersistence(str(self.folder / "flows.db"))
        self.ten_steps = _ten_steps(self.store, has_gate=False)
        self.gated = _ten_steps(self.store, has_gate=True)
        self.fans: dict[int, type[Any]] = {}

    async def mission(self, run_id: str) -> None:
        """Kick the flow off; under an id the store knows, it is continued."""
        flow = self.ten_steps(suppress_flow_events=True)
        await flow.kickoff_async(inputs={"id": run_id})
        if len(flow.state.results) != STEPS:
            raise RuntimeError(f"{len(flow.state.results)} of {STEPS} steps are done")

    async def fan_out(self, run_id: str, width: int) -> None:
        """Kick off a flow of so many listeners."""
        if width not in self.fans:
            self.fans[width] = _fan(self.store, width)
        await self.fans[width](suppress_flow_events=True).kickoff_async(inputs={"id": run_id})

    async def to_gate(self, run_id: str) -> None:
        """Kick off; the flow returns as pending."""
        await self.gated(suppress_flow_events=True).kickoff_async(inputs={"id": run_id})

    async def answer(self, run_id: str) -> None:
        """Restore the pending flow, and resume it."""
        flow = self.gated.from_pending(run_id, self.store, suppress_flow_events=True)
        await flow.resume_async("go")
        if len(flow.state.results) != STEPS:
            raise RuntimeError(f"{len(flow.state.results)} of {STEPS} steps are done")

    async def landed(self, run_id: str) -> None:
        """Do nothing: resuming has returned."""


if __name__ == "__main__":
    serve(lambda folder, _variant: CrewAi(folder), ("crewai",))
