"""Rules: what the annotations of each policy say, read once and refused where they say what nobody can mean."""

# cedarpy types its dictionaries in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cedarpy
import orjson

from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import plain_text
from gonogo.model import Noun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Risk = Literal["low", "medium", "high"]
"""How much harm a wrong go does, and so how strong its proof must be."""

RISKS: tuple[Risk, ...] = ("low", "medium", "high")

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DEADLINE_DAYS_MAX = 366
"""The longest a person may be given; who waits longer than a year has not been asked."""


_OF_GLASS = ("break_glass", "reviewer", "review")

QUORUM_MAX = 9
"""The most people that one rule may ask for; more than that nobody gathers before a deadline."""


RUNGS_MAX = 5
"""The most rungs of one ladder; whoever needs more has nobody who answers."""


class Rung(Noun):
    """One step of an escalation ladder: who may answer as well once nobody has for so long."""

    role: str
    after_seconds: int
    """Since the gate opened."""


class Glass(Noun):
    """Who may go alone in an emergency, and who looks at it afterwards."""

    role: str
    reviewer: str
    review_seconds: int
    """Within which the review is due; after it, it is an exception with an owner."""


class Need(Noun):
    """What a role's go takes, where its rules say more than that a person has to be asked."""

    risk: Risk | None = None
    """The highest that one of them names; the environment's default, if none does."""
    quorum: int = 1
    """How many different people must say go."""
    rungs: tuple[Rung, ...] | None = None
    """The ladder, soonest first; ``None`` where the role alone answers. Its end is the deadline, and no-go."""
    glass: Glass | None = None
    """Who may break the glass; nobody, if ``None``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The annotations of one policy."""

    name: str
    because: str
    role: str | None
    deadline_seconds: int | None
    proposed: bool = False
    need: Need = Need()  # noqa: RUF009 - frozen
    order: int = 0
    """Roles with a smaller one are asked first; at the same, by the rule's name."""


def in_turn(hit: Sequence[Rule]) -> tuple[str, ...]:
    """Return the roles of these rules in the order in which they are asked; ``hit`` is in the order of names."""
    return tuple(rule.role for rule in sorted(hit, key=lambda rule: rule.order) if rule.role)


def needs_of(hit: Sequence[Rule]) -> dict[str, Need]:
    """Return by role the strictest of what its rules need; nothing for a role whose rules say nothing more."""
    found: dict[str, Need] = {}
    for rule in hit:
        if rule.role is not None:
            known = found.get(rule.role)
            found[rule.role] = rule.need if known is None else _both(known, rule.need)
    return {role: need for role, need in found.items() if need != Need()}


def _both(one: Need, other: Need) -> Need:
    """Return what satisfies two rules that one go lifts: who may climb, or break the glass, under both of them."""
    risks: list[Risk] = [each for each in RISKS if each in {one.risk, other.risk}]
    after = {rung.role: rung.after_seconds for rung in other.rungs or ()}
    shared = [
        Rung(role=rung.role, after_seconds=max(rung.after_seconds, after[rung.role]))
        for rung in one.rungs or ()
        if rung.role in after
    ]
    return Need(
        risk=risks[-1] if risks else None,
        quorum=max(one.quorum, other.quorum),
        rungs=tuple(sorted(shared, key=lambda rung: rung.after_seconds)) or None,
        glass=one.glass if one.glass == other.glass else None,
    )


def static_policies(text: str) -> dict[str, Any]:
    """Return the policies of a text by the engine's own ids."""
    return orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]


def risk_called(word: object) -> Risk | None:
    """Return the risk of that name; ``None`` where there is none."""
    for risk in RISKS:
        if word == risk:
            return risk
    return None


def rules_of(path: Path, text: str) -> list[Rule]:
    """Return what the annotations of one file's policies say, or what they lack."""
    if orjson.loads(cedarpy.policies_to_json_str(text))["templates"]:
        raise PolicyBroken(f"{path} holds a template (?principal or ?resource), which rules nothing; write it out.")
    rules: list[Rule] = []
    for policy, body in static_policies(text).items():
        notes: dict[str, str] = body.get("annotations", {})
        name = notes.get("id") or policy
        if not notes.get("id") or not notes.get("because"):
            raise PolicyBroken(f"{path}: a policy ({name}) lacks @id or @because; add both.")
        if "gate" in notes and body["effect"] != "forbid":
            raise PolicyBroken(f"{path}: {name}: @gate belongs on a forbid, which a person may lift.")
        if "gate" in notes and not notes["gate"]:
            raise PolicyBroken(
                f'{path}: {name}: @gate names nobody; write the role that may lift it, @gate("manager").'
            )
        if "meanwhile" in notes and (notes["meanwhile"] != "proposed" or "gate" not in notes):
            raise PolicyBroken(
                f'{path}: {name}: @meanwhile("proposed") stands beside a @gate, and knows no other word.'
            )
        deadline = _seconds(notes["deadline"], f"{path}: {name}") if "deadline" in notes else None
        need, order = _need(notes, deadline, f"{path}: {name}"), _whole(notes, "order", 99, f"{path}: {name}")
        rules.append(Rule(name, notes["because"], notes.get("gate"), deadline, "meanwhile" in notes, need, order or 0))
    return rules


