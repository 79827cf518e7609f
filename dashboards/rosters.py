"""Rosters: who is registered beside who was seen to act, what flies now, and who calls what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashboards.palette import FILL, GROUND, INK, colour

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.tables import Tables
    from gonogo.policy.registry import AgentCard, Registry

ARROWS_SHOWN = 140
"""A map with more arrows than that shows the busiest."""

COUNTED_MOST = 40
"""A map with more arrows than that tells their calls by width alone: their numbers would make it two screens high."""

_HERE = "WHERE ($mission IS NULL OR mission = $mission)"

_MISSIONS = """
SELECT
    mission, arg_max(owner, started_at) AS owner, count(*) AS runs,
    count(*) FILTER (WHERE status IN ('flying', 'waiting')) AS live, max(started_at) AS last_at,
    arg_max(scope, started_at) AS scope
FROM runs
WHERE rolls_back IS NULL
GROUP BY mission
ORDER BY mission
"""

_USED = f"""
SELECT
    mission, agent_id AS agent, tool, any_value(system) AS system, count(*) AS calls,
    count(*) FILTER (WHERE outcome = 'refused') AS refused, max(coalesce(ended_at, started_at)) AS last_at
FROM tool_calls
{_HERE}
GROUP BY mission, agent_id, tool
ORDER BY calls DESC, mission, agent, tool
"""  # noqa: S608 - our own condition

_ASKED = f"""
SELECT
    mission, agent_id AS agent, coalesce(returned_model, requested_model) AS model, count(*) AS calls,
    sum(coalesce(cost_micros, 0))::BIGINT AS micros, max(coalesce(ended_at, started_at)) AS last_at,
    CASE WHEN count(DISTINCT currency) > 1 THEN 'mixed' ELSE any_value(currency) END AS currency
FROM model_calls
{_HERE}
GROUP BY ALL
ORDER BY calls DESC, mission, agent
"""  # noqa: S608 - our own condition

_HANDED = f"""
SELECT mission, delegator, specialist, count(*) AS calls
FROM delegations
{_HERE}
GROUP BY ALL
ORDER BY calls DESC, mission, delegator, specialist
"""  # noqa: S608 - our own condition

_FLYING = """
SELECT object, id, coalesce(version, left(digest, 12)) AS version, count(DISTINCT run_id) AS runs
FROM versions
WHERE object IN ('mission', 'agent', 'policy', 'model', 'baseline', 'monitors')
    AND run_id IN (SELECT run_id FROM runs WHERE status IN ('flying', 'waiting'))
    AND ($mission IS NULL OR mission = $mission)
GROUP BY ALL
ORDER BY object, id, version
"""

NEVER_ACTED = "never acted"
"""Said of an agent that is registered and was never seen."""


@dataclass(slots=True)
class Member:
    """One agent: as it is registered, and as it was seen."""

    name: str
    card: AgentCard | None
    """``None`` where nobody registered it; such an agent does not start any more."""
    calls: int = 0
    micros: int = 0
    currency: str | None = None
    last_at: Any = None
    used: dict[str, int] = field(default_factory=dict[str, int])
    """Calls by tool."""
    flies: list[str] = field(default_factory=list[str])
    """Versions of it in runs that fly or wait."""

    @property
    def unused(self) -> list[str]:
        """Tools of its mandate that it never called: a mandate wider than the work."""
        return [] if self.card is None else [tool for tool in self.card.tools if tool not in self.used]

    @property
    def flags(self) -> list[str]:
        """What somebody should look at."""
        if self.card is None:
            return ["nobody registered it"]
        older = [version for version in self.flies if version != self.card.version]
        return [
            *([NEVER_ACTED] if not self.calls else []),
            *(["nobody owns it"] if not self.card.owner.strip() else []),
            *([f"version {', '.join(older)} still flies"] if older else []),
        ]


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody and everything, and what was seen between them."""

    missions: list[dict[str, Any]]
    members: list[Member]
    used: list[dict[str, Any]]
    asked: list[dict[str, Any]]
    handed: list[dict[str, Any]]
    flying: list[dict[str, Any]]


