"""Answering: the form of one gate, and what vouches for what is said in it.

What counts is looked at by gonogo's public verb, which records what it refuses: a sign-in, a code, a
token that was made elsewhere, or a signature of the very text that is shown here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards.desk import Said, answer, draft_of, note_opened
from dashboards.markup import show, tag
from dashboards.visitor import visitor
from gonogo.ballots import Reply
from gonogo.errors import GonogoError
from gonogo.settings import settings
from gonogo.statements import TOKEN_MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.drafts import Draft
    from gonogo.model import Answer, Proof

NAME_MAX, REASON_MAX, CHANGES_MAX = 200, 2_000, 20_000
_ARMOUR = "-----BEGIN SSH SIGNATURE-----"

_BUTTONS: Mapping[Answer, str] = {"go": "Go", "no_go": "No-go", "revise": "Revise"}
_DOUBT_BUTTONS: Mapping[Answer, str] = {"go": "Did not happen: do it", "no_go": "Leave it", "revise": "It did happen"}
"""The same answers where the question is what became of an effect."""
_KEYS: Mapping[Answer, str] = {"go": "Alt+G", "no_go": "Alt+N", "revise": "Alt+V"}
"""With Alt, so that nobody answers by typing."""


def opened(gate: str, run_id: str) -> None:
    """Note that a card is open: at once for whoever has signed in, else as soon as they say who they are."""
    times = cast("dict[str, datetime]", st.session_state.setdefault("opened", {}))
    times.setdefault(gate, datetime.now(UTC))
    found = visitor()
    if found is not None:
        _note(gate, run_id, found.name, "oidc")


def _note(gate: str, run_id: str, name: str, proof: Proof) -> None:
    """Record that somebody opened a card, once a session; what cannot be recorded now is tried again."""
    noted = cast("set[tuple[str, str]]", st.session_state.setdefault("noted", set()))
    at = cast("dict[str, datetime]", st.session_state.get("opened", {})).get(gate)
    if at is not None and (gate, name) not in noted and note_opened(settings(), run_id, gate, (name, proof), at):
        noted.add((gate, name))


def _bring(gate: str, run_id: str, reply: Reply) -> None:
    """Record an answer, say what came of it, and who had opened the card when."""
    said = answer(settings(), gate, run_id, reply)
    st.session_state["said"] = said
    if said.by:
        _note(gate, run_id, said.by, reply.proof)


def answer_form(gate: dict[str, Any], now: datetime) -> None:
    """Ask for an answer; every widget bears the gate's id, so that no answer can reach another gate."""
    name, found = gate["gate"], visitor()
    late = gate["deadline"] is not None and gate["deadline"] <= now
    with st.form(f"answer-{name}", enter_to_submit=False):
        if found is None:
            st.text_input("Your name", key=f"by-{name}", value=st.session_state.get("by", ""), max_chars=NAME_MAX)
            show(tag("p", _UNPROVEN[settings().environment == "dev"], css="hint"))
        else:
            show(tag("p", "You answer as ", tag("b", found.name), ", who has signed in.", css="hint"))
        st.text_area("Reason", key=f"reason-{name}", max_chars=REASON_MAX, height=88)
        st.text_input(
            "Code or token",
            key=f"token-{name}",
            max_chars=TOKEN_MAX_CHARACTERS,
            autocomplete="off",
            placeholder="six digits, or gonogo1.…",
        )
        with st.expander("Its result, if it did happen" if gate["doubt"] else "Other arguments, for revise"):
            st.text_area(
                "Result as JSON" if gate["doubt"] else "Arguments as JSON",
                key=f"changes-{name}",
                max_chars=CHANGES_MAX,
                placeholder='{"reference": "W-1042"}' if gate["doubt"] else '{"amount_eur": "4800.00"}',
            )
        options: list[Answer] = [each for each in _BUTTONS if each in (gate["options"] or [])]
        with st.container(horizontal=True, key=f"verbs-{name}"):
            for option in options:
                st.form_submit_button(
                    (_DOUBT_BUTTONS if gate["doubt"] else _BUTTONS)[option],
                    key=f"{option}-{name}",
                    type="primary" if option == "go" else "secondary",
                    disabled=late,
                    shortcut=_KEYS[option],
                    on_click=_say,
                    args=(name, gate["run_id"], option),
                )
        _signing(gate, options, late=late)


