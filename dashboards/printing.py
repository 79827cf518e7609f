"""Printing: the board report as one HTML file that needs nothing beside it, with the receipt of every number inside.

Nothing in it is fetched from anywhere: style, charts and the machine-readable receipt stand in the file,
so it can be filed, mailed, printed, and checked years later with ``gonogo kpis --against``.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from analytics import receipts, roi
from analytics.errors import AssumptionsBroken, MartMoved
from dashboards.boardroom import Figure, assumptions_of, board_figures, snapshot_of, whose_words
from dashboards.dossier import board_dossier, dossier_table
from dashboards.figures import ALL_MISSIONS, computed_before
from dashboards.markup import Html, join, table, tag
from dashboards.notices import age_notice, price_notices
from dashboards.palette import stylesheet
from dashboards.tables import open_tables
from dashboards.vouchers import amount_of, assumptions_sheet, snapshot_facts, stands_on, voucher
from dashboards.worth import accounts_table, forecast_table, left_out, options_table, value_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from analytics.accounts import RoiReport
    from analytics.receipts import Receipt

HERE = Path(__file__).parent
STYLES = (
    HERE / "look" / "2-tables.css",
    HERE / "look" / "4-numbers.css",
    HERE / "look" / "6-board.css",
    HERE / "print.css",
)
TRIES = 3
"""How often everything is asked again where a newer mart took the place of the one that was being read."""

_FIGURE_HEADS = (("", "num"), ("Number", ""), ("Value", "num"), ("Rests on", "num"))


def board_report(home: Path) -> str:
    """Return the board report of a home as one HTML file.

    Every number in it is of one snapshot, which the report names.

    Raises:
        MartMissing: nothing has been published yet.
        MartMoved: newer marts were published all the while; ask again.

    """
    for _ in range(TRIES):
        told = receipts.receipt(home)
        report, why = _worth(home)
        with open_tables(home) as tables:
            snapshot = snapshot_of(tables)
            seen = {snapshot["evidence_digest"], told["snapshot"]["evidence_digest"]}
            seen |= set() if report is None else {report.snapshot["evidence_digest"]}
            if len(seen) == 1:
                figures = board_figures(tables, None)
                parts = [
                    *_front(snapshot, told, computed_before(tables)),
                    *_figures(figures),
                    *_accounts(report, why),
                    tag("h2", "What drifted"),
                    dossier_table(board_dossier(tables), snapshot["published_at"]),
                    *_receipts(figures, snapshot),
                    *_back(snapshot, assumptions_of(tables), told),
                ]
                return _file(parts)
    raise MartMoved("New evidence landed while the report was made, three times over; ask again.")


def receipt_file(home: Path) -> bytes:
    """Return the receipt of every number, as ``gonogo kpis --receipt --json`` prints it."""
    return orjson.dumps(receipts.receipt(home), option=orjson.OPT_INDENT_2)


def _worth(home: Path) -> tuple[RoiReport | None, str]:
    try:
        return roi.report(home), ""
    except AssumptionsBroken as error:
        return None, str(error)


def _front(snapshot: dict[str, Any], told: Receipt, computed_at: datetime | None) -> Iterable[object]:
    wrong = [line["id"] for line in told["kpis"] if line["agrees"] is False]
    yield tag("h1", "Board report")
    yield tag(
        "p",
        f"Published {snapshot['published_at']:%d %B %Y, %H:%M} UTC, on {snapshot['runs']:,} runs "
        f"and {snapshot['records']:,} records of evidence.",
        css="lede",
    )
    yield age_notice(computed_at, snapshot["published_at"])
    if wrong:
        said = f"Computed again, {', '.join(wrong)} come to other digits than were published. Land the evidence anew."
        yield tag("p", tag("b", "These numbers disagree. "), said, css="notice")


def _of_the_house(figures: list[Figure]) -> list[Figure]:
    return [figure for figure in figures if figure.kpi.mission == ALL_MISSIONS]


def _figures(figures: list[Figure]) -> Iterable[object]:
    yield from price_notices({figure.kpi.basis for figure in figures})
    yield tag("h2", "Seven numbers")
    yield table(_FIGURE_HEADS, map(_figure_row, _of_the_house(figures)), "The seven numbers of the board")
    yield tag("h2", "By business unit and mission")
    yield _by_whose(figures)


def _receipts(figures: list[Figure], snapshot: dict[str, Any]) -> Iterable[object]:
    yield tag("h2", "Receipts")
    yield tag("section", [voucher(figure, snapshot) for figure in _of_the_house(figures)], css="sheet")


def _figure_row(figure: Figure) -> list[object]:
    amount, unit = amount_of(figure.kpi)
    name = join([tag("b", figure.kpi.name), tag("div", figure.question, css="second")])
    return [figure.place, name, join([tag("span", amount, css="big"), " ", unit]), stands_on(figure.kpi)]


def _by_whose(figures: list[Figure]) -> Html:
    names = list(dict.fromkeys(each.kpi.mission for each in figures if each.kpi.mission != ALL_MISSIONS))
    names.sort(key=lambda name: (not name.startswith("unit:"), name))
    heads = list({each.kpi.id: each.kpi.name for each in figures}.items())
    known = {(each.kpi.mission, each.kpi.id): " ".join(amount_of(each.kpi)) for each in figures}
    rows = [[tag("b", whose_words(name)), *(known.get((name, kpi), "") for kpi, _ in heads)] for name in names]
    return table([("", ""), *((name, "num") for _, name in heads)], rows, "The seven numbers by unit and mission")


def _accounts(report: RoiReport | None, why: str) -> Iterable[object]:
    yield tag("h2", "What agents are worth")
    if report is None or not report.missions:
        yield tag("p", why or "No mission with declared review and platform cost has landed.", css="none")
        return
    standing = (
        "examples that ship with gonogo: nobody answers for these figures" if report.standing == "example" else ""
    )
    version = f"Assumptions version {report.assumptions_version}"
    yield tag("p", f"{version}{', ' if standing else ''}{standing}. Failures and people's time are in the cost.")
    yield accounts_table(report)
    yield tag("h3", "Value: money and hours apart")
    yield value_table(report)
    yield tag("h3", "Alternatives")
    yield options_table(report)
    yield tag("h3", "Plans")
    yield forecast_table(report)
    yield left_out(report)


def _back(snapshot: dict[str, Any], assumed: list[dict[str, Any]], told: Receipt) -> Iterable[object]:
    yield tag("h2", "Assumptions")
    yield assumptions_sheet(assumed) if assumed else tag("p", snapshot["assumptions_fault"] or "None.", css="none")
    yield tag("h2", "What all of it stands on")
    yield snapshot_facts(snapshot)
    raw = b64encode(orjson.dumps(told)).decode()
    link = tag(
        "a", "the receipt of every number", href=f"data:application/json;base64,{raw}", download="gonogo-receipt.json"
    )
    yield tag("p", "Inside this file: ", link, ", SHA-256 ", tag("code", told["digest"]), ". Who holds the evidence ",
              "computes it again with ", tag("code", "gonogo kpis --against gonogo-receipt.json"), ".")  # fmt: skip


def _file(parts: Iterable[object]) -> str:
    head = join(
        [
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width">'),
            # Wherever the file is opened, it fetches nothing and runs nothing.
            tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
            tag("title", "gonogo: board report"),
            Html(stylesheet(STYLES, root=":root")),
        ]
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{tag("main", list(parts))}</body></html>\n'
