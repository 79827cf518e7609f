"""Forgeries: the ways to pretend that somebody agreed. Each is tried at a real gate, and has to come to nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.approvals import answer_gate, inherited
from gonogo.ballots import Reply
from gonogo.errors import AnswerRefused
from gonogo.evidence.canon import payload_bytes, timestamp
from gonogo.evidence.journals import journal_of
from gonogo.settings import using

if TYPE_CHECKING:
    from gonogo.drills.village import Village

Forgery = Callable[["Village", str], Awaitable[None]]
"""Tries to get a go through the gate; raises AnswerRefused where it is told that it does not count."""

PLAIN_CENTS, BOARD_CENTS = 600, 900
"""A wish that one manager lets through, and one that two people of the board have to let through, too."""


async def forged(village: Village, gate: str) -> None:
    """Sign in Ann's name with a key that nobody enrolled."""
    village.keys["mallory"] = Ed25519PrivateKey.generate()
    village.bring(gate, village.token(gate, village.said(gate), key="mallory"))


async def forged_record(village: Village, gate: str) -> None:
    """Write Ann's go to the desk past every check, as whoever can write files may."""
    request = village.request(gate)
    data: dict[str, Any] = {
        "gate": gate, "answer": "go", "by": "ann", "role": request.data["role"], "proof": "signature", "door": "cli",
        "action_digest": request.data["action_digest"], "accepted": True, "statement_digest": "0" * 64,
    }  # fmt: skip
    with journal_of(village.settings).open_desk(request.run_id) as desk:
        desk.append(inherited(request), "approval_record", data, payload=payload_bytes({"reason": "", "changes": {}}))
        desk.commit_now()


async def in_anothers_name(village: Village, gate: str) -> None:
    """Sign in Ann's name with Ben's key."""
    village.bring(gate, village.token(gate, village.said(gate), key="ben"))


async def replayed(village: Village, gate: str) -> None:
    """Use the same go twice, where two people are needed."""
    token = village.token(gate, village.said(gate))
    village.bring(gate, token)
    village.bring(gate, token)


async def expired(village: Village, gate: str) -> None:
    """Use what Ann signed two hours ago."""
    then = datetime.now(UTC) - timedelta(hours=2)
    times = {"issued": timestamp(then), "expires": timestamp(then + timedelta(hours=1))}
    village.bring(gate, village.token(gate, village.said(gate).model_copy(update=times)))


async def self_approved(village: Village, gate: str) -> None:
    """Approve what one asked for oneself, by another name."""
    village.people["ann"]["logins"] = [village.settings.requester]
    village.enrol()
    village.bring(gate, village.token(gate, village.said(gate)))


async def stale(village: Village, gate: str) -> None:
    """Use what was signed for the action under yesterday's law."""
    village.bring(gate, village.token(gate, village.said(gate), policy="0" * 64))


async def wrong_action(village: Village, gate: str) -> None:
    """Use what was signed about another action."""
    village.bring(gate, village.token(gate, village.said(gate), action_digest="0" * 64))


async def wrong_role(village: Village, gate: str) -> None:
    """Sign in a role that one does not have."""
    village.people["ann"]["roles"] = ["drill-guest"]
    village.enrol()
    village.bring(gate, village.token(gate, village.said(gate)))


async def revoked_key(village: Village, gate: str) -> None:
    """Sign with a key that was reported lost."""
    village.people["ann"]["keys"][0] |= {"revoked": timestamp(), "because": "lost"}
    village.enrol()
    village.bring(gate, village.token(gate, village.said(gate)))


async def delegated_too_far(village: Village, gate: str) -> None:
    """Stand in for somebody who lent less than this."""
    village.settle("eve")
    now = datetime.now(UTC)
    times = {"since": timestamp(now - timedelta(days=1)), "until": timestamp(now + timedelta(days=1))}
    limits = {"amount_cents": PLAIN_CENTS - 1}
    village.delegations = [{"of": "ann", "to": "eve", "roles": ["drill-manager"], "limits": limits, **times}]
    village.enrol()
    village.bring(gate, village.token(gate, village.said(gate, "eve")))


async def quorum_short(village: Village, gate: str) -> None:
    """Let one person say go by two names, where two people are needed."""
    village.people["ann"]["logins"] = ["ann@elsewhere"]
    village.enrol()
    village.bring(gate, village.token(gate, village.said(gate)))
    village.bring(gate, village.token(gate, village.said(gate)))


async def resumed(village: Village, gate: str) -> None:
    """Resume the flow run by Prefect's API, with a go and a name in its input."""
    _fill_in(village, gate, {"answer": "go", "name": "ann", "reason": "resumed"})


