"""The law: Cedar text, parsed once, validated against its schema, deciding closed by default.

Annotations carry meaning. ``@id`` names a rule, ``@because`` is the sentence a manager reads,
``@gate("role")`` on a forbid says that a person with that role may lift it, ``@deadline("4h")``
how long that person has, ``@meanwhile("proposed")`` that an agent's turn goes on without it,
``@risk("high")`` how strong the proof of an answer must be, ``@quorum("2")`` how many different people
must say go, ``@order("1")`` who is asked before whom, ``@escalate("4h director")`` who may answer as
well once nobody has, ``@break_glass("on-call")`` with ``@reviewer`` and ``@review`` who may go alone in
an emergency. A denial is a gate only if the same request,
with the missing approvals supposed, would be allowed: the reasons of a denial do not show a missing
permit.
"""

# cedarpy types its dictionaries in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cedarpy
import orjson
from pydantic import Field

from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.model import Noun, Verdict
from gonogo.policy.rules import Need, Rule, in_turn, line_of, needs_of, rules_of, static_policies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Request(Noun):
    """One question to the law, complete: the same request gives the same ruling."""

    principal: tuple[str, str]
    """Entity type and id, as ``("Agent", "claims_payer")``."""
    action: str
    resource: tuple[str, str]
    call: dict[str, Any]
    args: dict[str, Any]

    def context(self, approvals: Sequence[str], approvers: Sequence[str]) -> dict[str, Any]:
        """Return the Cedar context with these roles and people supposed to have approved."""
        call = {**self.call, "approvals": sorted(set(approvals)), "approvers": sorted(set(approvers))}
        return {"call": call, "args": self.args}


class Ruling(Noun):
    """What the law says, and which rules made it say so."""

    verdict: Verdict
    rules: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """For a gate: the roles that must each say go, in the order they are asked."""
    deadline_seconds: int | None = None
    proposed: bool = False
    """For a gate: whether an agent goes on meanwhile, and is told that it is proposed and not done."""
    needs: dict[str, Need] = Field(default_factory=dict[str, Need])
    """For a gate: by role, what its go takes; a role that is not here takes what every go takes."""


@dataclass(frozen=True, slots=True)
class Law:
    """A validated set of policies."""

    policies: cedarpy.PolicySet
    schema: cedarpy.Schema
    rules: dict[str, Rule]
    """By Cedar's internal policy id."""
    digest: str
    """SHA-256 of all policy and schema text: the law in force."""
    texts: dict[str, str] = field(default_factory=dict[str, str])

    def entities(self, facts: Sequence[Mapping[str, Any]]) -> cedarpy.Entities:
        """Parse the world the law speaks about: agents, missions, tools, systems.

        Raises:
            PolicyBroken: the entities do not fit the schema.

        """
        try:
            return cedarpy.Entities.from_json_str(orjson.dumps(list(facts)).decode(), self.schema)
        except ValueError as error:
            raise PolicyBroken(f"Agents and tools do not fit the policy schema: {error}.") from error

    def decide(
        self,
        request: Request,
        entities: cedarpy.Entities,
        approvals: Sequence[str] = (),
        approvers: Sequence[str] = (),
    ) -> Ruling:
        """Rule on a request; anything but a clean allow is a deny, or a gate a person may open."""
        granted = list(approvals)
        first = self._ask(request, entities, granted, approvers)
        if first.verdict == "allow":
            return first
        supposed = list(dict.fromkeys(first.roles))
        missing = [role for role in supposed if role not in granted]
        if not missing:
            return first.model_copy(update={"roles": ()})
        lifted = self._ask(request, entities, granted + missing, [*approvers, "someone"])
        if lifted.verdict != "allow":
            because = tuple(dict.fromkeys((*lifted.because, *first.because)))
            rules = tuple(dict.fromkeys((*lifted.rules, *first.rules)))
            return Ruling(verdict="deny", rules=rules, because=because)
        return first.model_copy(update={"verdict": "gate", "roles": tuple(missing)})

    def _ask(
        self,
        request: Request,
        entities: cedarpy.Entities,
        approvals: Sequence[str],
        approvers: Sequence[str],
    ) -> Ruling:
        """Ask the engine once."""
        answer = cedarpy.is_authorized(
            {
                "principal": {"type": request.principal[0], "id": request.principal[1]},
                "action": {"type": "Action", "id": request.action},
                "resource": {"type": request.resource[0], "id": request.resource[1]},
                "context": request.context(approvals, approvers),
            },
            self.policies,
            entities,
            self.schema,
        )
        # Cedar skips a forbid that errors, and answers NoDecision to a request outside the schema.
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            reason = self._told(answer.diagnostics.errors[0]) if answer.diagnostics.errors else "no decision"
            return Ruling(verdict="deny", rules=("fail-closed",), because=(f"The law could not rule: {reason}.",))
        hit = [self.rules[policy] for policy in answer.diagnostics.reasons]
        hit.sort(key=lambda rule: rule.name)
        if not hit:
            because = (f"No rule permits {request.principal[1]} to {request.action}.",)
            return Ruling(verdict="deny", rules=("default-deny",), because=because)
        deadlines = [rule.deadline_seconds for rule in hit if rule.deadline_seconds is not None]
        return Ruling(
            verdict="allow" if answer.allowed else "deny",
            rules=tuple(rule.name for rule in hit),
            because=tuple(rule.because for rule in hit),
            roles=() if answer.allowed else in_turn(hit),
            deadline_seconds=min(deadlines, default=None),
            proposed=any(rule.proposed for rule in hit) and not answer.allowed,
            needs={} if answer.allowed else needs_of(hit),
        )

    def _told(self, error: object) -> str:
        """Return an engine's error with our rule's name instead of its own number."""
        return re.sub(r"`(policy\d+)`", lambda found: self._name(found[1]), line_of(error))

    def _name(self, policy: str) -> str:
        return self.rules[policy].name if policy in self.rules else policy