_UNPROVEN = {
    True: "A typed name alone is recorded as unproven.",
    False: "A typed name alone does not count outside dev: sign in, or add a code or a token.",
}


def _signing(gate: dict[str, Any], options: list[Answer], *, late: bool) -> None:
    """Show the text of an answer for somebody to sign in a shell of their own, and take the signature."""
    name = gate["gate"]
    made = cast("Draft | None", st.session_state.get(f"draft-{name}"))
    with st.expander("Sign with a key of your own", expanded=made is not None):
        st.selectbox("Answer to sign", options, key=f"signing-{name}", format_func=lambda each: _BUTTONS[each])
        args = (name, gate["run_id"])
        st.form_submit_button("Show what to sign", key=f"draft-it-{name}", disabled=late, on_click=_draft, args=args)
        if made is not None:
            st.code(made.command, language="sh", wrap_lines=True)
            st.text_area("Signature", key=f"signature-{name}", max_chars=TOKEN_MAX_CHARACTERS, placeholder=_ARMOUR)
            st.form_submit_button(
                "Answer with the signature", key=f"sign-{name}", disabled=late, on_click=_signed, args=args
            )


def _typed(gate: str, *fields: str) -> tuple[str, ...]:
    return tuple(str(st.session_state.get(f"{field}-{gate}") or "") for field in fields)


def _draft(gate: str, run_id: str) -> None:
    """Make the text of what was typed, for its signature."""
    by, reason, changes, option = _typed(gate, "by", "reason", "changes", "signing")
    found, wanted = visitor(), cast("Answer", option)
    st.session_state.pop(f"draft-{gate}", None)
    try:
        who = (by.strip() or (found.name if found else ""), reason)
        more = _arguments(changes) if wanted == "revise" else {}
        st.session_state[f"draft-{gate}"] = draft_of(settings(), (gate, run_id), wanted, who, more)
    except (ValueError, GonogoError) as error:
        st.session_state["said"] = Said(accepted=False, sentence=f"Nothing was recorded: {error}")


def _signed(gate: str, run_id: str) -> None:
    """Record the answer whose text was shown, with the signature that was pasted."""
    made = cast("Draft | None", st.session_state.get(f"draft-{gate}"))
    (pasted,) = _typed(gate, "signature")
    if made is None:
        return
    try:
        token = made.token_with(pasted)
    except GonogoError as error:
        st.session_state["said"] = Said(accepted=False, sentence=f"Nothing was recorded: {error}")
        return
    said = made.said
    _bring(gate, run_id, Reply.typed(said.answer, said.by, said.reason, "dashboard", token=token))
    del st.session_state[f"draft-{gate}"]


def _say(gate: str, run_id: str, option: Answer) -> None:
    """Record what was said at the gate whose button was pressed; runs before the page is drawn anew."""
    by, reason, changes, token = _typed(gate, "by", "reason", "changes", "token")
    found = visitor()
    st.session_state["by"] = by
    try:
        wanted = _arguments(changes) if option == "revise" else {}
    except ValueError as error:
        st.session_state["said"] = Said(accepted=False, sentence=f"Nothing was recorded: {error}")
        return
    if found is not None and not token.strip():
        reply = Reply(option, found.name, reason, "dashboard", "oidc", wanted, found.token)
    else:
        name = by or (found.name if found else "")
        reply = Reply.typed(option, name, reason, "dashboard", token=token, changes=wanted)
    _bring(gate, run_id, reply)
    # A code or a token counts once; left in the field it would be sent again.
    st.session_state[f"token-{gate}"] = ""


def _arguments(text: str) -> dict[str, Any]:
    """Read the arguments a reviewer wants instead, or the result they saw; none typed, none wanted."""
    if not text.strip():
        return {}
    try:
        wanted = json.loads(text)
    except ValueError:
        msg = 'what was typed is no JSON; write it like {"amount_eur": "4800.00"}.'
        raise ValueError(msg) from None
    if not isinstance(wanted, dict):
        msg = 'what was typed must be a JSON object, like {"amount_eur": "4800.00"}.'
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that was typed wrongly
    return cast("dict[str, Any]", wanted)