async def forced(village: Village, gate: str) -> None:
    """Force the flow run's state: the run is simply flown on, as a worker does that finds it running."""
    del gate
    await village.fly()


async def edited_input(village: Village, gate: str) -> None:
    """Turn the stored no-go of a form into a go."""
    no = village.token(gate, village.said(gate, answer="no_go"))
    _fill_in(village, gate, {"answer": "go", "token": no})


async def template_code(village: Village, gate: str) -> None:
    """Type template code into the form, where a token belongs."""
    _fill_in(village, gate, {"answer": "go", "name": "{{ flow_run }}", "token": "{{ ''.__class__.__mro__ }}"})


async def beside_the_form(village: Village, gate: str) -> None:
    """Store an input that the form would never send."""
    _fill_in(village, gate, {"answer": "GO!", "token": ["gonogo1"], "name": "ann"})


async def too_early(village: Village, gate: str) -> None:
    """Answer from a rung of the ladder that has not come yet."""
    village.settle("dora", roles=["drill-director"])
    village.bring(gate, village.token(gate, village.said(gate, "dora")))


EMERGENCY = "The building is on fire, and the water has to be let in now."


async def glass_without_the_role(village: Village, gate: str) -> None:
    """Break the glass without the role that a rule names for emergencies."""
    village.bring(gate, village.token(gate, village.said(gate, code="BREAK_GLASS", reason=EMERGENCY)))


async def glass_without_a_reason(village: Village, gate: str) -> None:
    """Break the glass and say nothing that others could judge."""
    village.settle("otto", roles=["drill-on-call"])
    village.bring(gate, village.token(gate, village.said(gate, "otto", code="BREAK_GLASS", reason="urgent")))


async def glass_where_there_is_none(village: Village, gate: str) -> None:
    """Break the glass at a gate whose rule names nobody for emergencies."""
    village.settle("otto", roles=["drill-on-call", "drill-board"])
    village.bring(gate, village.token(gate, village.said(gate, "otto", code="BREAK_GLASS", reason=EMERGENCY)))


async def glass_typed(village: Village, gate: str) -> None:
    """Say that it is an emergency, and give a name instead of a signature."""
    with using(village.settings):
        reply = Reply("go", "otto", EMERGENCY, "cli", reason_code="BREAK_GLASS")
        answer_gate(journal_of(village.settings), gate, reply, "prod", village.request(gate).run_id)


async def unsigned_law(village: Village, gate: str) -> None:
    """Raise the limit in the law, so that no gate is in the way any more, and fly on."""
    del gate
    path = village.settings.policy_folder / "gate.cedar"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("amount_cents > 500", "amount_cents > 999"), encoding="utf-8")


async def let_in(village: Village, gate: str) -> None:
    """Write oneself into the approvers, and sign with a key that is good now."""
    _intrude(village, "drill-manager")
    village.bring(gate, village.token(gate, village.said(gate, "mallory")))


async def outsiders_law(village: Village, gate: str) -> None:
    """Write oneself into the approvers, approve that oneself, and sign."""
    _intrude(village, "drill-manager", "law")
    with contextlib.suppress(AnswerRefused):
        village.approve("mallory")
    village.bring(gate, village.token(gate, village.said(gate, "mallory")))


def _intrude(village: Village, *roles: str) -> None:
    """Change ``approvers.yaml`` as whoever can write files may."""
    before = village.people.copy()
    village.settle("mallory", roles=list(roles), approved=False)
    village.people = before


def _fill_in(village: Village, gate: str, given: dict[str, Any]) -> None:
    """Hand an input to the run as the mission lane does when it finds one."""
    from gonogo.lanes.forms import take_form

    ledger = SimpleNamespace(journal=journal_of(village.settings))
    run: Any = SimpleNamespace(ledger=ledger, settings=village.settings, id=village.request(gate).run_id)
    with using(village.settings):
        take_form(run, gate, given)


FORGERIES: tuple[Forgery, ...] = (
    forged, forged_record, in_anothers_name, replayed, expired, self_approved, stale, wrong_action, wrong_role,
    revoked_key, delegated_too_far, quorum_short, resumed, forced, edited_input, template_code, beside_the_form,
    too_early, glass_without_the_role, glass_without_a_reason, glass_where_there_is_none, glass_typed, unsigned_law,
    let_in, outsiders_law,
)  # fmt: skip
"""Every way, in the order in which they are tried."""

OF_THE_BOARD: frozenset[Forgery] = frozenset({replayed, quorum_short, glass_where_there_is_none})
"""Those that are tried at a gate of two people."""
