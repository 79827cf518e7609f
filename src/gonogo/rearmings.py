"""Re-arming with proof: a signed statement that names the halts it lifts, by somebody with the role for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo import switches
from gonogo.asked import Asked, NotProven, lifetime_of
from gonogo.errors import AnswerRefused, SwitchRefused
from gonogo.evidence.canon import plain_text, short_id
from gonogo.proofs import proof_by_key
from gonogo.signers import sign
from gonogo.statements import NAMESPACE, TokenRefused, say, token_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gonogo.model import Environment
    from gonogo.settings import Settings
    from gonogo.targets import Halt, Target

ROLE = "rearm"
"""The role that lifts halts; a person has it in ``approvers.yaml``."""


def rearm(settings: Settings, target: Target, reason: str, *, by: str, token: str = "") -> list[Halt]:
    """Lift the halts of exactly this target, and return them; outside ``dev`` that takes a signed token.

    With a token, name and reason are those that were signed, and only the halts that it names are lifted:
    one that was thrown since stays.

    Raises:
        SwitchRefused: the target is not halted, or nothing vouches for who lifts it. It stays halted.
        EvidenceUnwritable: the home cannot be written; everything stays halted.

    """
    if not token:
        return switches.rearm(settings, target, reason, by=by)
    found = _halted(settings, target)
    try:
        proven = proof_by_key(settings, _asked(settings, target, found), token, datetime.now(UTC))
    except NotProven as error:
        raise SwitchRefused(f"{error} It stays halted.") from error
    said = proven.said
    if said.answer != "go" or (by and by != said.by) or (reason and reason != said.reason):
        raise SwitchRefused("What was typed is not what was signed; the token stands alone. It stays halted.")
    vouched = {"proof": proven.proof, **proven.data()}
    lifts = [each.id for each in found]
    return switches.rearm(settings, target, said.reason, by=said.by, vouched=vouched, only=lifts)


def signed_token(settings: Settings, target: Target, reason: str, *, by: str, key: Path) -> str:
    """Return the token with which a person lifts what is halted now, signed with their own key.

    Raises:
        SwitchRefused: the target is not halted, or it could not be signed.

    """
    asked = _asked(settings, target, _halted(settings, target))
    try:
        said = say(
            asked.subject, "go", by=by, reason=plain_text(reason, 1_000), code=None, changes={},
            lifetime=lifetime_of(asked),
        )  # fmt: skip
        return token_of(said, sign(key, said.statement(asked.about), NAMESPACE))
    except (TokenRefused, AnswerRefused) as error:
        raise SwitchRefused(f"{error} It stays halted.") from error


def _halted(settings: Settings, target: Target) -> list[Halt]:
    found = [known for known in switches.halts(settings) if known.target == target]
    if not found:
        raise SwitchRefused(f"{str(target).capitalize()} is not halted; `gonogo abort --list` shows what is.")
    return found


def _asked(settings: Settings, target: Target, found: Sequence[Halt]) -> Asked:
    """Return what is asked of whoever lifts these halts: the strictest environment among them counts."""
    strict = sorted({settings.environment, *(known.environment for known in found)} - {"dev", ""})
    environment: Environment = "dev" if not strict else "prod" if "prod" in strict else "test"
    lifts = sorted(each.id for each in found)
    about = {"environment": environment, "lifts": lifts, "target": target.name, "target_kind": target.kind}
    return Asked(
        subject=f"rearm:{short_id(target.kind, target.name, *lifts)}",
        about=about,
        action="rearm",
        role=ROLE,
        environment=environment,
        risk="high",
    )
