"""Vouchers: how a number, and the snapshot under it, are shown with all it takes to compute them again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dashboards.markup import Html, join, table, tag
from dashboards.states import basis_words, is_bill
from dashboards.wording import NOTHING, count, money, plural, spoken

if TYPE_CHECKING:
    from dashboards.boardroom import Figure
    from dashboards.figures import Kpi

_ASSUMED_HEADS = (("What", ""), ("Value", "num"), ("Who says so", ""), ("As of", "num"))
_NUMBER = re.compile(r"\d+(\.\d+)?")


def amount_of(kpi: Kpi) -> tuple[str, str]:
    """Return a number as it is read, and its unit."""
    if kpi.value is None:
        return NOTHING, ""
    if kpi.is_money or kpi.unit.startswith("%") or kpi.unit == "ms":
        amount, _, unit = kpi.said.rpartition(" ")
        return amount, unit
    if kpi.is_minor:
        return kpi.said, "of money"
    if kpi.unit == "ratio":
        return f"{kpi.value:,.2f}", "ratio"
    return kpi.said, kpi.unit


def stands_on(kpi: Kpi) -> Html:
    """Return the small print of a number: what was divided by what, on which prices; or why there is none."""
    if kpi.value is None:
        return join([kpi.why_nothing])
    loud = kpi.basis is not None and not is_bill(kpi.basis)
    told = tag("span", basis_words(kpi.basis), css="basis loud" if loud else "basis") if kpi.basis else None
    parts = rests_on(kpi)
    return join([parts, " " if parts and told else None, told])


def rests_on(kpi: Kpi) -> str:
    """Return what was divided by what, money as money; nothing where nothing was."""
    return " / ".join(told for told in _divided(kpi) if told is not None)


def _is_money(kpi: Kpi) -> tuple[bool, bool]:
    """Return whether what is divided is money, in millionths, and whether what it is divided by is."""
    is_money = kpi.basis is not None
    return is_money, is_money and (kpi.unit == "ratio" or kpi.unit.startswith("%"))


def _divided(kpi: Kpi) -> tuple[str | None, str | None]:
    """Return what was divided by what: money is kept in millionths, and a share or ratio of money is of money."""
    above, below = kpi.numerator, kpi.denominator
    is_money, is_of_money = _is_money(kpi)
    return (
        None if above is None else money(above, kpi.currency if kpi.is_money else None) if is_money else count(above),
        None if below is None else money(below, None) if is_of_money else count(below),
    )


def voucher(figure: Figure, snapshot: dict[str, Any]) -> Html:
    """Return a number's receipt, folded up behind one line."""
    kpi = figure.kpi
    facts = [
        ("Formula", figure.formula or NOTHING),
        ("Value", NOTHING if kpi.value is None else f"{kpi.value!r} {kpi.unit}"),
        ("Numerator", _exact(kpi.numerator, is_money=_is_money(kpi)[0])),
        ("Denominator", _exact(kpi.denominator, is_money=_is_money(kpi)[1])),
        ("SQL, SHA-256", tag("code", figure.sql_sha256) if figure.sql_sha256 else NOTHING),
        ("Computed on", _snapshot_line(snapshot)),
        ("Again", tag("code", f"gonogo kpis {kpi.id} --receipt")),
    ]
    return tag(
        "details",
        tag("summary", tag("b", kpi.id), f" {kpi.name}: receipt"),
        tag("dl", [join([tag("dt", name), tag("dd", fact)]) for name, fact in facts], css="facts"),
        tag("pre", tag("code", figure.statement.strip())) if figure.statement else tag("p", kpi.why_nothing),
        css="voucher",
    )


def _exact(number: int | None, *, is_money: bool) -> str:
    """Return a number as it is computed with, to the last digit."""
    if number is None:
        return NOTHING
    return f"{number} millionths of money" if is_money else str(number)


def _snapshot_line(snapshot: dict[str, Any]) -> Html:
    return join(
        [f"{count(snapshot.get('records'))} records, ", tag("code", snapshot.get("evidence_digest") or NOTHING)]
    )


def snapshot_facts(snapshot: dict[str, Any]) -> Html:
    """Return what everything on a page or report was computed on."""
    size, root = snapshot.get("log_size"), snapshot.get("log_root")
    signed = (
        join([f"{count(size)} records of {snapshot['log_origin']}, root ", tag("code", root)])
        if root
        else f"none: {snapshot.get('log_note') or 'this mart names none'}"
    )
    assumed = (
        join([f"version {snapshot['assumptions_version']}, {snapshot['assumptions_standing']}, ",
              tag("code", snapshot["assumptions_digest"])])
        if snapshot.get("assumptions_version")
        else f"none: {snapshot.get('assumptions_fault') or 'this mart was computed without any'}"
    )  # fmt: skip
    facts = [("Evidence", _snapshot_line(snapshot)), ("Signed log", signed), ("Assumptions", assumed)]
    return tag("dl", [join([tag("dt", name), tag("dd", fact)]) for name, fact in facts], css="facts")


def assumptions_sheet(assumed: list[dict[str, Any]]) -> Html:
    """Return every assumption with who says so, folded up by mission.

    They are edited in policies/assumptions.yaml, and nowhere else.
    """
    by_mission: dict[str, list[dict[str, Any]]] = {}
    for row in assumed:
        by_mission.setdefault(spoken(row["mission"]) if row["mission"] else "the whole house", []).append(row)
    return tag("section", [_assumptions_of(whose, rows) for whose, rows in by_mission.items()], css="sheet")


def _assumptions_of(whose: str, rows: list[dict[str, Any]]) -> Html:
    cells = [
        [
            spoken(row["name"].replace(".", ": ")),
            _apart(row["value"]),
            row["source"] or NOTHING,
            NOTHING if row["as_of"] is None else f"{row['as_of']:%d %b %Y}",
        ]
        for row in rows
    ]
    told = tag("summary", tag("b", whose), f": {plural(len(rows), 'assumption')}")
    return tag("details", told, table(_ASSUMED_HEADS, cells, f"Assumptions on {whose}"), css="voucher")


def _apart(value: str) -> str:
    """Return a number of the file with its thousands apart, every digit kept; words as they are."""
    whole, point, rest = value.partition(".")
    return f"{int(whole):,}{point}{rest}" if _NUMBER.fullmatch(value) else value