def read_law(folder: Path) -> Law:
    """Read, parse and validate every ``*.cedar`` against every ``*.cedarschema`` of a folder.

    Raises:
        PolicyBroken: a file does not parse, a policy does not fit the schema, has no ``@id`` or
            ``@because``, or shares its id. The message names the file. Nothing starts.

    """
    schema_texts = _texts(folder, "*.cedarschema")
    texts = _texts(folder, "*.cedar")
    schema_text = "\n".join(schema_texts.values())
    try:
        schema = cedarpy.Schema.from_str(schema_text)
    except ValueError as error:
        raise PolicyBroken(f"The schema in {folder}/*.cedarschema does not parse: {line_of(error)}.") from error
    named: dict[str, Rule] = {}
    for name, text in texts.items():
        _validate(folder / name, text, schema)
        for rule in rules_of(folder / name, text):
            if rule.name in named:
                raise PolicyBroken(f"{folder / name}: another policy is called {rule.name}, too; ids are unique.")
            named[rule.name] = rule
    whole = "\n".join(texts.values())
    rules = {policy: named[body["annotations"]["id"]] for policy, body in static_policies(whole).items()}
    raw = payload_bytes({"policies": texts, "schema": schema_texts})
    return Law(cedarpy.PolicySet.from_str(whole), schema, rules, sha256_hex(raw), texts)


def _texts(folder: Path, pattern: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(folder.glob(pattern)):
        try:
            found[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyBroken(f"{path} cannot be read ({line_of(error)}); it is text, in UTF-8.") from error
    if not found:
        raise PolicyBroken(f"{folder} holds no {pattern}; without a law nothing is allowed to start.")
    return found


def _validate(path: Path, text: str, schema: cedarpy.Schema) -> None:
    try:
        cedarpy.PolicySet.from_str(text)
    except ValueError as error:
        raise PolicyBroken(f"{path} does not parse: {line_of(error)}. No mission starts until it does.") from error
    report = cedarpy.validate_policies(text, schema)
    if not report.validation_passed:
        raise PolicyBroken(
            f"{path} does not fit the schema: {line_of(report.errors[0])}. No mission starts until it does."
        )
