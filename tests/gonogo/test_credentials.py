"""Credentials of tools: for one call and a minute, never on record, and worth nothing to whoever captures one."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import warehouse
from gonogo import credentials
from gonogo.credentials import Claims, CredentialRefused, Uses, claims_for, issue, public_key, verify
from gonogo.errors import SettingsBroken, ToolFailed
from tests.gonogo.toy.depot import SHOWN, stored
from tests.gonogo.toy.patients import left_behind, of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gonogo.toy.depot import Way

SECRET = "horse-battery-staple-4711"  # noqa: S105 - made up
ARGS = {"shelf": "quiet"}


@pytest.fixture(autouse=True)
def _secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Put the real secret where the depot's dependency says that it is."""
    SHOWN.clear()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "depot-secret").write_text(f"{SECRET}\n")
    monkeypatch.chdir(tmp_path / "secrets")
    yield
    SHOWN.clear()


@pytest.mark.parametrize("way", ["quiet", "returns", "raises", "refuses", "chains"])
async def test_nothing_a_run_leaves_behind_holds_a_credential(
    tmp_path: Path, way: Way, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not when the tool returns it, raises it, or says it beneath another error: evidence, marts, logs, screen."""
    caplog.set_level(logging.DEBUG)
    home = tmp_path / "home"
    went = await stored(home, way)
    warehouse.land(home)
    (handed,) = SHOWN
    assert handed.reveal() == SECRET
    words = (SECRET, handed.token, handed.token.rpartition(".")[2])
    assert left_behind(home, words) == []
    printed = capfd.readouterr()
    told = [caplog.text, printed.out, printed.err, repr(went), repr(handed), str(handed)]
    assert [word for word in words for text in told if word in text] == []
    if way == "returns":
        assert [each["redacted"] for each in went.told("tool_call", "result")] == [["environment"]]


async def test_an_error_forgets_the_credential_in_everything_it_came_from() -> None:
    """A traceback tells the whole chain."""
    from gonogo.redactions import handing, shown_without_secrets

    def failing() -> None:
        with handing(SECRET), shown_without_secrets():
            try:
                int(f"inner {SECRET}")
            except ValueError as error:
                raise RuntimeError(f"outer {SECRET}") from error

    with pytest.raises(RuntimeError) as caught:
        failing()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_credential_proves_run_tool_action_and_arguments(tmp_path: Path) -> None:
    """The connector checks it with the public key alone, against what it was asked to do."""
    home = tmp_path / "home"
    went = await stored(home, "quiet")
    claims = verify(SHOWN[0].token, public_key(of(home)), tool="lift", arguments=ARGS)
    (intent,) = went.told("tool_call", "intent")
    assert (claims.run, claims.system, claims.principal) == ("r1", "depot", "storing")
    assert claims.action == intent["action_digest"]


def made(home: Path, **changes: str) -> tuple[str, str]:
    """Return a credential and the key it is checked with."""
    import asyncio

    claims = claims_for("r1", "lift", "depot", principal="storing", action="0" * 64, arguments=ARGS)._replace(**changes)
    return asyncio.run(issue(of(home), claims, None)).token, public_key(of(home))


def test_a_captured_credential_is_worth_nothing(tmp_path: Path) -> None:
    """Not for another tool or other arguments, not a second time, not after its minute, not at another house."""
    token, key = made(tmp_path / "home")
    uses, now = Uses(), datetime.now(UTC)
    assert verify(token, key, tool="lift", arguments=ARGS, uses=uses).run == "r1"
    _, other = made(tmp_path / "another")
    tries: list[tuple[str, dict[str, Any]]] = [
        ("used before", {}),
        ("another tool", {"tool": "burn"}),
        ("other arguments", {"arguments": {"shelf": "loud"}}),
        ("other arguments", {"arguments": {}}),
        ("over", {"at": now + timedelta(seconds=61)}),
        ("future", {"at": now - timedelta(seconds=61)}),
        ("not signed", {"key": other}),
        ("the key is none", {"key": "zz"}),
    ]
    for why, how in tries:
        given_: dict[str, Any] = {"key": key, "tool": "lift", "arguments": ARGS, "uses": uses, **how}
        with pytest.raises(CredentialRefused, match=why):
            verify(token, **given_)


def test_a_credential_that_claims_more_than_a_minute_is_refused(tmp_path: Path) -> None:
    """Also where the house's own key signed it."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    token, key = made(tmp_path / "home", expires=later)
    with pytest.raises(CredentialRefused, match="longer"):
        verify(token, key, tool="lift", arguments=ARGS)


TOKEN_AND_KEY: list[tuple[str, str]] = []


@given(st.integers(0), st.sampled_from(["change", "cut", "insert"]), st.characters(codec="utf-8"))
def test_no_mutant_of_a_credential_counts(
    tmp_path_factory: pytest.TempPathFactory, place: int, kind: str, letter: str
) -> None:
    """Whichever character is another one."""
    if not TOKEN_AND_KEY:
        TOKEN_AND_KEY.append(made(tmp_path_factory.mktemp("mutants")))
    token, key = TOKEN_AND_KEY[0]
    at = place % len(token)
    mutant = token[:at] + ("" if kind == "cut" else letter) + token[at + (kind != "insert") :]
    if mutant == token:
        return
    with pytest.raises(CredentialRefused):
        verify(mutant, key, tool="lift", arguments=ARGS)


async def test_without_the_secret_the_call_is_not_made(tmp_path: Path) -> None:
    """The failure names the source, and nothing of what went wrong there."""
    (tmp_path / "secrets" / "depot-secret").unlink()
    went = await stored(tmp_path / "home", "quiet")
    assert SHOWN == []
    assert (went.landing.status, went.landing.reason_code) == ("failed", "tool_failure")
    assert "file:depot-secret" in (went.landing.error or "")


async def test_a_source_that_nobody_exchanges_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker of one's own is a function in a table."""
    claims = Claims("r1", "lift", "depot", "storing", "", "", "", "", "")
    with pytest.raises(SettingsBroken, match="env, file, prefect"):
        await issue(of(tmp_path), claims, "vault:payments")

    async def lend(name: str, about: Claims) -> str:
        return f"{name} for {about.run}"

    async def fail(name: str, about: Claims) -> str:
        raise ValueError(f"{name} {about} {SECRET}")

    monkeypatch.setitem(credentials.BROKERS, "vault", lend)
    assert (await issue(of(tmp_path), claims, "vault:payments")).reveal() == "payments for r1"
    monkeypatch.setitem(credentials.BROKERS, "vault", fail)
    with pytest.raises(ToolFailed) as refused:
        await issue(of(tmp_path), claims, "vault:payments")
    assert SECRET not in "".join(traceback.format_exception(refused.value))


async def test_a_secret_comes_from_the_environment_or_from_a_block_of_prefect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block is loaded by its name when the call is made."""
    from prefect.blocks.system import Secret

    asked: list[str] = []

    async def aload(name: str) -> Any:
        asked.append(name)
        made: Any = Secret
        return made(value=SECRET)

    claims = Claims("r1", "lift", "depot", "storing", "", "", "", "", "")
    monkeypatch.setenv("DEPOT", SECRET)
    monkeypatch.setattr(Secret, "aload", aload)
    for source in ("env:DEPOT", "prefect:depot-api"):
        assert (await issue(of(tmp_path), claims, source)).reveal() == SECRET
    assert asked == ["depot-api"]
