"""The visitor: who has signed in, as far as that is worth anything now, and the way in and out.

Streamlit keeps a sign-in in a cookie for thirty days, looks at it when a page is opened, and never
again: not at its end, and not whether somebody signed out in another window. So nothing here goes by
what Streamlit says of its user. The token itself is looked at, again and again, and once more by
whoever records an answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards.markup import show, tag
from dashboards.wording import since
from gonogo.errors import GonogoError
from gonogo.rolls import sign_out
from gonogo.settings import settings
from gonogo.witnesses import SIGN_IN_AGE, NotProven, who_is

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOK_AGAIN_SECONDS = 5.0
"""How long a page goes by what it knows of a sign-in; an answer goes by nothing but its own look."""

WAY_BACK = timedelta(minutes=10)
"""How long a browser that left to sign in is led back to where it was."""
_WAYS_KEPT = 1_000
_BROWSER = "_streamlit_xsrf"
"""Streamlit's own cookie that tells browsers apart: ``2|mask|token|time``, the token under another mask each time."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody enrolled who has signed in."""

    name: str
    issuer: str
    at: datetime
    """When they proved who they are."""
    digest: str
    """Of the token."""
    token: str = field(repr=False)


def is_open() -> bool:
    """Whether people can sign in here at all: a provider is configured."""
    return hasattr(st.user, "is_logged_in")


def visitor() -> Visitor | None:
    """Return who has signed in; ``None`` where nobody has, or where it counts no more."""
    found = _looked_at()
    return found if isinstance(found, Visitor) else None


def way_in() -> None:
    """Show who has signed in, or why that does not count, and the way in or out; nothing where nobody can."""
    if not is_open():
        return
    found, is_fresh = _looked_at(), False
    with st.container(key="visitor", horizontal=True, vertical_alignment="center"):
        if isinstance(found, Visitor):
            now = datetime.now(UTC)
            until = SIGN_IN_AGE["medium"] - (now - found.at)
            minutes = max(0, int(until.total_seconds()) // 60)
            is_fresh = minutes > 0
            good = f"good for medium risk for {minutes} min" if minutes else "good for low risk only; sign in again"
            facts = f" signed in {since(found.at, now)} at {found.issuer}, {good}."
            show(tag("p", tag("b", found.name), facts, css="second"))
            st.button("Sign out", key="sign-out", on_click=_leave, args=(found,))
        elif found:
            show(tag("p", found, css="said refused", role="alert"))
        else:
            show(tag("p", "Sign in to answer with proof of who you are.", css="second"))
        ways: Mapping[str, str] = {} if is_fresh else _providers()
        for name, word in ways.items():
            st.button(word, key=f"sign-in-{name}", type="primary", on_click=_enter, args=(name,))


def lead_back() -> None:
    """Lead a browser that has just signed in back to the gate it came from."""
    browser = _browser()
    if browser is None or not getattr(st.user, "is_logged_in", False):
        return
    gate, left_at = _ways().pop(browser, ("", 0.0))
    if gate and time.monotonic() - left_at < WAY_BACK.total_seconds():
        st.switch_page("pages/waiting.py", query_params={"gate": gate})


def _browser() -> str | None:
    """Return what stays the same of a browser's cookie; ``None`` where it has none, or one of another form."""
    parts = str(st.context.cookies.get(_BROWSER) or "").strip('"').split("|")
    try:
        _, mask, masked, _ = parts
        covered, under = bytes.fromhex(masked), bytes.fromhex(mask)
        return bytes(each ^ under[place % len(under)] for place, each in enumerate(covered)).hex() or None
    except (ValueError, ZeroDivisionError):
        return None


def _looked_at() -> Visitor | str:
    """Return who has signed in, or why that does not count; empty where nobody has."""
    token = _token()
    if not token:
        return ""
    known = cast("tuple[str, float, Visitor | str] | None", st.session_state.get("visitor"))
    if known is not None and known[0] == token and time.monotonic() - known[1] < LOOK_AGAIN_SECONDS:
        return known[2]
    found: Visitor | str
    try:
        name, sign_in = who_is(settings(), token, datetime.now(UTC))
        found = Visitor(name, sign_in.issuer, sign_in.at, sign_in.digest, token)
    except (NotProven, GonogoError) as error:
        found = str(error)
    st.session_state["visitor"] = (token, time.monotonic(), found)
    return found


def _token() -> str:
    """Return the ID token this page was opened with; empty where there is none, or where it is not handed on."""
    if not getattr(st.user, "is_logged_in", False):
        return ""
    tokens = cast("Mapping[str, Any]", getattr(st.user, "tokens", None) or {})
    return str(tokens["id"]) if "id" in tokens else "none"


def _providers() -> Mapping[str, str]:
    """Return the providers that are configured, and what their buttons say."""
    section = cast("Mapping[str, Any]", st.secrets.get("auth") or {})
    named = [name for name, value in section.items() if hasattr(value, "get") and "client_id" in value]
    return {name: f"Sign in with {name}" for name in named} or {"": "Sign in"}


def _enter(provider: str) -> None:
    """Send the browser to the provider, and remember where it was."""
    browser, gate = _browser(), st.session_state.get("gate")
    ways = _ways()
    if browser is not None and gate:
        while len(ways) >= _WAYS_KEPT:
            ways.pop(next(iter(ways)))
        ways[browser] = (str(gate), time.monotonic())
    st.login(provider or None)


def _leave(found: Visitor) -> None:
    """End the sign-in in every window, and then in this browser; the record of the end comes first."""
    try:
        sign_out(settings(), found.name, found.digest)
    except GonogoError as error:
        st.session_state["visitor"] = (found.token, time.monotonic(), f"Not signed out: {error}")
        return
    st.logout()


@st.cache_resource(show_spinner=False)
def _ways() -> dict[str, tuple[str, float]]:
    """Return where browsers were that left to sign in."""
    return {}
