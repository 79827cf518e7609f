"""A court for the tests of the law: puts one request to the real policies and returns the ruling."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tasks.claims
import tasks.content
import tasks.contracts
import tasks.incidents
import tasks.leads
from gonogo.model import Charter
from gonogo.policy.law import Law, Request, Ruling, read_law
from gonogo.policy.registry import Registry, read_registry
from gonogo.tools import TOOLS
from gonogo.worlds import world

if TYPE_CHECKING:
    from collections.abc import Mapping

    import cedarpy

POLICIES = Path(__file__).parents[2] / "policies"
ROOMS = (tasks.claims, tasks.content, tasks.contracts, tasks.incidents, tasks.leads)
"""Importing these defines every tool of the missions."""

SCOPES = {
    "claims_triage": ("claims", "payments"),
    "content_review": ("content", "publications"),
    "contract_review": ("contracts", "signing"),
    "incident_response": ("ticketing", "operations"),
    "lead_qualification": ("crm", "calendars", "firms"),
}


class Asked(NamedTuple):
    """What is put to the law."""

    action: str
    args: Mapping[str, Any]
    by: str = ""
    """The acting agent; the mission itself, if empty."""
    call: Mapping[str, Any] = {}
    approvals: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()


@lru_cache
def law() -> Law:
    """Return the law in force."""
    return read_law(POLICIES)


@lru_cache
def registry() -> Registry:
    """Return who is registered."""
    return read_registry(POLICIES)


@lru_cache
def _world(mission: str) -> cedarpy.Entities:
    from gonogo.model import Budget

    charter = Charter(name=mission, owner="owner", scope=SCOPES[mission], budget=Budget())
    return world(law(), registry(), charter, len(TOOLS))


def rule(asked: Asked, mission: str, resource: tuple[str, str] | None = None) -> Ruling:
    """Return what the law says about a tool, or another resource, in ``dev`` unless the call says otherwise."""
    call = {
        "mission": mission,
        "scope": list(SCOPES[mission]),
        "environment": "dev",
        "requester": "ada",
        "offline": True,
        **asked.call,
    }
    principal = ("Agent", asked.by) if asked.by else ("Mission", mission)
    request = Request(
        principal=principal,
        action=asked.action,
        resource=resource or ("Tool", asked.action),
        call=call,
        args=dict(asked.args),
    )
    return law().decide(request, _world(mission), asked.approvals, asked.approvers)


def must_allow(asked: Asked, mission: str) -> None:
    """Hold that it is done without anybody being asked."""
    ruling = rule(asked, mission)
    assert ruling.verdict == "allow", ruling


def must_ask(asked: Asked, roles: tuple[str, ...], mission: str) -> None:
    """Hold that it waits for these roles, each with a sentence and a deadline."""
    ruling = rule(asked, mission)
    assert (ruling.verdict, set(ruling.roles)) == ("gate", set(roles)), ruling
    assert ruling.deadline_seconds, ruling
    assert all(ruling.because), ruling


def must_yield(asked: Asked, roles: tuple[str, ...], mission: str) -> None:
    """Hold that the go of all these roles lifts the gate, and that nothing less does."""
    lifted = rule(asked._replace(approvals=roles, approvers=("grace",)), mission)
    assert lifted.verdict == "allow", lifted
    other = rule(asked._replace(approvals=("somebody-else",)), mission)
    assert other.verdict == "gate", other


def must_refuse(asked: Asked, by: str, everybody: tuple[str, ...], mission: str) -> None:
    """Hold that a rule forbids it, also where everybody who may be asked has said go."""
    ruling = rule(asked._replace(approvals=everybody), mission)
    assert ruling.verdict == "deny", ruling
    assert by in ruling.rules, ruling
    alone = rule(asked, mission)
    assert alone.verdict == "deny", alone
