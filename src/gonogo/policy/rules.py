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


QUORUM_MAX = 9
"""The most people that one rule may ask for; more than that nobody gathers before a deadline."""


class Need(Noun):
    """What a role's go takes, where its rules say more than that a person has to be asked."""

    risk: Risk | None = None
    """The highest that one of them names; the environment's default, if none does."""
    quorum: int = 1
    """How many different people must say go."""


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
        if rule.role is None or rule.need == Need():
            continue
        known = found.get(rule.role, Need())
        risks: list[Risk] = [each for each in RISKS if each in {known.risk, rule.need.risk}]
        quorum = max(known.quorum, rule.need.quorum)
        found[rule.role] = Need(risk=risks[-1] if risks else None, quorum=quorum)
    return found


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
        need, order = _need(notes, f"{path}: {name}"), _whole(notes, "order", 99, f"{path}: {name}")
        rules.append(Rule(name, notes["because"], notes.get("gate"), deadline, "meanwhile" in notes, need, order or 0))
    return rules


def _need(notes: Mapping[str, str], where: str) -> Need:
    """Return what a rule's go takes; these annotations stand beside a gate, and nothing in them is guessed."""
    lonely = [name for name in ("risk", "quorum", "order") if name in notes and "gate" not in notes]
    if lonely:
        raise PolicyBroken(f"{where}: @{lonely[0]} says how a @gate is answered, and there is none.")
    named = notes.get("risk")
    risk = risk_called(named)
    if named is not None and risk is None:
        raise PolicyBroken(f'{where}: @risk("{plain_text(named, 80)}") is none of {", ".join(RISKS)}.')
    return Need(risk=risk, quorum=_whole(notes, "quorum", QUORUM_MAX, where) or 1)


def _whole(notes: Mapping[str, str], name: str, most: int, where: str) -> int | None:
    """Return an annotation that is a whole number from 1; ``None`` where it is not there."""
    text = notes.get(name)
    if text is None:
        return None
    if re.fullmatch(r"[1-9]\d?", text, re.ASCII) is None or int(text) > most:
        raise PolicyBroken(f'{where}: @{name}("{plain_text(text, 80)}") is no whole number from 1 to {most}.')
    return int(text)


def _seconds(text: str, where: str) -> int:
    told = plain_text(text, 80)
    matched = re.fullmatch(r"0*([1-9]\d*)([smhd])", text, re.ASCII)
    if matched is None:
        raise PolicyBroken(f'{where}: @deadline("{told}") is not a time like "90s", "30m", "4h" or "2d".')
    # Ten digits are too many in any unit, and Python refuses to read thousands of them.
    seconds = int(matched[1][:10]) * _UNITS[matched[2]]
    if seconds > DEADLINE_DAYS_MAX * _UNITS["d"]:
        raise PolicyBroken(f'{where}: @deadline("{told}") is longer than {DEADLINE_DAYS_MAX}d; write a shorter one.')
    return seconds


def line_of(error: object) -> str:
    """Return what an engine says as one line."""
    return " ".join(str(error).split()).rstrip(".")
