"""Ballots: what people said at a gate, what proves it, and when enough of them have said go.

A gate takes one go, or, where its rule says so, that of several different people. A no-go or a revise
by one of them settles it. What counts is looked at when it is said, and again when it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo import emergencies, proofs, witnesses
from gonogo.asked import Asked, NotProven, lifetime_of, risk_in, risk_named
from gonogo.evidence.canon import moment, payload_bytes, plain_text
from gonogo.ladders import reached
from gonogo.statements import BREAK_GLASS, Said, TokenRefused, read_token, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gonogo.evidence.records import Record
    from gonogo.model import Answer, Door, Environment, Proof
    from gonogo.proofs import Proven
    from gonogo.settings import Settings

CODE_DIGITS = 6

PROVEN: frozenset[Proof] = frozenset({"totp", "oidc", "signature"})
"""Proofs of an enrolled person."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answered."""

    answer: Answer
    by: str
    reason: str
    door: Door
    proof: Proof = "unproven"
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    """For ``revise``: arguments the reviewer wants instead."""
    token: str = field(default="", repr=False)
    """What vouches for it: a signed token, the code of an authenticator app, or the ID token of a sign-in."""
    reason_code: str | None = None

    @classmethod
    def typed(
        cls, answer: Answer, by: str, reason: str, door: Door, *, token: str, changes: dict[str, Any] | None = None
    ) -> Reply:
        """Return an answer as it was typed somewhere; six digits are a code, anything else a token."""
        text = token.strip()
        proof: Proof = "unproven"
        if text:
            is_code = len(text) == CODE_DIGITS and text.isascii() and text.isdigit()
            proof = "totp" if is_code else "signature"
        return cls(answer, by, reason, door, proof, changes or {}, text)


def accepted_answers(desk: Iterable[Record], gate_id: str) -> list[Record]:
    """Return every answer that counts at a gate, in order; all but the last may be a part of a quorum."""
    return [
        record
        for record in desk
        if record.artifact == "approval_record" and record.data["gate"] == gate_id and record.data["accepted"]
    ]


def accepted_answer(desk: Iterable[Record], gate_id: str) -> Record | None:
    """Return the one answer that settles a gate, or ``None`` while it is open."""
    return next((each for each in accepted_answers(desk, gate_id) if not each.data.get("partial", False)), None)


def counted(answers: Iterable[Record]) -> list[str]:
    """Return the ids of settling answers and of those that they complete."""
    return [name for answer in answers for name in (*answer.data.get("with", ()), answer.fields["id"])]


def people_behind(settings: Settings, answers: Iterable[Record]) -> list[str]:
    """Return every name of those who gave these answers, logins included where they are enrolled."""
    found: list[str] = []
    for answer in answers:
        for name in answer.data.get("people", [answer.data["by"]]):
            is_enrolled = answer.data["proof"] in PROVEN
            found += sorted(proofs.approvers_of(settings).names_of(name)) if is_enrolled else [name]
    return list(dict.fromkeys(found))


def completed(reply: Reply) -> Reply:
    """Return a reply with what its token says where nothing was typed.

    Raises:
        NotProven: it is no token, or says something else than what was typed.

    """
    if reply.proof != "signature":
        return reply
    try:
        said, _ = read_token(reply.token)
    except TokenRefused as error:
        raise NotProven(str(error)) from error
    typed = {"answer": reply.answer, "name": reply.by.strip(), "reason": reply.reason.strip()}
    signed = {"answer": said.answer, "name": said.by, "reason": said.reason}
    for what, text in typed.items():
        if text and text != signed[what].strip():
            raise NotProven(f"The {what} that was typed is not the one that was signed; the token stands alone.")
    if reply.changes and payload_bytes(reply.changes).decode() != said.changes:
        raise NotProven("The changes that were typed are not those that were signed; the token stands alone.")
    return replace(reply, by=said.by, reason=said.reason, changes=said.wish(), reason_code=said.code)


def asked_of(request: Record, desk: Sequence[Record], environment: Environment, at: datetime | None = None) -> Asked:
    """Return what the request of a gate asks, as far as proof is concerned.

    Args:
        request: what the gate asks.
        desk: what was answered before.
        environment: whose rules hold.
        at: when it is answered, so which rungs of its ladder have come; now, if not given.

    """
    data, fields = request.data, request.fields
    about = {
        "action": data["action"],
        "action_digest": data["action_digest"],
        "agent": fields.get("agentid", ""),
        "agent_version": fields.get("manifestdigest", ""),
        "card_digest": data["card_digest"],
        "environment": fields["envname"],
        "mission": fields["missionid"],
        "policy": fields["policydigest"],
        "role": data["role"],
        "run": request.run_id,
    }
    args = request.body_object().get("args", {})
    return Asked(
        subject=data["gate"],
        about=about,
        action=data["action"],
        role=data["role"],
        environment=environment,
        args=args,
        risk=risk_named(data.get("risk")),
        mission=fields["missionid"],
        requester=data["requester"],
        agent=fields.get("agentid", ""),
        executor=data.get("executor", ""),
        earlier=_gone_before(request, desk),
        rungs=frozenset(reached(request, at or datetime.now(UTC))),
        glass=data.get("break_glass", {}).get("role", ""),
    )


