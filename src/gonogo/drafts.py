"""Drafts: what somebody is about to sign about a gate, as the exact bytes that any ``ssh-keygen`` can sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.asked import lifetime_of
from gonogo.ballots import asked_of, end_of
from gonogo.errors import AnswerRefused
from gonogo.evidence.canon import plain_text
from gonogo.public_keys import SignatureRefused
from gonogo.signatures import unarmoured
from gonogo.statements import NAMESPACE, Said, TokenRefused, say, token_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.evidence.records import Record
    from gonogo.model import Answer
    from gonogo.settings import Settings


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that nobody has signed yet."""

    said: Said
    statement: bytes
    """What is to be signed, byte by byte: one line of JSON without a line end."""

    @property
    def command(self) -> str:
        """A line for a shell that signs it and prints the signature; the person puts the key's own path."""
        # JSON of this kind holds no line end; a quote is closed, escaped and opened again.
        quoted = self.statement.decode().replace("'", "'\\''")
        return f"printf %s '{quoted}' | ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519"

    def token(self, signature: bytes) -> str:
        """Return what carries the signed answer to a gate."""
        return token_of(self.said, signature)

    def token_with(self, armoured: str) -> str:
        """Return the same for a signature as ``ssh-keygen`` prints it.

        Raises:
            AnswerRefused: what was pasted is no signature; nothing was answered.

        """
        try:
            return self.token(unarmoured(f"{armoured.strip()}\n"))
        except SignatureRefused as error:
            raise AnswerRefused(f"What was pasted is no signature ({error}); nothing was answered.") from error


def draft(
    chosen: Settings,
    request: Record,
    answer: Answer,
    who: tuple[str, str],
    *,
    code: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Draft:
    """Return what somebody signs to give an answer, good from now on.

    Args:
        chosen: whose environment counts, where the run flies in ``dev``.
        request: what the gate asks.
        answer: what is said.
        who: the person's enrolled name, and the reason in words.
        code: the reason code; what fits the answer best, if none is given.
        changes: for ``revise``: the arguments wanted instead.

    Raises:
        AnswerRefused: it cannot be signed; nothing was answered.

    """
    environment = chosen.environment if request.fields["envname"] == "dev" else request.fields["envname"]
    asked = asked_of(request, (), environment)
    try:
        said = say(
            asked.subject,
            answer,
            by=who[0],
            reason=plain_text(who[1], 10_000),
            code=code,
            changes=changes or {},
            lifetime=lifetime_of(asked),
            no_later=end_of(request),
        )
    except TokenRefused as error:
        raise AnswerRefused(str(error)) from error
    return Draft(said, said.statement(asked.about))
