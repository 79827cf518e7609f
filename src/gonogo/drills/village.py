"""The village of a drill: people with keys made on the spot, a gate in a scratch home, and a mission that waits at it.

The rules about who may answer are the house's own, copied from its policy folder: they are what is drilled.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from gonogo.approvals import answer_gate, find_request
from gonogo.asked import Asked, lifetime_of
from gonogo.ballots import Reply, asked_of
from gonogo.drills.ground import changes, drill_write, write_law
from gonogo.enactments import LAW, enact, propose
from gonogo.errors import AnswerRefused, PolicyBroken
from gonogo.evidence.canon import timestamp
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.missions import mission
from gonogo.model import Budget, Outcome
from gonogo.plans import Plan
from gonogo.settings import Settings, using
from gonogo.statements import LIFETIME, NAMESPACE, Said, say, token_of
from gonogo.steps import step

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.model import Answer
    from gonogo.plans import Landing

RUN = "drill-approvals"
REQUESTER = "drill-requester"
LAWGIVER = "lex"
"""Who approves the law of the village."""


class Wish(BaseModel):
    """What the drill's mission wants to change."""

    cents: int


class Granted(Outcome):
    """It was let through."""

    outcome: Literal["granted"]
    successes: ClassVar[frozenset[str]] = frozenset({"granted"})


@step
async def write_once(cents: int) -> str:
    """Change the toy system of record."""
    return await drill_write(mark="drill", amount_cents=cents, payee="nobody", note="a drill")


@mission(owner="platform", scope=["drill_ground"], budget=Budget(usd="1.00", actions=5))
async def drill_wish(wish: Wish) -> Granted:
    """Change the toy system of record, after somebody said go."""
    await write_once(wish.cents)
    return Granted(outcome="granted")


@dataclass(slots=True)
class Village:
    """One scratch home whose run waits at its gate."""

    settings: Settings
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict[str, Ed25519PrivateKey])
    people: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    delegations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @classmethod
    def found(cls, process: Settings, folder: Path) -> Village:
        """Make a home, its law, and three people who may answer.

        Raises:
            PolicyBroken: the house has no rules about approvals, so there is nothing to drill.

        """
        law = folder / "policies"
        write_law(law)
        text = files("gonogo.drills").joinpath("law", "gate.cedar").read_text(encoding="utf-8")
        (law / "gate.cedar").write_text(text, encoding="utf-8")
        for name in ("approvals.cedar", "approvals.cedarschema"):
            rules = process.policy_folder / name
            if not rules.is_file():
                raise PolicyBroken(f"{rules} is missing, so nobody can answer with proof; `gonogo init` has one.")
            shutil.copyfile(rules, law / name)
        made = {
            "home": folder / "home", "policy_folder": law, "journals": None, "model": None, "environment": "prod",
            "requester": REQUESTER,
        }  # fmt: skip
        village = cls(process.model_copy(update=made))
        village.settle(LAWGIVER, roles=["law"])
        for name in ("ann", "ben", "cleo"):
            village.settle(name, roles=["drill-manager", "drill-board"])
        return village

    def settle(self, name: str, *, approved: bool = True, **about: Any) -> None:
        """Let a person live here, with a key of their own; known to the law only where that is approved."""
        key = self.keys[name] = Ed25519PrivateKey.generate()
        known = {"key": _public(key), "since": _ago(days=30)}
        self.people[name] = {"roles": [], "keys": [known], **about}
        self.write()
        if approved:
            self.enrol()

    def enrol(self) -> None:
        """Write who may answer, and let the lawgiver approve it."""
        self.write()
        with contextlib.suppress(AnswerRefused):
            # Refused where nothing changed.
            self.approve(LAWGIVER)

    def write(self) -> None:
        """Write who may answer, and nothing else."""
        whole = {"approvers": {"people": self.people, "delegations": self.delegations}}
        # JSON is YAML, too.
        (self.settings.policy_folder / "approvers.yaml").write_bytes(orjson.dumps(whole))

    def approve(self, name: str) -> None:
        """Approve the law of the village as it stands now, signed with somebody's key.

        Raises:
            AnswerRefused: it is approved already, or this person may not.

        """
        proposal = propose(self.settings)
        said = say(proposal.subject, "go", by=name, reason="drilled", code=None, changes={}, lifetime=LIFETIME["high"])
        enact(self.settings, token_of(said, _signed(self.keys[name], said.statement(proposal.about))))

    async def fly(self, cents: int | None = None) -> Landing:
        """Fly the run until it waits or has landed."""
        wish = None if cents is None else Wish(cents=cents)
        return await fly(drill_wish, wish, Plan(RUN, LocalPilot(patience="leave"), self.settings))

    def request(self, gate: str) -> Record:
        """Return what the gate asks."""
        return find_request(journal_of(self.settings), gate, RUN)

    def asked(self, gate: str) -> Asked:
        """Return what is asked of whoever answers it."""
        return asked_of(self.request(gate), (), "prod")

    def said(self, gate: str, by: str = "ann", answer: Answer = "go", **more: Any) -> Said:
        """Return what somebody says, not signed yet."""
        asked = self.asked(gate)
        fields: dict[str, Any] = {
            "reason": "drilled",
            "code": None,
            "changes": {},
            "lifetime": lifetime_of(asked),
            **more,
        }
        return say(gate, answer, by=by, **fields)

    def token(self, gate: str, said: Said, key: str = "", **lies: str) -> str:
        """Return a token signed with somebody's key; about the gate's own action, or about a lie."""
        private = self.keys[key or said.by]
        return token_of(said, _signed(private, said.statement({**self.asked(gate).about, **lies})))

    def bring(self, gate: str, token: str, answer: Answer = "go", by: str = "", reason: str = "") -> None:
        """Bring an answer to the gate.

        Raises:
            AnswerRefused: it does not count, which is what a drill hopes for.

        """
        with using(self.settings):
            reply = Reply.typed(answer, by, reason, "cli", token=token)
            answer_gate(journal_of(self.settings), gate, reply, "prod", RUN)

    def desk(self) -> list[Record]:
        """Return the answers that lie on the run's desk."""
        return only(journal_of(self.settings).read_desk(RUN), "approval_record")

    def told(self) -> int:
        """Return how much the run's own stream and the law's have to tell."""
        journal = journal_of(self.settings)
        return len(journal.read_flight(RUN)) + len(journal.read_desk(LAW))

    def effects(self) -> int:
        """Return how often the toy system of record was changed."""
        return len(changes(self.settings.home))


def _ago(**much: int) -> str:
    return timestamp(datetime.now(UTC) - timedelta(**much))


def _field(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def _blob(key: Ed25519PrivateKey) -> bytes:
    return _field(b"ssh-ed25519") + _field(key.public_key().public_bytes_raw())


def _public(key: Ed25519PrivateKey) -> str:
    from base64 import b64encode

    return f"ssh-ed25519 {b64encode(_blob(key)).decode()}"


def _signed(key: Ed25519PrivateKey, message: bytes) -> bytes:
    """Return the bytes that ``ssh-keygen -Y sign`` would make, without its program and its files."""
    head, tail = _field(NAMESPACE.encode()), _field(b"") + _field(b"sha512")
    raw = key.sign(b"SSHSIG" + head + tail + _field(hashlib.sha512(message).digest()))
    return b"SSHSIG\0\0\0\x01" + _field(_blob(key)) + head + tail + _field(_field(b"ssh-ed25519") + _field(raw))
