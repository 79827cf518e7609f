"""Limits: reviewed text, read whole or not at all."""

from __future__ import annotations

import shutil
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from gonogo.errors import PolicyBroken
from gonogo.policy.limits import Limits, Monitoring, read_monitoring
from gonogo.policy.registry import read_registry
from tests.gonogo.toy import POLICIES

ROOM = Path(__file__).parents[3] / "policies"
CLERK = {"clerk": object()}


def read(tmp_path: Path, text: str) -> Monitoring:
    """Read a text as ``monitors.yaml``, with one registered agent."""
    (tmp_path / "monitors.yaml").write_text(text, encoding="utf-8")
    return read_monitoring(tmp_path, CLERK)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """No file is no way around the monitors."""
    assert read_monitoring(tmp_path, CLERK) == Monitoring()
    assert read_registry(POLICIES).monitors.everybody == Limits()


def test_what_is_shipped_says_what_the_defaults_are() -> None:
    """Whoever reads the file reads what holds."""
    assert read_registry(ROOM).monitors.everybody == Limits()


def test_an_agent_has_what_it_names_and_otherwise_everybodys(tmp_path: Path) -> None:
    """Field by field, over what everybody has, over the defaults."""
    made = read(
        tmp_path,
        "monitors: {loop: {repeats: 9}, amounts: {most: 10}}\n"
        'agents: {clerk: {loop: {action: flag}, spend_velocity: {usd: "0.50"}}}\n',
    )
    assert made.of("nobody") is made.everybody
    clerk = made.of("clerk")
    assert (clerk.loop.repeats, clerk.loop.action, clerk.loop.cycle_length) == (9, "flag", 4)
    assert (clerk.amounts.most, clerk.amounts.action) == (10, "flag")
    assert (clerk.spend_velocity.usd, clerk.spend_velocity.tokens) == (Decimal("0.50"), 2_000_000)
    assert made.everybody.spend_velocity.micros == 5_000_000


def test_hours_are_written_in_quotes(tmp_path: Path) -> None:
    """YAML reads 22:00 without them as a number."""
    made = read(tmp_path, 'monitors: {hours: {begin: "06:00", end: "22:00"}}')
    assert (made.everybody.hours.begin, made.everybody.hours.end) == (time(6), time(22))
    with pytest.raises(PolicyBroken, match=r"monitors.hours.end: .*in quotes"):
        read(tmp_path, 'monitors: {hours: {begin: "06:00", end: 22:00}}')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("monitors: {lop: {}}", r"monitors.yaml: monitors.lop: "),
        ("monitors: {loop: {repeats: 0}}", r"monitors.loop.repeats: "),
        ("monitors: {loop: {repeats: many}}", r"monitors.loop.repeats: "),
        ("monitors: {loop: {action: gate}}", r"monitors.loop.action: "),
        ("monitors: {loop: {reach: world}}", r"monitors.loop.reach: "),
        ("monitors: {loop: 5}", r"monitors.loop: "),
        ("monitors: 5", r"monitors: holds names"),
        ("agents: {}", r"must have the top-level key 'monitors'"),
        ("", r"must have the top-level key 'monitors'"),
        ("monitors: {}\nagent: {}", r"agent: is none of its sections"),
        ("monitors: {}\nagents: {ghost: {}}", r"agents.ghost: nobody registered"),
        ("monitors: {}\nagents: {clerk: 5}", r"agents.clerk: holds names"),
        ("monitors: {}\nagents: {clerk: {loop: {repeats: -1}}}", r"agents.clerk.loop.repeats: "),
        ("monitors: {spend_velocity: {usd: 5.5}}", r"spend_velocity.usd: .*text"),
        ("monitors: {spend_velocity: {window_seconds: 86401}}", r"window_seconds: "),
        ("monitors: {agent_spend: {rise_percent: 500}}", r"agent_spend: .*over: run only"),
        ('monitors: {hours: {begin: "06:00"}}', r"monitors.hours: .*a begin, an end"),
        ("monitors: {hours: {timezone: Mars/Olympus}}", r"timezone: .*time zone"),
        ("monitors: {loop: {repeats: 5, repeats: 6}}", r"written twice"),
        ("monitors: [", r"is not YAML"),
    ],
)
def test_a_text_that_does_not_hold_stops_everything_and_names_file_and_field(
    tmp_path: Path, text: str, says: str
) -> None:
    """A limit that nobody reads as it was meant is no limit."""
    with pytest.raises(PolicyBroken, match=says) as raised:
        read(tmp_path, text)
    assert "monitors.yaml" in str(raised.value)


def test_a_changed_limit_is_another_registry(tmp_path: Path) -> None:
    """The digest that evidence names covers it."""
    shutil.copytree(POLICIES, tmp_path, dirs_exist_ok=True)
    before = read_registry(tmp_path)
    (tmp_path / "monitors.yaml").write_text("monitors: {loop: {repeats: 6}}", encoding="utf-8")
    after = read_registry(tmp_path)
    assert before.digest != after.digest
    assert before.monitors.digest != after.monitors.digest
