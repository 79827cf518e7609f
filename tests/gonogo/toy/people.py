"""People with real keys: a house whose law knows who may answer, and three who do."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gonogo import codes
from gonogo.approvals import answer_gate, find_request, signed_token
from gonogo.ballots import Reply
from gonogo.enactments import enact, propose
from gonogo.enactments import signed_token as signed_law
from gonogo.errors import AnswerRefused
from gonogo.evidence.journals import journal_of
from gonogo.settings import Settings, settings, using
from gonogo.signers import new_pair
from gonogo.witnesses import witness_key
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.errands import park

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gonogo.evidence.records import Record
    from gonogo.model import Answer, Environment
    from gonogo.plans import Landing

LAW = Path(__file__).parents[3] / "policies"
"""The rules about approvals are those that are shipped."""

SINCE = "2026-01-01T00:00:00Z"
LAWGIVER = "lex"
"""Approves the law, and answers no gate."""
PEOPLE = ("grace", "linus", "ada")


@dataclass(slots=True)
class Town:
    """A home and a policy folder of its own, with the shipped rules about approvals over the toy's law."""

    root: Path
    environment: Environment = "prod"
    people: dict[str, Any] = field(default_factory=dict[str, Any])
    delegations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    witnesses: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def __post_init__(self) -> None:
        """Copy the law, and enrol three people: managers and directors all."""
        shutil.copytree(POLICIES, self.policies)
        for name in ("approvals.cedar", "approvals.cedarschema"):
            shutil.copy(LAW / name, self.policies / name)
        for name in PEOPLE:
            self.people[name] = {
                "roles": ["manager", "director", "clerk", "flight-director", "rearm"],
                "keys": [{"key": public(self.key(name)), "since": SINCE}],
            }
        self.people[LAWGIVER] = {"roles": ["law"], "keys": [{"key": public(self.key(LAWGIVER)), "since": SINCE}]}
        self.enrol()

    @property
    def home(self) -> Path:
        """Where evidence stands."""
        return self.root / "home"

    @property
    def policies(self) -> Path:
        """The policy folder."""
        return self.root / "policies"

    @property
    def settings(self) -> Settings:
        """What a shell here is set to."""
        return settings().model_copy(
            update={
                "home": self.home, "policy_folder": self.policies, "environment": self.environment,
                "requester": "tester", "model": None,
            }
        )  # fmt: skip

    def key(self, name: str, kind: str = "ed25519") -> Path:
        """Return a private key of somebody; made on first use."""
        path = self.root / "ssh" / f"{name}-{kind}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
        return path

    def enrol(self) -> None:
        """Write the approvers as they are now, and have that approved."""
        self.write()
        self.approve()

    def approve(self, name: str = LAWGIVER) -> None:
        """Have the law approved as it stands; nothing where it is, or in dev, where nobody asks."""
        if self.environment != "dev":
            with suppress(AnswerRefused):
                propose(self.settings)
                enact(self.settings, signed_law(self.settings, name, "seen", self.key(name)))

    def write(self) -> None:
        """Write the approvers as they are now."""
        whole: dict[str, Any] = {"approvers": {"people": self.people, "delegations": self.delegations}}
        whole["approvers"] |= {"witnesses": self.witnesses} if self.witnesses else {}
        (self.policies / "approvers.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")

    def give_app(self, name: str) -> bytes:
        """Enrol an authenticator app, and return its seed."""
        self.people[name]["totp"] = {"since": SINCE}
        self.enrol()
        codes.write_seed(self.home, name)
        return codes.read_seed(self.home, name) or b""

    def give_account(self, name: str, issuer: str, **more: Any) -> None:
        """Enrol somebody's account at a provider, and a dashboard that vouches for sign-ins there."""
        place = {"issuer": issuer, "audience": "gonogo-dashboard", "since": SINCE}
        told = more if {"subject", "email"} & more.keys() else {"subject": f"sub-{name}", **more}
        self.people[name]["accounts"] = [place | told]
        self.witnesses = self.witnesses or [{"key": new_pair(witness_key(self.settings)), "since": SINCE}]
        self.enrol()

    def rule(self, old: str, new: str) -> None:
        """Change the toy's law."""
        path = self.policies / "toy.cedar"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        self.approve()

    async def park(self, case: BaseModel | None, **changes: Any) -> Landing:
        """Fly the run ``r1`` until it waits."""
        made = {"environment": self.environment, **changes}
        return await park(case, self.home, policies=self.policies, **made)  # pyright: ignore[reportArgumentType] - none to continue

    def token(self, gate: str, name: str, answer: Answer = "go", **more: Any) -> str:
        """Return what somebody signs about a gate with their own key."""
        request = find_request(journal_of(self.settings), gate)
        reason, key = more.pop("reason", "seen"), more.pop("key", None) or self.key(name)
        return signed_token(self.settings, request, answer, (name, reason), key, **more)

    def say(self, gate: str, token: str, answer: Answer = "go", by: str = "", reason: str = "") -> Record:
        """Bring an answer to a gate."""
        with using(self.settings):
            reply = Reply.typed(answer, by, reason, "cli", token=token)
            return answer_gate(journal_of(self.settings), gate, reply, self.environment)

    def desk(self) -> list[Record]:
        """Return what lies on the run's desk."""
        return journal_of(self.settings).read_desk("r1")


def public(key: Path) -> str:
    """Return the public half of a key, without its comment."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text(encoding="utf-8").split()[:2])


def approved(folder: Path, source: Path = POLICIES, environment: Environment = "prod", **changes: Any) -> Settings:
    """Return the settings of a home in an environment whose law is a copy of another one's that somebody approved."""
    policies = shutil.copytree(source, folder / "policies-approved", dirs_exist_ok=True)
    key = folder / "lex"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    lex = {"roles": ["law"], "keys": [{"key": public(key), "since": SINCE}]}
    whole: dict[str, Any] = {"approvers": {"people": {LAWGIVER: lex}, "delegations": []}}
    (policies / "approvers.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    made = settings().model_copy(
        update={"policy_folder": policies, "environment": environment, "model": None, **changes}
    )
    with suppress(AnswerRefused):
        propose(made)
        enact(made, signed_law(made, LAWGIVER, "seen", key))
    return made
