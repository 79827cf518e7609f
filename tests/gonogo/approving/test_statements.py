"""Statements and tokens: one form, every byte of it meant, and nothing else is taken."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.statements import Said, TokenRefused, read_token, say, token_of

if TYPE_CHECKING:
    from gonogo.model import Answer

ABOUT = {"action": "pay", "action_digest": "0" * 64, "card_digest": "1" * 64, "role": "manager", "run": "r1"}


def said(answer: Answer = "go", **more: Any) -> Said:
    """Return a statement."""
    fields: dict[str, Any] = {
        "by": "ada",
        "reason": "seen",
        "code": None,
        "changes": {},
        "lifetime": timedelta(hours=1),
        **more,
    }
    return say("abcdefghij", answer, **fields)


def packed(body: Any) -> str:
    """Return a token that carries this, whatever it is."""
    return f"gonogo1.{urlsafe_b64encode(orjson.dumps(body)).decode().rstrip('=')}.c2ln"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(st.sampled_from(["no_go", "revise"]), TEXT, st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_a_token_brings_back_what_was_said(answer: Answer, reason: str, changes: dict[str, int]) -> None:
    """To the byte, or it is refused when it is made, because evidence cannot hold it."""
    try:
        made = said(answer, reason=reason, changes=changes)
    except TokenRefused as error:
        assert "cannot be signed" in str(error)  # noqa: PT017 - either is right
        return
    assert read_token(token_of(made, b"signature")) == (made, b"signature")
    assert made.wish() == changes


def test_every_statement_is_another_one() -> None:
    """Two answers in the same words are two statements, and so are those about two actions."""
    first, second = said(), said()
    assert first.nonce != second.nonce
    assert first.statement(ABOUT) != second.statement(ABOUT)
    others = [{**ABOUT, name: "x"} for name in ABOUT]
    assert len({first.statement(about) for about in (ABOUT, *others)}) == len(ABOUT) + 1


@given(st.data())
def test_a_changed_token_is_refused_or_says_what_it_said(data: st.DataObject) -> None:
    """What the signature is then checked against is never read in two ways."""
    made = said()
    good = token_of(made, b"signature")
    at = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-_.=+/ {}%\n\u00e9"))
    changed = good[:at] + letter + good[at + data.draw(st.integers(0, 2)) :]
    try:
        found, signature = read_token(changed)
    except TokenRefused:
        return
    assert token_of(found, signature) == changed.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes, please",
        "{{ 7 * 7 }}",
        "{% for x in ().__class__.__bases__ %}",
        "${jndi:ldap://x}",
        "gonogo1..",
        "gonogo1.e30.c2ln",
        "gonogo2.e30.c2ln",
        "gonogo1." + "A" * 20_000 + ".c2ln",
        "gonogo1.e30=.c2ln",
        "gonogo1.e31.c2ln",
        packed([]),
        packed({"subject": "x"}),
    ],
)
def test_what_is_no_token_is_refused_without_being_shown(text: str) -> None:
    """Nothing of it stands in the sentence, so nothing of it is ever formatted anywhere."""
    with pytest.raises(TokenRefused) as refused:
        read_token(text)
    assert not text or text[:40] not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "maybe"},
        {"nonce": "short"},
        {"issued": "yesterday"},
        {"expires": "2026-02-31T00:00:00.000000Z"},
        {"changes": "[1]"},
        {"changes": "{"},
        {"extra": "field"},
        {"reason": 7},
        {"code": "WHATEVER"},
        {"code": "WRONG_AMOUNT"},
        {"reason": "cafe\u0301"},
        {"reason": "x" * 3_000},
    ],
)
def test_a_token_that_says_what_cannot_be_meant_is_refused(change: dict[str, object]) -> None:
    """Closed words, real times, text in its one form, and a reason that goes with the answer."""
    with pytest.raises(TokenRefused):
        read_token(packed(dict(sorted({**said().model_dump(), **change}.items()))))


def test_a_statement_ends_with_its_gate() -> None:
    """However long it might live, the deadline is earlier."""
    from datetime import UTC, datetime

    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert said(no_later=soon).expires < said().expires
