"""Wording: quantities as people read them, with their unit, and a dash where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gonogo.model import MICROS_PER_UNIT

NOTHING = "—"
"""Shown where there is no value; why is said beside it."""

CENTS_PER_UNIT = 100

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MILLISECOND_US, _SECOND_US = 1_000, 1_000_000
_CENTS_ENOUGH_MICROS = MICROS_PER_UNIT
_SMALLEST_SHOWN_MICROS = 100


def duration(seconds: float) -> str:
    """Return a time span in its two largest units: ``12 s``, ``4 min``, ``2 h 10 min``, ``3 d 4 h``."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _pair(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _pair(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def _pair(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large} {unit} {small} {small_unit}" if small else f"{large} {unit}"


def latency(microseconds: float | None) -> str:
    """Return how long an operation took, from microseconds up to days."""
    if microseconds is None:
        return NOTHING
    if microseconds < _MILLISECOND_US:
        return f"{microseconds:.0f} µs"
    if microseconds < _SECOND_US:
        return f"{microseconds / _MILLISECOND_US:.3g} ms"
    if microseconds < 10 * _SECOND_US:
        return f"{microseconds / _SECOND_US:.1f} s"
    return duration(microseconds / _SECOND_US)


def since(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was."""
    return NOTHING if moment is None else f"{duration((now - moment).total_seconds())} ago"


def left(deadline: datetime | None, now: datetime) -> str:
    """Return how long there is until a deadline, or that it has passed."""
    if deadline is None:
        return "no deadline"
    seconds = (deadline - now).total_seconds()
    return f"{duration(seconds)} left" if seconds > 0 else f"overdue by {duration(-seconds)}"


def money(micros: float | None, currency: str | None) -> str:
    """Return an amount with its currency; small sums keep four decimals, and a little is never zero."""
    if micros is None:
        return NOTHING
    unit = currency or ""
    if 0 < abs(micros) < _SMALLEST_SHOWN_MICROS:
        return f"< 0.0001 {unit}".rstrip()
    places = 2 if abs(micros) >= _CENTS_ENOUGH_MICROS or not micros else 4
    return f"{micros / MICROS_PER_UNIT:,.{places}f} {unit}".rstrip()


def cents(amount: float | None) -> str:
    """Return money that tools move, which is counted in minor units; its currencies are not told apart."""
    return NOTHING if amount is None else f"{amount / CENTS_PER_UNIT:,.2f}"


def percent(share: float | None) -> str:
    """Return a share of 1 in percent, with one decimal; all and none only where it is exactly so."""
    if share is None:
        return NOTHING
    shown = f"{share:.1%}"
    if shown == "100.0%":
        return "100 %" if share >= 1 else "> 99.9 %"
    if shown == "0.0%":
        return "0 %" if share <= 0 else "< 0.1 %"
    return shown.replace("%", " %")


def count(number: float | None) -> str:
    """Return a whole number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 run``, ``2 runs``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def zone(name: str | None) -> tzinfo:
    """Return the viewer's time zone; UTC where the browser names none, or one nobody knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def clock(moment: datetime | None, now: datetime, where: tzinfo) -> str:
    """Return a time of day, with its date unless it is today."""
    if moment is None:
        return NOTHING
    local = moment.astimezone(where)
    if local.date() == now.astimezone(where).date():
        return f"{local:%H:%M}"
    return f"{local:%d %b %H:%M}" if local.year == now.astimezone(where).year else f"{local:%d %b %Y}"


def spoken(word: str) -> str:
    """Return a word of a vocabulary as it is said: ``no_go`` is no-go, ``fast_track`` is fast track."""
    return "no-go" if word == "no_go" else word.replace("_", " ")
