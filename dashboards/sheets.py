"""Sheets: tables as files that a spreadsheet opens, whole, unrounded, and without a formula in them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def as_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a CSV file: the named columns, in that order."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([inert(row.get(name)) for name in names] for row in rows)
    # Spreadsheets take UTF-8 for what it is only with this mark in front.
    return text.getvalue().encode("utf-8-sig")


def inert(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
