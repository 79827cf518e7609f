"""Samples: of what an agent does alone, a declared share is looked at by a person, before the effect or after it.

Which ones is drawn from a digest that is keyed with the run's first record. That record commits to a
random salt and is never shown to an agent, so nobody can foresee or influence a draw; and it is
evidence, so every draw is the same on a replay and can be computed again by whoever audits it.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Literal

from gonogo.cards import review_card
from gonogo.evidence.canon import short_id
from gonogo.questions import Question, open_gate

if TYPE_CHECKING:
    from gonogo.gates import Action
    from gonogo.model import Effect
    from gonogo.runs import Run

SAMPLED = "sampled"
"""What stands in the place of a policy's rule: the agent's card asks here."""

_SPAN = 1 << 64


def is_drawn(run: Run, action: Action, effect: Effect, digest: str, when: Literal["before", "after"]) -> bool:
    """Whether a change of an agent is among those that a person looks at then.

    Args:
        run: the run that acts.
        action: what is done; its principal says on whose mandate.
        effect: what the tool does to the world; reads are not sampled.
        digest: SHA-256 of the arguments.
        when: which of the two the question is about.

    """
    kind, name = action.request.principal
    if kind != "Agent" or effect == "read":
        return False
    sampling = run.registry.card(name).sampling
    if sampling is None or sampling.sample != when:
        return False
    return drawn_number(run, action.key, digest) * 100 < sampling.percent * _SPAN


def drawn_number(run: Run, key: str, digest: str) -> int:
    """Return the number below 2^64 that an operation draws: HMAC-SHA-256 under the digest of the run's first record."""
    if run.ledger.genesis is None:
        return 0  # Nothing is recorded, so nobody could compute it again: it is looked at.
    secret = run.ledger.genesis.digest.encode()
    told = f"{run.id}\x1f{key}\x1f{digest}".encode()
    return int.from_bytes(hmac.digest(secret, told, "sha256")[:8], "big")


def queue_review(run: Run, action: Action, result: bytes) -> None:
    """Record that a person is to review a change that was done; once."""
    kind, name = action.request.principal
    card = run.registry.card(name)
    if card.sampling is None:
        return
    role, key, digest = card.sampling.reviewer, f"{action.key}/review", action.digest(run)
    gate_id = short_id(run.id, key, digest, role, length=10)
    because = f"{card.sampling.percent} of a hundred changes that the {kind.lower()} {name} makes alone are reviewed."
    told = result.decode(errors="replace")
    question = Question(
        gate_id, key, role, (SAMPLED,), (because,), ("go", "no_go"), card.sampling.review_days * 86_400,
        lambda due: review_card(run, gate_id, action, result=told, role=role, due=due),
        facts={"review": True}, body={"owner": card.owner},
    )  # fmt: skip
    open_gate(run, action, digest, question)