def roster(tables: Tables, registry: Registry | None, mission: str | None) -> Roster:
    """Return who is registered and who was seen; of one mission, or of all of them."""
    missions = [row for row in tables.rows(_MISSIONS) if mission in {None, row["mission"]}]
    chosen = {"mission": mission}
    used, asked = tables.rows(_USED, **chosen), tables.rows(_ASKED, **chosen)
    handed, flying = tables.rows(_HANDED, **chosen), tables.rows(_FLYING, **chosen)
    # What a mission does itself stands under its own name.
    own = {row["mission"] for row in tables.rows(_MISSIONS)}
    cards: dict[str, AgentCard] = {} if registry is None else registry.agents
    seen = {str(row["agent"]) for row in (*used, *asked) if row["agent"]} - own
    names: list[str] = sorted({*seen, *cards} if mission is None else seen)
    members = {name: Member(name, cards.get(name)) for name in names}
    for row in used:
        if (member := members.get(row["agent"])) is not None:
            member.used[row["tool"]] = member.used.get(row["tool"], 0) + row["calls"]
            _seen(member, row)
    for row in asked:
        if (member := members.get(row["agent"])) is not None:
            member.micros += row["micros"]
            member.currency = row["currency"] if member.currency in {None, row["currency"]} else "mixed"
            _seen(member, row)
    for row in flying:
        if row["object"] == "agent" and row["id"] in members:
            members[row["id"]].flies.append(row["version"] or "")
    return Roster(missions, list(members.values()), used, asked, handed, flying)


def _seen(member: Member, row: dict[str, Any]) -> None:
    member.calls += row["calls"]
    if row["last_at"] is not None:
        member.last_at = row["last_at"] if member.last_at is None else max(member.last_at, row["last_at"])


@dataclass(frozen=True, slots=True)
class Arrow:
    """Who calls what, and how often. Kinds of ends: mission, agent, tool, system, model."""

    start: tuple[str, str]
    end: tuple[str, str]
    calls: int


def arrows(known: Roster, *, with_tools: bool) -> tuple[list[Arrow], int]:
    """Return the busiest calls of a roster, and how many there are in all; without tools, agents lead to systems."""
    tally: dict[tuple[tuple[str, str], tuple[str, str]], int] = {}

    def count(start: tuple[str, str], end: tuple[str, str], calls: int) -> None:
        if start[1] and end[1]:
            tally[start, end] = tally.get((start, end), 0) + calls

    for row in (*known.used, *known.asked):
        mission, agent = ("mission", row["mission"]), ("agent", row["agent"] or "")
        own = agent[1] in {"", row["mission"]}
        if not own:
            count(mission, agent, row["calls"])
        who = mission if own else agent
        if "tool" not in row:
            count(who, ("model", row["model"] or ""), row["calls"])
        elif with_tools:
            count(who, ("tool", row["tool"] or ""), row["calls"])
            count(("tool", row["tool"] or ""), ("system", row["system"] or ""), row["calls"])
        else:
            count(who, ("system", row["system"] or ""), row["calls"])
    for row in known.handed:
        count(("agent", row["delegator"] or ""), ("agent", row["specialist"] or ""), row["calls"])
    found = [Arrow(start, end, calls) for (start, end), calls in tally.items()]
    found.sort(key=lambda arrow: (-arrow.calls, arrow.start, arrow.end))
    return found[:ARROWS_SHOWN], len(found)


_SHAPES = {
    "mission": ("box", "success"),
    "agent": ("ellipse", "escalated"),
    "tool": ("plaintext", "other"),
    "system": ("cylinder", "no_go"),
    "model": ("hexagon", "aborted"),
}


def dot(shown: Iterable[Arrow]) -> str:
    """Return arrows as a graph in DOT, in the colours of the viewer's theme; shapes tell the kinds apart, too.

    Up to :data:`COUNTED_MOST` arrows bear their numbers.
    """
    found = list(shown)
    is_counted = len(found) <= COUNTED_MOST
    ink, quiet, paper = colour(INK["ink"]), colour(INK["ink-2"]), colour(GROUND["surface"])
    nodes = dict.fromkeys(end for arrow in found for end in (arrow.start, arrow.end))
    lines = [
        "digraph {",
        f'rankdir=LR; bgcolor="transparent"; nodesep=0.09; ranksep={1.7 if is_counted else 2.4};',
        f'node [fontname="Helvetica", fontsize=12, fontcolor="{ink}", style=filled, fillcolor="{paper}"];',
        'node [height=0.3, margin="0.12,0.03", penwidth=1.5];',
        f'edge [color="{quiet}", fontcolor="{quiet}", fontname="Helvetica", fontsize=10, arrowsize=0.6];',
    ]
    for kind, name in nodes:
        shape, fill = _SHAPES[kind]
        lines.append(f'{_id(kind, name)} [label={_text(name)}, shape={shape}, color="{colour(FILL[fill])}"];')
    most = max((arrow.calls for arrow in found), default=1)
    for arrow in found:
        width = 0.7 + 2.6 * arrow.calls / most
        ends = f"{_id(*arrow.start)} -> {_id(*arrow.end)}"
        number = f'label="{arrow.calls:,}", ' if is_counted else ""
        lines.append(f"{ends} [{number}penwidth={width:.2f}];")
    return "\n".join([*lines, "}"])


def _id(kind: str, name: str) -> str:
    return _text(f"{kind} {name}")


def _text(text: str) -> str:
    """Return text as a DOT string: quotes and backslashes in it stay what they are."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
