"""Owned: exceptions that wait for their owner, how they are closed, and who is told when nobody closes them.

An exception is a record of its run, or of its desk once the run has ended. Closing one is a record of the
desk that names it, by somebody with the owner's role; each rung of its ladder is a record there, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.approvals import inherited
from gonogo.asked import Asked, NotProven, lifetime_of, risk_in
from gonogo.errors import AnswerRefused, RunUnknown
from gonogo.evidence.canon import moment, payload_bytes, plain_text, sha256_hex, timestamp
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.policy.escalations import read_escalations
from gonogo.proofs import proof_by_key
from gonogo.signers import sign
from gonogo.statements import NAMESPACE, TokenRefused, say, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

ACTION = "close_exception"
_TYPE = "exception_record"


@dataclass(frozen=True, slots=True)
class Owned:
    """An exception that nobody has closed."""

    record: Record
    told: tuple[str, ...]
    """Roles that were told of it because its owner had not closed it."""

    @property
    def id(self) -> str:
        """Its name: the id of its record."""
        return str(self.record.fields["id"])

    def row(self) -> dict[str, Any]:
        """Return what a person is shown."""
        data, fields = self.record.data, self.record.fields
        return {
            "exception": self.id, "run_id": self.record.run_id, "mission": fields["missionid"], "owner": data["owner"],
            "reason_code": data["reason_code"], "what": data["what"], "raised": fields["time"], "told": list(self.told),
        }  # fmt: skip


def open_exceptions(journal: Journal) -> list[Owned]:
    """Return every exception that nobody has closed, oldest first.

    Searches every run, so it is for people who ask and for the clock, not for loops.
    """
    found = [owned for run_id in _runs(journal) for owned in _of_run(journal, run_id)]
    return sorted(found, key=lambda owned: str(owned.record.fields["time"]))


def find_exception(journal: Journal, text: str) -> Owned:
    """Return the open exception of an id, or of an unambiguous end of one.

    Raises:
        RunUnknown: none is open under it, or several are.

    """
    found = [owned for owned in open_exceptions(journal) if owned.id.endswith(text)] if text else []
    if len(found) != 1:
        what = "No open exception is" if not found else f"{len(found)} open exceptions are"
        raise RunUnknown(f"{what} called {plain_text(text, 80)}; `gonogo exceptions` lists them.")
    return found[0]


def close(settings: Settings, owned: Owned, reason: str, *, by: str, token: str = "") -> Record:
    """Record that an exception is settled, by whom and how; outside ``dev`` that takes a signature by its owner's role.

    Raises:
        AnswerRefused: nothing vouches for who closes it, or somebody was faster. It stays open.

    """
    journal, request = journal_of(settings), owned.record
    asked = _asked(settings, owned)
    vouched: dict[str, Any] = {"proof": "unproven"}
    if token:
        try:
            proven = proof_by_key(settings, asked, token, datetime.now(UTC))
        except NotProven as error:
            raise AnswerRefused(f"{error} It stays open.") from error
        if proven.said.answer != "go" or (by and by != proven.said.by) or (reason and reason != proven.said.reason):
            raise AnswerRefused("What was typed is not what was signed; the token stands alone. It stays open.")
        by, reason, vouched = proven.said.by, proven.said.reason, {"proof": proven.proof, **proven.data()}
    elif risk_in(None, asked.environment) != "low":
        raise AnswerRefused(f"{by} is a name without proof, which closes nothing outside dev; sign it. It stays open.")
    if not by.strip() or not reason.strip():
        raise AnswerRefused("An exception is closed with a name and a reason; it stays open.")
    with journal.open_desk(request.run_id) as desk:
        if any(record.data.get("closes") == owned.id for record in desk.records):
            raise AnswerRefused("Somebody has closed it meanwhile.")
        data = {
            "objects": [{"id": request.run_id, "type": "run"}], "phase": "fact", "closes": owned.id,
            "reason_code": request.data["reason_code"], "owner": request.data["owner"],
            "what": plain_text(reason, 1_000), "by": plain_text(by, 200),
        }  # fmt: skip
        body = payload_bytes({"token": token.strip()}) if token else None
        record = desk.append(inherited(request), _TYPE, data | vouched, payload=body)
        desk.commit_now()
    return record


def signed_token(settings: Settings, owned: Owned, reason: str, *, by: str, key: Path) -> str:
    """Return the token with which a person closes an exception, signed with their own key.

    Raises:
        AnswerRefused: it could not be signed.

    """
    asked = _asked(settings, owned)
    try:
        said = say(
            asked.subject, "go", by=by, reason=plain_text(reason, 1_000), code=None, changes={},
            lifetime=lifetime_of(asked),
        )  # fmt: skip
    except TokenRefused as error:
        raise AnswerRefused(str(error)) from error
    return token_of(said, sign(key, said.statement(asked.about), NAMESPACE))


def climb_exceptions(settings: Settings, at: datetime | None = None) -> list[Record]:
    """Record every rung that has come of exceptions that nobody closed, and return what is new; once each.

    Raises:
        PolicyBroken: ``escalations.yaml`` does not hold.

    """
    ladders, journal = read_escalations(settings.policy_folder), journal_of(settings)
    now = at or datetime.now(UTC)
    written: list[Record] = []
    for owned in open_exceptions(journal):
        rungs, raised = ladders.of(owned.record.data["owner"]), moment(owned.record.fields["time"])
        due = [(n, rung, raised + timedelta(seconds=rung.after_seconds)) for n, rung in enumerate(rungs, 1)]
        if not any(when <= now and rung.role not in owned.told for _, rung, when in due):
            continue
        with journal.open_desk(owned.record.run_id) as desk:
            if any(record.data.get("closes") == owned.id for record in desk.records):
                continue
            told = set(_told(desk.records, owned.id))
            written += [
                desk.append(
                    {**inherited(owned.record), "authtype": "system", "authid": "deadline"},
                    "escalation_record",
                    {
                        "objects": [{"id": owned.record.run_id, "type": "run"}], "phase": "fact", "exception": owned.id,
                        "rung": number, "of": len(rungs), "role": rung.role, "due": timestamp(when),
                    },
                )
                for number, rung, when in due
                if when <= now and rung.role not in told
            ]  # fmt: skip
            desk.commit_now()
    return written


def _runs(journal: Journal) -> list[str]:
    """Return the runs that may have an exception: on the flight, or, of a review, on the desk alone."""
    marks = (_TYPE, '"review":true', '"glass":true')
    return list(dict.fromkeys(run for mark in marks for run in journal.runs_mentioning(mark)))


def _of_run(journal: Journal, run_id: str) -> Iterator[Owned]:
    desk = journal.read_desk(run_id)
    known = [*only(journal.read_flight(run_id), _TYPE), *only(desk, _TYPE)]
    closed = {record.data.get("closes") for record in known}
    for record in known:
        if "closes" not in record.data and record.fields["id"] not in closed:
            yield Owned(record, _told(desk, record.fields["id"]))


def _told(desk: list[Record], identity: str) -> tuple[str, ...]:
    return tuple(r.data["role"] for r in only(desk, "escalation_record") if r.data.get("exception") == identity)


def _asked(settings: Settings, owned: Owned) -> Asked:
    """Return what is asked of whoever closes an exception: the run's own environment counts."""
    fields = owned.record.fields
    environment = settings.environment if fields["envname"] == "dev" else fields["envname"]
    about = {
        "environment": environment, "exception": owned.id, "run": owned.record.run_id,
        "what": sha256_hex(str(owned.record.data["what"]).encode()),
    }  # fmt: skip
    return Asked(
        subject=f"exception:{owned.id}",
        about=about,
        action=ACTION,
        role=owned.record.data["owner"],
        environment=environment,
        mission=fields["missionid"],
        rungs=frozenset(owned.told),
    )
