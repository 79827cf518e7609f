"""The declared mapping of the Bank Marketing data set: one row per person of a telephone campaign.

`duration` and `y` are known only after the call, so neither is ever read. `campaign` counts the call
whose outcome is told, so one less were made before it. Nobody in the file speaks for a firm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.errors import CaseRefused

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]

LEFT_OUT = {
    "duration": "known only after the call, and it tells how the call went",
    "y": "the outcome itself",
    "day": "the day of the month of a past campaign says nothing about the next one",
    "row": "the row's number; it names the lead",
}
"""Columns that are no input, and why not."""


@dataclass(frozen=True, slots=True)
class Column:
    """The column that a field of the profile comes from, and how it is read."""

    name: str
    read: Callable[[str, object], Any]


def _whole(column: str, value: object) -> int:
    try:
        return int(str(value).strip())
    except ValueError as error:
        raise CaseRefused(f"{column}: {value!r} is not a whole number.") from error


def _word(column: str, value: object) -> str:
    del column
    return str(value).strip().lower().rstrip(".").replace("-", "_")


def _before_this_call(column: str, value: object) -> int:
    calls = _whole(column, value)
    if calls < 1:
        raise CaseRefused(f"{column}: {value!r} calls; the row tells of one, so there was at least one.")
    return calls - 1


def _days(column: str, value: object) -> int | None:
    days = _whole(column, value)
    return None if days < 0 else days


PROFILE: dict[str, Column] = {
    "age": Column("age", _whole),
    "job": Column("job", _word),
    "marital": Column("marital", _word),
    "education": Column("education", _word),
    "in_default": Column("default", _word),
    "housing_loan": Column("housing", _word),
    "personal_loan": Column("loan", _word),
    "balance_eur": Column("balance", _whole),
    "channel": Column("contact", _word),
    "month": Column("month", _word),
    "contacts_this_campaign": Column("campaign", _before_this_call),
    "contacts_before": Column("previous", _whole),
    "days_since_contact": Column("pdays", _days),
    "last_outcome": Column("poutcome", _word),
}
"""Every field of a lead's profile, and the column it comes from; no other column is looked at."""


def is_campaign(row: Row) -> bool:
    """Return whether a row is of this shape."""
    return "poutcome" in row and "campaign" in row


def profile(row: Row) -> dict[str, Any]:
    """Return the profile that a row tells.

    Raises:
        CaseRefused: a column is missing, or its value is not what it should be.

    """
    told: dict[str, Any] = {}
    for field, column in PROFILE.items():
        value = row.get(column.name)
        if value is None or value == "":
            raise CaseRefused(f"{column.name}: nothing is recorded, and {field} is needed.")
        told[field] = column.read(column.name, value)
    return told


def lead(row: Row) -> dict[str, Any]:
    """Return the lead that a row tells of: a private client without a message."""
    if row.get("row") in {None, ""}:
        raise CaseRefused("row: the row has no number, and a lead needs a name.")
    name = f"BANK-{row['row']}"
    return {"lead_id": name, "person": name, "profile": profile(row)}
