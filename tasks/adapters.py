"""How rows of a file become cases and events of a mission: declared, checked, refused with a reason.

`gonogo run MISSION --each FILE` asks here. A row that already has the mission's own fields is taken
as it is; a foreign file has a mapping of its own. With `--case-by`, the first row of a case in time
order is its input, and each later one arrives as an outside event.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from gonogo.errors import CaseRefused
from policies.claims import Claim
from policies.content import Brief
from policies.contracts import Contract
from policies.incidents import Incident, TicketUpdate
from policies.leads import Lead
from tasks import bank_marketing, servicenow
from tasks.rehearsals import demo_cases, demo_events

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
Event = tuple[str, dict[str, Any], datetime]
"""Name, body, and when it happened."""

EVENT_COLUMNS = ("event", "occurred_at")
"""Columns of a row that tells an event: its name, and when it happened; the rest is its body."""

_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Adapter:
    """How rows become one mission's cases and events; each raises `CaseRefused` with field and reason."""

    case: Callable[[Row], dict[str, Any]]
    """The case that a row holds, as the mission takes it."""
    event: Callable[[Row], Event]
    """The outside event that a later row of a case holds."""
    sort_key: Callable[[Row], tuple[datetime, int]]
    """Time order of the rows of one case; never raises, a row without a time is refused later."""


def _checked(model: type[BaseModel], values: Row) -> dict[str, Any]:
    """Return values as the model's JSON, or say which field is wrong and why."""
    try:
        return model.model_validate(values).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'row'}: {each['msg']}" for each in error.errors()[:3])
        raise CaseRefused(f"{wrong}.") from error


def _plain(row: Row) -> Row:
    """Return a row as nested JSON: empty cells left out, JSON cells read, ``policy.number`` nested."""
    nested: Row = {}
    for name, value in row.items():
        if value is not None and value != "":
            _place(nested, name.split("."), _cell(value))
    return nested


def _place(into: Row, path: list[str], value: object) -> None:
    """Put a value where its dotted column name says."""
    name, *below = path
    inner: object = into.setdefault(name, {}) if below else None
    if not isinstance(inner, dict) if below else name in into:
        raise CaseRefused(f"{name}: the row has this column and others below it; keep one kind.")
    if below:
        _place(cast("Row", inner), below, value)
    else:
        into[name] = value


def _cell(value: object) -> object:
    """Return a cell's value; text that is a JSON list or object is read as one."""
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _own_case(model: type[BaseModel]) -> Callable[[Row], dict[str, Any]]:
    """Return the mapping of rows that have the mission's own fields."""

    def case(row: Row) -> dict[str, Any]:
        return _checked(model, {name: value for name, value in _plain(row).items() if name not in EVENT_COLUMNS})

    return case


def _own_event(row: Row) -> Event:
    """Return the event of a row with the columns `event` and `occurred_at`."""
    body = _plain(row)
    name = body.pop("event", None)
    if not isinstance(name, str):
        raise CaseRefused("event: a later row of a case names the event it tells, and this one does not.")
    return name, body, _moment(body.pop("occurred_at", None))


def _claim_event(row: Row) -> Event:
    """Return what happened to a claim; which claim is told by the column the rows were put together by."""
    return _own_event({name: value for name, value in row.items() if name != "claim_id"})


def _moment(value: object) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise CaseRefused(f"occurred_at: {value!r} is not an ISO 8601 time.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _own_sort_key(row: Row) -> tuple[datetime, int]:
    """Put the row without a time first: it is the case."""
    if row.get("occurred_at") in {None, ""}:
        return _EARLIEST, 0
    try:
        return _moment(row["occurred_at"]), 0
    except CaseRefused:
        return _LATEST, 0


def _incident_case(row: Row) -> dict[str, Any]:
    return _checked(Incident, servicenow.incident(row)) if servicenow.is_history(row) else _own_case(Incident)(row)


def _incident_event(row: Row) -> Event:
    if not servicenow.is_history(row):
        return _own_event(row)
    body = servicenow.update(row)
    _checked(TicketUpdate, body)
    return servicenow.EVENT, body, servicenow.occurred_at(row)


def _incident_sort_key(row: Row) -> tuple[datetime, int]:
    if not servicenow.is_history(row):
        return _own_sort_key(row)
    try:
        return servicenow.occurred_at(row), servicenow.revision(row)
    except CaseRefused:
        return _LATEST, 0


def _contract_case(row: Row) -> dict[str, Any]:
    """Return a contract; one that names a file without a digest means the file as it is now."""
    values = {name: value for name, value in _plain(row).items() if name not in EVENT_COLUMNS}
    if isinstance(values.get("file"), str):
        path = Path(values["file"]).absolute()
        values["file"] = str(path)
        if "sha256" not in values:
            try:
                values["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise CaseRefused(f"file: {path} cannot be read ({error.strerror}).") from error
    return _checked(Contract, values)


def _lead_case(row: Row) -> dict[str, Any]:
    return _checked(Lead, bank_marketing.lead(row)) if bank_marketing.is_campaign(row) else _own_case(Lead)(row)


ADAPTERS: dict[str, Adapter] = {
    "claims_triage": Adapter(_own_case(Claim), _claim_event, _own_sort_key),
    "contract_review": Adapter(_contract_case, _own_event, _own_sort_key),
    "incident_response": Adapter(_incident_case, _incident_event, _incident_sort_key),
    "content_review": Adapter(_own_case(Brief), _own_event, _own_sort_key),
    "lead_qualification": Adapter(_lead_case, _own_event, _own_sort_key),
}
"""By mission; a mission without one takes only rows that have its own fields."""

__all__ = ["ADAPTERS", "Adapter", "demo_cases", "demo_events"]
