"""Registry: agents, tools, data, owners and tiers as declared, beside what was seen to act; and who calls what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboards import sheets
from dashboards.choosing import choose_mission
from dashboards.entrance import require_entrance
from dashboards.frame import page
from dashboards.markup import Html, join, show, table, tag
from dashboards.rosters import COUNTED_MOST, NEVER_ACTED, Member, Roster, arrows, dot, roster
from dashboards.tiles import Tile, tiles
from dashboards.wording import NOTHING, clock, count, money, plural, spoken, zone
from gonogo.errors import GonogoError
from gonogo.policy.registry import read_registry
from gonogo.settings import settings

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart
    from gonogo.policy.registry import Registry

LOOK_AGAIN_SECONDS = 30.0

_AGENT_HEADS = (
    ("Agent", ""), ("Owner", ""), ("Tier", ""), ("Data", ""), ("Tools", ""), ("Calls", "num"), ("Models cost", "num"),
    ("Last acted", "num"), ("Look at", ""),
)  # fmt: skip
_MISSION_HEADS = (
    ("Mission", ""), ("Owner", ""), ("May touch", ""), ("Runs", "num"), ("In the air", "num"), ("Last begun", "num"),
)  # fmt: skip
_VERSION_HEADS = (("What", ""), ("Name", ""), ("Version", ""), ("Runs in the air", "num"))
_ARROW_HEADS = (("From", ""), ("To", ""), ("Calls", "num"))
_TOOL_HEADS = (("Tool", ""), ("System", ""), ("Used by", ""), ("Calls", "num"), ("Refused", "num"))
_SHEET = ("agent", "owner", "deputy", "tier", "version", "data_classes", "tools", "unused_tools", "calls", "micros")


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    with st.container(key="filters", horizontal=True):
        mission = choose_mission(mart)
    registry, fault = _registry()
    known = roster(mart, registry, mission)
    if fault:
        told = tag("b", "The registry does not hold. "), fault, " What was seen stands below."
        show(tag("p", told, css="notice", role="alert"))
    _numbers(known)
    _map(known, mission)
    _agents(known, now)
    _tools(known)
    _missions(known, now)
    _versions(known)


def _registry() -> tuple[Registry | None, str]:
    try:
        return read_registry(settings().policy_folder), ""
    except GonogoError as error:
        return None, str(error)


def _numbers(known: Roster) -> None:
    strangers = [each.name for each in known.members if each.card is None]
    idle = [each.name for each in known.members if each.card is not None and not each.calls]
    unowned = [row["mission"] for row in known.missions if not row["owner"]]
    wide = sum(len(each.unused) for each in known.members if each.calls)
    tiles(
        Tile("Agents registered", count(len(known.members) - len(strangers)), "in policies/agents.yaml"),
        Tile("Seen, not registered", count(len(strangers)), ", ".join(strangers[:4]) or "nobody acts unregistered"),
        Tile("Never acted", count(len(idle)), _few(idle) or "everybody registered has acted"),
        Tile(
            "Missions without an owner",
            count(len(unowned)),
            _few([*map(spoken, unowned)]) or "every mission is somebody's",
        ),
        Tile("Tools nobody needed", count(wide), "granted to agents that act, and never called"),
    )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - what a tile has room for
    return ", ".join(names[:3]) + more


def _map(known: Roster, mission: str | None) -> None:
    found, total = arrows(known, with_tools=mission is not None)
    shown = plural(total, "connection") if total == len(found) else f"the busiest {len(found)} of {count(total)}"
    counted = "" if len(found) <= COUNTED_MOST else "; the more calls, the thicker, with their numbers in the table"
    hint = "" if mission else "; choose a mission to see its tools"
    show(tag("h2", "Who calls what ", tag("small", f"{shown}{counted}{hint}")))
    if not found:
        show(tag("p", "Nothing was called yet.", css="none"))
        return
    st.graphviz_chart(dot(found), width="stretch", alt="Missions, agents, tools, systems and models, and their calls")
    rows = [
        [join([arrow.start[1], _kind(arrow.start[0])]), join([arrow.end[1], _kind(arrow.end[0])]),
         count(arrow.calls)]
        for arrow in found
    ]  # fmt: skip
    with st.expander("The same as a table"):
        show(table(_ARROW_HEADS, rows, "Who calls what"))


def _kind(kind: str) -> Html:
    return tag("div", kind, css="second")


def _agents(known: Roster, now: datetime) -> None:
    show(tag("h2", "Agents ", tag("small", "as declared, beside what the evidence shows")))
    if not known.members:
        show(tag("p", "No agent is registered, and none has acted.", css="none"))
        return
    show(table(_AGENT_HEADS, [_agent_row(each, now) for each in known.members], "Agents"))
    st.download_button(
        "Agents as CSV", sheets.as_csv(_SHEET, map(_sheet_row, known.members)), "gonogo-agents.csv", "text/csv",
        on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def _agent_row(each: Member, now: datetime) -> list[object]:
    held = each.card
    last = clock(each.last_at, now, zone(st.context.timezone))
    # Not to have acted is no fault, and so is not shouted; the tile above counts it.
    flags = [tag("div", flag, css="second" if flag == NEVER_ACTED else "warn") for flag in each.flags]
    if held is None:
        used = ", ".join(each.used) or NOTHING
        return [tag("b", each.name), NOTHING, NOTHING, NOTHING, used, count(each.calls),
                _cost(each), last, flags]  # fmt: skip
    return [
        join([tag("b", each.name), f" {held.version}", tag("div", held.mandate, css="second")]),
        join([held.owner, tag("div", f"deputy {held.deputy}", css="second")]),
        join([spoken(held.tier), tag("div", f"escalates to {held.escalation}", css="second")]),
        ", ".join(held.data_classes) or NOTHING,
        join([", ".join(tool for tool in held.tools if tool in each.used) or NOTHING, _unused(each)]),
        count(each.calls),
        _cost(each),
        last,
        flags or tag("span", "nothing", css="second"),
    ]


def _cost(each: Member) -> str:
    """Return what its models cost; a dash where it asked none, which is no zero of any currency."""
    return money(each.micros, each.currency) if each.currency or each.micros else NOTHING


def _unused(each: Member) -> Html | None:
    return tag("div", f"never: {', '.join(each.unused)}", css="second") if each.unused and each.calls else None


def _sheet_row(each: Member) -> dict[str, Any]:
    held = each.card
    declared: dict[str, Any] = {} if held is None else {
        "owner": held.owner, "deputy": held.deputy, "tier": held.tier, "version": held.version,
        "data_classes": " ".join(held.data_classes), "tools": " ".join(held.tools),
    }  # fmt: skip
    seen = {"agent": each.name, "unused_tools": " ".join(each.unused), "calls": each.calls, "micros": each.micros}
    return declared | seen


def _tools(known: Roster) -> None:
    tally: dict[str, dict[str, Any]] = {}
    for row in known.used:
        one = tally.setdefault(row["tool"] or NOTHING, {"system": row["system"], "by": set[str](), "calls": 0, "no": 0})
        one["by"].add(row["agent"] or row["mission"])
        one["calls"] += row["calls"]
        one["no"] += row["refused"]
    show(tag("h2", "Tools ", tag("small", f"{plural(len(tally), 'tool')} seen")))
    rows = [
        [tag("b", tool), one["system"] or NOTHING, ", ".join(sorted(one["by"])), count(one["calls"]), count(one["no"])]
        for tool, one in sorted(tally.items())
    ]
    show(table(_TOOL_HEADS, rows, "Tools") if rows else tag("p", "No tool was called yet.", css="none"))


def _missions(known: Roster, now: datetime) -> None:
    where = zone(st.context.timezone)
    rows = [
        [
            tag("b", spoken(row["mission"])),
            row["owner"] or tag("span", "nobody", css="warn"),
            ", ".join(row["scope"] or []) or NOTHING,
            count(row["runs"]),
            count(row["live"]),
            clock(row["last_at"], now, where),
        ]
        for row in known.missions
    ]
    show(tag("h2", "Missions"), table(_MISSION_HEADS, rows, "Missions"))


def _versions(known: Roster) -> None:
    show(tag("h2", "Versions in the air ", tag("small", "of runs that fly or wait now")))
    rows = [
        [
            each["object"],
            spoken(each["id"]) if each["object"] == "mission" else each["id"],
            tag("code", each["version"]),
            count(each["runs"]),
        ]
        for each in known.flying
    ]
    show(table(_VERSION_HEADS, rows, "Versions") if rows else tag("p", "Nothing is in the air.", css="none"))


require_entrance("pages/registry.py")
page(
    "Registry", "Who may act, whose they are, what they touch, and what they were seen to do.", body, LOOK_AGAIN_SECONDS
)
