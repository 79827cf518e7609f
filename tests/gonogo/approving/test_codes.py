"""Codes of an authenticator app: RFC 6238's own vectors, each once, and few guesses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo import codes, rolls
from gonogo.errors import SettingsBroken
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.settings import Settings

SEED = b"12345678901234567890"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_vectors_of_the_standard_hold(seconds: int, code: str) -> None:
    """Appendix B, its last six digits."""
    assert codes.code_at(SEED, seconds // 30) == code
    assert codes.step_of(SEED, code, seconds) == seconds // 30


@given(st.integers(1_000, 4_000_000_000), st.integers(-4, 4))
def test_a_code_counts_one_step_early_or_late_and_no_more(seconds: int, off: int) -> None:
    """Clocks differ by seconds, not by minutes."""
    found = codes.step_of(SEED, codes.code_at(SEED, seconds // 30 + off), seconds)
    near = {codes.code_at(SEED, seconds // 30 + step) for step in (-1, 0, 1)}
    # Steps further away may share a code with one of these, one in a million.
    assert (found is not None) == (codes.code_at(SEED, seconds // 30 + off) in near)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "287082\n", " 287082", "{{7*7}}"])
def test_what_is_not_six_digits_is_no_code(text: str) -> None:
    """Nothing is trimmed or read kindly here."""
    assert codes.step_of(SEED, text, 59) is None


def test_a_seed_is_a_secret_of_the_home(tmp_path: Path) -> None:
    """Mode 0600; one that others may read is not used, and neither is one that is cut off."""
    uri = codes.write_seed(tmp_path, "ada")
    path = codes.seed_path(tmp_path, "ada")
    assert path.stat().st_mode & 0o777 == 0o600
    assert uri.startswith("otpauth://totp/gonogo%3Aada?secret=")
    path.chmod(0o640)
    with pytest.raises(SettingsBroken, match="others may read it; run: chmod 600"):
        codes.read_seed(tmp_path, "ada")
    path.chmod(0o600)
    path.write_text("00")
    with pytest.raises(SettingsBroken, match="no seed of 20 bytes"):
        codes.read_seed(tmp_path, "ada")
    codes.forget_seed(tmp_path, "ada")
    assert codes.read_seed(tmp_path, "ada") is None


def at(tmp_path: Path) -> Settings:
    """Return a home."""
    return settings().model_copy(update={"home": tmp_path})


def test_a_code_is_used_once_and_never_an_older_one_after_it(tmp_path: Path) -> None:
    """For one statement; somebody else's codes are their own."""
    home = at(tmp_path)
    assert rolls.use_code(home, "ada", 10, "a" * 64, NOON) is None
    assert "used before" in (rolls.use_code(home, "ada", 10, "b" * 64, NOON) or "")
    assert "used before" in (rolls.use_code(home, "ada", 9, "b" * 64, NOON) or "")
    assert rolls.use_code(home, "grace", 10, "b" * 64, NOON) is None
    assert rolls.code_was_used(home, "ada", "a" * 64)
    assert not rolls.code_was_used(home, "ada", "b" * 64)


def test_after_five_wrong_codes_nobody_guesses_on_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    """Not even the right one counts then; others are not kept waiting."""
    home = at(tmp_path)
    for _ in range(5):
        assert "not ada's of now" in (rolls.use_code(home, "ada", None, "a" * 64, NOON) or "")
    assert "5 codes of ada were wrong" in (rolls.use_code(home, "ada", 10, "a" * 64, NOON) or "")
    assert rolls.use_code(home, "grace", 10, "a" * 64, NOON) is None
    assert rolls.use_code(home, "ada", 10, "a" * 64, NOON + timedelta(minutes=16)) is None
