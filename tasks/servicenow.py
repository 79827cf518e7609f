"""The declared mapping of a ServiceNow incident history: 36 columns, one row per change of a ticket.

Times in the file carry no offset and are taken as UTC. `?` means that nothing was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import CaseRefused

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]

EVENT = "ticket_updated"

_ABSENT = frozenset({"", "?", "none", "null", "nan"})
_FLAGS = {"true": True, "false": False}
_TIME = "%d/%m/%Y %H:%M"


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field comes from, and how it is read."""

    names: tuple[str, ...]
    read: Callable[[str, object], Any]
    is_required: bool = True


def _text(column: str, value: object) -> str:
    del column
    return str(value).strip()


def _number(column: str, value: object) -> int:
    # "3 - Moderate" is how the source's own exports write a priority.
    text = str(value).split("-")[0].strip()
    if not text.isdecimal():
        raise CaseRefused(f"{column}: {value!r} is not a whole number.")
    return int(text)


def _flag(column: str, value: object) -> bool:
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise CaseRefused(f"{column}: {value!r} is neither true nor false.")
    return found


def _time(column: str, value: object) -> str:
    try:
        moment = value if isinstance(value, datetime) else _parsed(str(value).strip())
    except ValueError as error:
        raise CaseRefused(f"{column}: {value!r} is not a time like 29/2/2016 01:16, or ISO 8601.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _parsed(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC) if "/" in text else datetime.fromisoformat(text)


UPDATE: dict[str, Column] = {
    "number": Column(("number",), _text),
    "incident_state": Column(("incident_state", "ident_state"), _text),
    "active": Column(("active",), _flag),
    "made_sla": Column(("made_sla",), _flag),
    "reassignment_count": Column(("reassignment_count",), _number),
    "reopen_count": Column(("reopen_count",), _number),
    "opened_at": Column(("opened_at",), _time),
    "resolved_at": Column(("resolved_at",), _time, is_required=False),
    "closed_at": Column(("closed_at",), _time, is_required=False),
    "sys_updated_at": Column(("sys_updated_at",), _time),
    "sys_mod_count": Column(("sys_mod_count",), _number),
    "priority": Column(("priority",), _number, is_required=False),
    "assignment_group": Column(("assignment_group",), _text, is_required=False),
    "category": Column(("category",), _text, is_required=False),
}
"""Every field of `ticket_updated`, and the column it comes from."""

_TOLD: dict[str, str] = {
    "contact_type": "Reported by",
    "location": "Location",
    "category": "Category",
    "u_symptom": "Symptom",
    "cmdb_ci": "Configuration item",
}
"""Columns that say what the incident is about, and how the description names them."""


def is_history(row: Row) -> bool:
    """Return whether a row is of this shape."""
    return "sys_mod_count" in row and "sys_updated_at" in row


def read(row: Row, field: str, column: Column) -> Any:
    """Return a field's value; ``None`` where the source recorded nothing and may.

    Raises:
        CaseRefused: a column is missing or its value is not what it should be.

    """
    name = next((name for name in column.names if name in row), None)
    if name is None:
        raise CaseRefused(f"{field}: the row has no column {' or '.join(column.names)}.")
    value = row[name]
    if value is None or str(value).strip().lower() in _ABSENT:
        if column.is_required:
            raise CaseRefused(f"{name}: nothing is recorded, and {field} is needed.")
        return None
    return column.read(name, value)


def update(row: Row) -> dict[str, Any]:
    """Return the body of `ticket_updated` for a row."""
    return {field: read(row, field, column) for field, column in UPDATE.items()}


def incident(row: Row) -> dict[str, Any]:
    """Return the incident that a ticket's first row tells of: handled in the source, followed here."""
    body = update(row)
    told = [f"{label}: {row[name]}." for name, label in _TOLD.items() if str(row.get(name) or "?").strip() != "?"]
    levels = {
        name: read(row, name, Column((name,), _number, is_required=False))
        for name in ("impact", "urgency")
        if name in row
    }
    return {
        "number": body["number"],
        "title": f"Incident {body['number']}",
        "description": " ".join(told),
        "category": body["category"] or "general",
        **{name: level for name, level in levels.items() if level is not None},
        "opened_at": body["opened_at"],
        "handled_by": "source",
        "source": body,
    }


def occurred_at(row: Row) -> datetime:
    """Return when the row's change happened."""
    return datetime.fromisoformat(read(row, "sys_updated_at", UPDATE["sys_updated_at"]))


def revision(row: Row) -> int:
    """Return the row's place among changes of the same minute."""
    return read(row, "sys_mod_count", UPDATE["sys_mod_count"])
