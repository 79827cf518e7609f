"""Cases from files: one a row, or one for all rows of the same key, the later rows as its events."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from gonogo.errors import CaseRefused, SettingsBroken
from gonogo.evidence.canon import short_id
from gonogo.plans import read_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import BaseModel

    from gonogo.missions import Mission
    from gonogo.settings import Settings

Row = dict[str, Any]


class Adapter(Protocol):
    """How the rows of a foreign file become a mission's cases and events; declared in ``tasks/``."""

    def case(self, row: Row) -> Row:
        """Return the case's input; raises CaseRefused naming the field."""
        ...

    def event(self, row: Row) -> tuple[str, Row, datetime | None]:
        """Return a later row of the same case as event name, body, and when it occurred."""
        ...

    def sort_key(self, row: Row) -> Any:
        """Return what orders the rows of one case in time."""
        ...


@dataclass(frozen=True, slots=True)
class Flyer:
    """One case, ready to fly."""

    run_id: str
    ref: str
    """File and row it came from."""
    case: BaseModel
    events: tuple[tuple[str, Row, datetime | None], ...] = ()
    arrived: datetime | None = None
    """When it came in, where it may have to wait for its turn."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no case, and why."""

    ref: str
    reason: str


@dataclass(slots=True)
class Batch:
    """What a file holds for a mission."""

    id: str
    flyers: list[Flyer] = field(default_factory=list[Flyer])
    bad: list[BadRow] = field(default_factory=list[BadRow])


def adapter_of(settings: Settings, mission: str) -> Adapter | None:
    """Return the declared adapter of a mission, or ``None`` where rows are cases as they are.

    Raises:
        SettingsBroken: the adapter module does not import.

    """
    try:
        module = import_module(settings.cases_module)
    except ImportError as error:
        raise SettingsBroken(f"GONOGO_CASES_MODULE={settings.cases_module} does not import: {error}") from error
    return module.ADAPTERS.get(mission)


def read_batch(
    mission: Mission[Any, Any],
    path: Path,
    adapter: Adapter | None,
    case_by: str | None,
    *,
    salt: str = "",
    arrived: str | None = None,
) -> Batch:
    """Read a CSV, JSONL or Parquet file into cases.

    The same file gives the same run ids, so flying it again continues what was begun; ``salt``
    makes it another batch. Bad rows are set aside with their line and reason; the rest proceeds.
    ``arrived`` is the column that says when a case came in; cases are in that order then.

    Raises:
        CaseRefused: the file is missing, of another kind, or lacks the column.

    """
    digest = _digest(path)
    batch = Batch(short_id(mission.charter.name, digest, case_by or "", salt, length=10))
    slug = mission.charter.name.replace("_", "-")
    groups: dict[str, list[tuple[str, Row]]] = {}
    for ref, row in _rows(path):
        if isinstance(row, str):
            batch.bad.append(BadRow(ref, row))
        elif case_by is not None and row.get(case_by) in (None, ""):
            batch.bad.append(BadRow(ref, f"it has no value in the column {case_by}"))
        else:
            # The row's number, not the file's name: a renamed file is still the same batch.
            name = ref.rpartition(":")[2] if case_by is None else str(row[case_by])
            groups.setdefault(name, []).append((ref, row))
    for name, rows in groups.items():
        run_id = f"{slug}-{short_id(batch.id, name)}"
        try:
            came = None if arrived is None else min(_came(row, arrived) for _, row in rows)
            try:
                flyer = _flyer(mission, adapter, run_id, rows)
            except CaseRefused:
                if arrived is None:
                    raise
                # A column that the case does not know says when it came in, and nothing else.
                bare = [(ref, {name: cell for name, cell in row.items() if name != arrived}) for ref, row in rows]
                flyer = _flyer(mission, adapter, run_id, bare)
            batch.flyers.append(replace(flyer, arrived=came))
        except CaseRefused as error:
            batch.bad.append(BadRow(rows[0][0], str(error)))
    if arrived is not None:
        batch.flyers.sort(key=lambda flyer: flyer.arrived or _LONG_AGO)
    return batch


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _came(row: Row, column: str) -> datetime:
    """Return when a row came in; without a time zone it is in UTC.

    Raises:
        CaseRefused: its column holds no time.

    """
    value = row.get(column)
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise CaseRefused(f"its column {column} says {value!r}, which is no time like 2026-11-26T08:30:00") from None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def replayed(batch: Batch, speed: float, first: datetime) -> Batch:
    """Return a batch whose cases come in again, so many times faster than they came, the first of them at a time."""
    began = min((flyer.arrived for flyer in batch.flyers if flyer.arrived is not None), default=first)
    flyers = [
        replace(flyer, arrived=None if flyer.arrived is None else first + (flyer.arrived - began) / speed)
        for flyer in batch.flyers
    ]
    return replace(batch, flyers=flyers)


def _flyer(mission: Mission[Any, Any], adapter: Adapter | None, run_id: str, rows: list[tuple[str, Row]]) -> Flyer:
    """Make one case of its rows: the first in time is the input, the others are events."""
    if adapter is None:
        if len(rows) > 1:
            raise CaseRefused(
                f"{mission.charter.name} has no adapter that makes events of rows; declare one in tasks/."
            )
        return Flyer(run_id, rows[0][0], read_case(mission, rows[0][1]))
    try:
        ordered = sorted(rows, key=lambda pair: adapter.sort_key(pair[1])) if len(rows) > 1 else rows
        events = tuple(adapter.event(row) for _, row in ordered[1:])
        return Flyer(run_id, ordered[0][0], read_case(mission, adapter.case(ordered[0][1])), events)
    except (KeyError, TypeError, ValueError) as error:
        raise CaseRefused(f"the row does not fit the adapter: {type(error).__name__}: {error}") from error


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CaseRefused(f"{path} cannot be read ({error.strerror}).") from error


def _rows(path: Path) -> Iterator[tuple[str, Row | str]]:
    """Yield ``(file:row, row)``, or ``(file:row, reason)`` for a row that cannot be read."""
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            yield from _json_rows(path)
        case ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, restkey="\x00rest")
                for row in reader:
                    ref = f"{path.name}:{reader.line_num}"
                    if "\x00rest" in row or None in row.values():
                        yield ref, f"it does not have the {len(reader.fieldnames or [])} fields of the header"
                    else:
                        yield ref, {name: value or None for name, value in row.items()}
        case ".parquet":
            import polars as pl

            for number, row in enumerate(pl.read_parquet(path).iter_rows(named=True), start=1):
                yield f"{path.name}:{number}", row
        case _:
            raise CaseRefused(f"{path} is neither .csv, .jsonl nor .parquet.")


def _json_rows(path: Path) -> Iterator[tuple[str, Row | str]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            ref = f"{path.name}:{number}"
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                yield ref, f"it is not JSON: {error}"
                continue
            yield ref, row if isinstance(row, dict) else "it is not a JSON object"