def _need(notes: Mapping[str, str], deadline: int | None, where: str) -> Need:
    """Return what a rule's go takes; these annotations stand beside a gate, and nothing in them is guessed."""
    lonely = [name for name in _BESIDE_A_GATE if name in notes and "gate" not in notes]
    if lonely:
        raise PolicyBroken(f"{where}: @{lonely[0]} says how a @gate is answered, and there is none.")
    named = notes.get("risk")
    risk = risk_called(named)
    if named is not None and risk is None:
        raise PolicyBroken(f'{where}: @risk("{plain_text(named, 80)}") is none of {", ".join(RISKS)}.')
    quorum = _whole(notes, "quorum", QUORUM_MAX, where) or 1
    return Need(risk=risk, quorum=quorum, rungs=_ladder(notes, deadline, where), glass=_glass(notes, where))


_BESIDE_A_GATE = ("risk", "quorum", "order", "escalate", *_OF_GLASS)


def rungs_of(text: str, where: str) -> tuple[Rung, ...]:
    """Return the rungs of a ladder like ``4h director, 1d board``, each later than the one before.

    Raises:
        PolicyBroken: it is none.

    """
    told = plain_text(text, 200)
    rungs: list[Rung] = []
    for part in text.split(","):
        words = part.split()
        if len(words) != 2:  # noqa: PLR2004 - a time and a role
            raise PolicyBroken(f'{where}: escalate("{told}") is no ladder like "4h director, 1d board".')
        rungs.append(Rung(role=words[1], after_seconds=_seconds(words[0], where, "escalate")))
    times, roles = [rung.after_seconds for rung in rungs], {rung.role for rung in rungs}
    if times != sorted(set(times)) or len(times) > RUNGS_MAX or len(roles) < len(rungs):
        raise PolicyBroken(
            f'{where}: escalate("{told}") has at most {RUNGS_MAX} rungs, each later than the one before, and names '
            "no role twice.",
        )
    return tuple(rungs)


def _ladder(notes: Mapping[str, str], deadline: int | None, where: str) -> tuple[Rung, ...] | None:
    """Return the rungs of ``@escalate``; all come before the rule's own deadline, and none is the role asked anyway."""
    if "escalate" not in notes:
        return None
    rungs = rungs_of(notes["escalate"], where)
    if deadline is None or rungs[-1].after_seconds >= deadline:
        raise PolicyBroken(f"{where}: every rung of @escalate comes before the rule's own @deadline, which is no-go.")
    if any(rung.role == notes["gate"] for rung in rungs):
        raise PolicyBroken(f"{where}: @escalate names {notes['gate']}, who is asked anyway.")
    return rungs


def _glass(notes: Mapping[str, str], where: str) -> Glass | None:
    """Return who may go alone in an emergency; that is never named without who looks at it, and by when."""
    given = [name for name in _OF_GLASS if notes.get(name)]
    if not any(name in notes for name in _OF_GLASS):
        return None
    if len(given) != len(_OF_GLASS):
        raise PolicyBroken(
            f"{where}: @break_glass, @reviewer and @review stand together: who may go alone, who looks at it, and "
            'within which time, as @break_glass("on-call") @reviewer("internal-audit") @review("24h").',
        )
    role, reviewer = notes["break_glass"], notes["reviewer"]
    if role == reviewer:
        raise PolicyBroken(f"{where}: @reviewer is another role than @break_glass, or nobody looks at it afterwards.")
    return Glass(role=role, reviewer=reviewer, review_seconds=_seconds(notes["review"], where, "review"))


def _whole(notes: Mapping[str, str], name: str, most: int, where: str) -> int | None:
    """Return an annotation that is a whole number from 1; ``None`` where it is not there."""
    text = notes.get(name)
    if text is None:
        return None
    if re.fullmatch(r"[1-9]\d?", text, re.ASCII) is None or int(text) > most:
        raise PolicyBroken(f'{where}: @{name}("{plain_text(text, 80)}") is no whole number from 1 to {most}.')
    return int(text)


def _seconds(text: str, where: str, name: str = "deadline") -> int:
    told = plain_text(text, 80)
    matched = re.fullmatch(r"0*([1-9]\d*)([smhd])", text, re.ASCII)
    if matched is None:
        raise PolicyBroken(f'{where}: @{name}("{told}") is not a time like "90s", "30m", "4h" or "2d".')
    # Ten digits are too many in any unit, and Python refuses to read thousands of them.
    seconds = int(matched[1][:10]) * _UNITS[matched[2]]
    if seconds > DEADLINE_DAYS_MAX * _UNITS["d"]:
        raise PolicyBroken(f'{where}: @{name}("{told}") is longer than {DEADLINE_DAYS_MAX}d; write a shorter one.')
    return seconds


def line_of(error: object) -> str:
    """Return what an engine says as one line."""
    return " ".join(str(error).split()).rstrip(".")