def _gone_before(request: Record, desk: Sequence[Record]) -> frozenset[str]:
    """Return who said go to the same action, at this gate or at another of its gates.

    Whether something happened, or was right, is another question than whether it may be done.
    """
    gate_id = request.data["gate"] if {"doubt", "review", emergencies.MARK, "failure"} & request.data.keys() else None
    # Who broke the glass is not among those who say afterwards that it was right.
    alone = frozenset({request.data["glass_by"]} if "glass_by" in request.data else ())
    return alone | frozenset(
        record.data["by"]
        for record in desk
        if record.artifact == "approval_record"
        and record.data["accepted"]
        and record.data["answer"] == "go"
        and record.data["action_digest"] == request.data["action_digest"]
        and gate_id in {None, record.data["gate"]}
    )


def prove(settings: Settings, asked: Asked, reply: Reply, request: Record, desk: Sequence[Record]) -> Proven:
    """Return what vouches for a reply; a code is used up by it, and a sign-in witnessed.

    Raises:
        NotProven: nothing does, and why.

    """
    at = datetime.now(UTC)
    if reply.proof in {"totp", "oidc"}:
        try:
            said = say(
                asked.subject, reply.answer, by=reply.by, reason=plain_text(reply.reason, 10_000),
                code=reply.reason_code, changes=reply.changes,
                lifetime=lifetime_of(asked), no_later=end_of(request),
            )  # fmt: skip
        except TokenRefused as error:
            raise NotProven(str(error)) from error
        by = proofs.proof_by_code if reply.proof == "totp" else witnesses.proof_by_sign_in
        return by(settings, asked, said, reply.token, at)
    proven = proofs.proof_by_key(settings, asked, reply.token, at)
    if any(record.data.get("nonce") == proven.said.nonce for record in desk):
        raise NotProven("The token was used before; each counts once.")
    return proven


def end_of(request: Record) -> datetime | None:
    """Return when a gate is over; never, for a review, which is answered late, too."""
    is_open = {"review", emergencies.MARK} & request.data.keys()
    return None if is_open else moment(request.data["deadline"])


def standing(request: Record, desk: Sequence[Record], reply: Reply) -> dict[str, Any]:
    """Return what an accepted answer is within its gate's quorum: a part of it, or what completes it."""
    quorum = quorum_of(request)
    if reply.answer != "go" or quorum == 1 or reply.reason_code == BREAK_GLASS:
        return {}
    now = datetime.now(UTC)
    before = [
        each
        for each in accepted_answers(desk, request.data["gate"])
        if "expires" not in each.data or now < moment(each.data["expires"])
    ]
    people = list(dict.fromkeys([*(each.data["by"] for each in before), plain_text(reply.by, 200)]))
    if len(people) < quorum:
        return {"partial": True}
    return {"people": people, "with": [each.fields["id"] for each in before]}


def quorum_of(request: Record) -> int:
    """Return how many different people must say go."""
    return int(request.data.get("quorum", 1))


def still_proven(settings: Settings, asked: Asked, answer: Record, at: datetime) -> None:
    """Return where an answer is what its person said, and would still count at a moment.

    Raises:
        RunOut: it was, and counts no more.
        NotProven: it never was.

    """
    data, body = answer.data, answer.body_object()
    asked = replace(asked, earlier=asked.earlier - {data["by"]})
    match data["proof"]:
        case "signature":
            proven = proofs.proof_by_key(settings, asked, str(body.get("token", "")), at)
        case "totp":
            proven = proofs.still_by_code(settings, asked, _as_said(answer), at)
        case "oidc":
            proven = witnesses.still_by_sign_in(settings, asked, _as_said(answer), answer, at)
        case "unproven":
            if asked.environment != "dev" or risk_in(asked.risk, asked.environment) != "low":
                raise NotProven("A name without proof counts for low risk in the dev environment only.")
            return
        case _:
            raise NotProven("Nothing vouches for it.")
    said = proven.said
    told = {"answer": said.answer, "by": said.by, "statement_digest": proven.digest, "reason_code": said.code}
    if any(data.get(name) != value for name, value in told.items()):
        raise NotProven("What was recorded is not what was said.")
    if said.reason != body.get("reason") or payload_bytes(body.get("changes", {})).decode() != said.changes:
        raise NotProven("The reason or the changes that were recorded are not those that were given.")


def _as_said(answer: Record) -> Said:
    """Return the statement that a code or a sign-in vouched for, put together again from its record."""
    data, body = answer.data, answer.body_object()
    try:
        return Said(
            subject=data["gate"],
            answer=data["answer"],
            by=data["by"],
            reason=body["reason"],
            code=data["reason_code"],
            changes=payload_bytes(body["changes"]).decode(),
            nonce=data["nonce"],
            issued=data["issued"],
            expires=data["expires"],
        )
    except (KeyError, ValueError) as error:
        raise NotProven(f"The record of the answer is not whole ({error}).") from error
