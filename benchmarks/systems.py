"""Who is measured: each system, the process that speaks for it, and the workloads it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

DURABLE = ("mission-10", "gate", "fan-out-50", "fleet-200", "recovery")
"""What a durable engine is asked for."""

WORKLOADS = (
    "mission-10",
    "fan-out-50",
    "fleet-200",
    "gate",
    "recovery",
    "agent-11",
    "mission-lane",
    "mission-lane-gate",
    "gate-wake-suspended",
)
"""In the order of the table."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process that measures something for a system."""

    system: str
    module: str
    workloads: tuple[str, ...]
    environment: str | None = None
    """Folder under ``benchmarks/.envs``, and name of its pins in ``benchmarks/peers``; ``None`` for our own."""
    variant: str = ""
    needs_postgres: bool = False
    is_default: bool = True
    """Whether it is measured without being named."""

    @property
    def folder(self) -> str:
        """A name for its scratch folder."""
        return f"{self.system}-{self.module}"


PARTS: tuple[Part, ...] = (
    Part("gonogo", "gonogo", (*DURABLE, "agent-11")),
    Part("gonogo", "gonogo_house", ("mission-lane", "mission-lane-gate", "gate-wake-suspended")),
    Part("gonogo-tended", "gonogo_tended", ("mission-10", "fan-out-50", "fleet-200", "agent-11")),
    Part("langgraph", "langgraph", DURABLE, "langgraph"),
    Part("restate", "restate", DURABLE, "restate"),
    Part("crewai", "crewai", DURABLE, "crewai"),
    Part("dbos", "dbos", DURABLE, "dbos"),
    Part("dbos-postgres", "dbos", DURABLE, "dbos", "postgres", needs_postgres=True),
    Part("prefect", "prefect", DURABLE, "prefect"),
    Part("prefect-postgres", "prefect", DURABLE, "prefect", "postgres", needs_postgres=True, is_default=False),
    Part("pydantic-ai", "pydantic_ai", ("agent-11",), "pydantic_ai"),
    Part("pydantic-ai-dbos", "dbos", ("agent-11",), "dbos"),
    Part("pydantic-ai-prefect", "prefect", ("agent-11",), "prefect", "agents"),
    Part("floor", "floor", ("mission-10", "fan-out-50", "fleet-200")),
    Part("floor-sqlite", "floor", ("mission-10", "fan-out-50", "fleet-200"), variant="sqlite"),
)

SYSTEMS = tuple(dict.fromkeys(part.system for part in PARTS))
BY_DEFAULT = tuple(dict.fromkeys(part.system for part in PARTS if part.is_default))
ENVIRONMENTS = tuple(dict.fromkeys(part.environment for part in PARTS if part.environment))


def chosen(systems: list[str], workloads: list[str]) -> list[Part]:
    """Return the processes to start for these systems; each with workloads among these."""
    return [part for part in PARTS if part.system in systems and set(part.workloads) & set(workloads)]
