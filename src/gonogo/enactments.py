"""Enactments: who approved which law. Outside ``dev`` nothing flies under a law that nobody approved.

The facts stand in the stream ``law/desk`` of the journals, a chain for each environment: each is a signed
statement over the digest of the book before and the book after, and holds the approvers of the book after.
A link counts if somebody signed it who had the role ``law`` in the book *before*, so nobody lets themselves
in by changing ``approvers.yaml``. Everything is checked again by whoever loads the law; what does not hold is
no link, and stays on record. The first link is founded by the approvers that its own book names.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import AnswerRefused, LawUnapproved, PolicyBroken
from gonogo.evidence.canon import moment, payload_bytes, plain_text, sha256_hex
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.evidence.payloads import whole
from gonogo.links import Chain, Enactment, LinkBroken, Proposal, check_link, readable
from gonogo.policy.approvers import FILE
from gonogo.policy.books import book_of
from gonogo.policy.force import approvers_in_force
from gonogo.signers import sign
from gonogo.statements import LIFETIME, NAMESPACE, TokenRefused, say, token_of

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.model import Environment
    from gonogo.settings import Settings
    from gonogo.statements import Said

LAW = "law"
"""The name under which the facts stand in the journals; no run bears it."""

_DEV = "In dev nobody approves the law, and nothing asks for it; set GONOGO_ENVIRONMENT to where it is to count."


_known: dict[tuple[object, ...], Chain] = {}


def chain_of(settings: Settings, environment: Environment) -> Chain:
    """Return what was approved for an environment, every signature checked; read again only where it has grown.

    Raises:
        EvidenceBroken: the stream's chain of digests does not hold.

    """
    journal = journal_of(settings)
    place = (os.getpid(), settings.journals or settings.home, settings.tenant, environment)
    position = journal.desk_position(LAW)
    if (*place, position) not in _known:
        for old in [key for key in _known if key[: len(place)] == place]:
            del _known[old]
        found = Chain()
        for record in only(journal.read_desk(LAW), "law_record") if position else []:
            if _is_of(record, settings, environment):
                found = _extended(found, whole(journal.payloads, record))
        _known[*place, position] = found
    return _known[*place, position]


def check_enacted(settings: Settings, environment: Environment) -> None:
    """Return where the law of the policy folder is the one that was approved; costs a look at what has changed.

    Raises:
        LawUnapproved: nobody approved it; the message says what changed since, and the way out.
        PolicyBroken: it cannot be read.

    """
    if environment == "dev":
        return
    book, head = book_of(settings.policy_folder), chain_of(settings, environment).head
    if head is not None and head.after == book.digest:
        return
    way_out = (
        "`gonogo policies` shows it, `gonogo policies approve --as NAME --sign KEY --reason TEXT` has it approved."
    )
    if head is None:
        raise LawUnapproved(f"Nobody approved the law in {settings.policy_folder} for {environment}. {way_out}")
    changed = ", ".join(book.changed_from(head.files)[:5])
    raise LawUnapproved(
        f"The law in {settings.policy_folder} is not the one that {head.by} approved for {environment} at "
        f"{head.at.isoformat()[:19]}Z: {changed} changed since, and nothing flies under it. {way_out}",
    )


def check_flight(settings: Settings, run_id: str) -> None:
    """Do the same for a run that is about to fly; that it was kept from flying is evidence, once for each law.

    Raises:
        LawUnapproved, PolicyBroken: as :func:`check_enacted`.

    """
    try:
        check_enacted(settings, settings.environment)
    except LawUnapproved as error:
        _note_blocked(settings, run_id, str(error))
        raise


def _note_blocked(settings: Settings, run_id: str, told: str) -> None:
    book, head = book_of(settings.policy_folder), chain_of(settings, settings.environment).head
    with journal_of(settings).open_desk(LAW) as desk:
        known = [r for r in only(desk.records, "law_record") if _is_of(r, settings, settings.environment)]
        if any(r.data["event"] == "blocked" and r.data["after"] == book.digest for r in known):
            return
        data = {
            "objects": [{"id": LAW, "type": "law"}, {"id": run_id, "type": "run"}], "phase": "fact", "event": "blocked",
            "before": "" if head is None else head.after, "after": book.digest, "by": "nobody", "door": "flight",
            "changed": book.changed_from({} if head is None else head.files), "refused_because": plain_text(told, 500),
        }  # fmt: skip
        desk.append(_envelope(settings, "system", "gonogo"), "law_record", data)
        desk.commit_now()


def _envelope(settings: Settings, kind: str, name: str) -> dict[str, Any]:
    """Return the fields that a record about the law carries."""
    return {
        "runid": LAW, "subject": LAW, "tenantid": settings.tenant, "envname": settings.environment, "missionid": "",
        "authtype": kind, "authid": name,
    }  # fmt: skip


def propose(settings: Settings) -> Proposal:
    """Return what somebody has to sign so that the law of the policy folder counts.

    Raises:
        AnswerRefused: it is approved already, or this is ``dev``.
        PolicyBroken: it does not hold; what does not hold is not approved either.

    """
    environment = settings.environment
    if environment == "dev":
        raise AnswerRefused(_DEV)
    law, _, _ = approvers_in_force(settings.policy_folder)
    book, head = book_of(settings.policy_folder), chain_of(settings, environment).head
    if head is not None and head.after == book.digest:
        raise AnswerRefused(f"This law is approved already, by {head.by} at {head.at.isoformat()[:19]}Z.")
    before = "" if head is None else head.after
    changed = book.changed_from({} if head is None else head.files)
    return Proposal(before, book.digest, law.digest, environment, settings.tenant, book.files, tuple(changed))


def signed_token(settings: Settings, name: str, reason: str, key: Path) -> str:
    """Return the token with which a person approves the law of the policy folder, signed with their own key.

    Raises:
        AnswerRefused: there is nothing to approve, or it could not be signed.

    """
    proposal = propose(settings)
    try:
        said = say(
            proposal.subject, "go", by=name, reason=plain_text(reason, 2_000), code=None, changes={},
            lifetime=LIFETIME["high"],
        )  # fmt: skip
        return token_of(said, sign(key, said.statement(proposal.about), NAMESPACE))
    except TokenRefused as error:
        raise AnswerRefused(str(error)) from error


def enact(settings: Settings, token: str, door: str = "cli") -> Enactment:
    """Record that a person approved the law of the policy folder; a token that does not count is evidence, too.

    Raises:
        AnswerRefused: it does not count, and why; the law stays unapproved.
        EvidenceUnwritable: it cannot be recorded; the law stays unapproved.

    """
    proposal = propose(settings)
    text = _approvers_text(settings)
    journal = journal_of(settings)
    with journal.open_desk(LAW) as desk:
        known = Chain()
        for record in only(desk.records, "law_record"):
            if _is_of(record, settings, settings.environment):
                known = _extended(known, whole(journal.payloads, record))
        data: dict[str, Any] = {
            "objects": [{"id": LAW, "type": "law"}], "phase": "fact", "door": door, "before": proposal.before,
            "after": proposal.after, "policy": proposal.policy, "changed": list(proposal.changed),
        }  # fmt: skip
        body: dict[str, Any] = {"files": proposal.files}
        objection = ""
        try:
            said, key = _check_next(known, proposal, token, text, datetime.now(UTC))
        except LinkBroken as error:
            objection = f"{error}"
            data |= {"event": "refused", "by": "nobody", "refused_because": plain_text(objection)}
        else:
            data |= {
                "event": "enacted", "by": said.by, "nonce": said.nonce, "issued": said.issued, "expires": said.expires,
                "reason_code": said.code, "statement_digest": sha256_hex(said.statement(proposal.about)),
                "key_fingerprint": key,
            }  # fmt: skip
            body |= {"reason": said.reason, "token": token.strip(), "approvers": text}
        envelope = _envelope(settings, "unauthenticated" if objection else "user", data["by"])
        written = desk.append(envelope, "law_record", data, payload=payload_bytes(body))
        desk.commit_now()
    if objection:
        raise AnswerRefused(f"{objection} The law stays unapproved.")
    return _link(written)


def _approvers_text(settings: Settings) -> str:
    path = settings.policy_folder / FILE
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyBroken(f"{path} cannot be read ({error}).") from error


def _is_of(record: Record, settings: Settings, environment: Environment) -> bool:
    return (record.fields["envname"], record.fields["tenantid"]) == (environment, settings.tenant)


def _check_next(chain: Chain, proposal: Proposal, token: str, text: str, at: datetime) -> tuple[Said, str]:
    """Return what was said and by which key, where a token makes the proposal the next link of a chain.

    Raises:
        LinkBroken: it does not, and why.

    """
    head = chain.head
    said, key = readable(token)
    if proposal.before != ("" if head is None else head.after):
        raise LinkBroken("It does not follow on the law that was approved last; look again at what changed.")
    if head is not None and at < head.at:
        raise LinkBroken("It is older than the approval before it.")
    if any(link.nonce == said.nonce for link in chain.links):
        raise LinkBroken("The token was used before; each counts once.")
    check_link(proposal, token, text, None if head is None else head.approvers, at)
    return said, key


def _extended(chain: Chain, record: Record) -> Chain:
    """Return a chain with one more fact: a link where it holds, an objection where it does not."""
    if record.data["event"] != "enacted":
        return chain
    try:
        body = record.body_object()
        token, text = str(body["token"]), str(body["approvers"])
        _check_next(chain, Proposal.of(record, body), token, text, moment(record.fields["time"]))
        return Chain((*chain.links, _link(record)), chain.objections)
    except (LinkBroken, KeyError, ValueError) as error:
        told = plain_text(f"Record {record.seq} of {LAW}/desk approves nothing: {error}", 500)
        return Chain(chain.links, (*chain.objections, told))


def _link(record: Record) -> Enactment:
    body, data = record.body_object(), record.data
    said, fingerprint = readable(body["token"])
    return Enactment(
        id=record.fields["id"],
        at=moment(record.fields["time"]),
        by=said.by,
        before=data["before"],
        after=data["after"],
        policy=data["policy"],
        reason=said.reason,
        files=body["files"],
        approvers=Proposal.approvers_in(body["approvers"]),
        nonce=said.nonce,
        key=fingerprint,
    )
