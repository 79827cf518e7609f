"""Receipts on the screen: what a number was computed from, and what came of computing it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.errors import SettingsBroken

if TYPE_CHECKING:
    from pathlib import Path


def tell_receipt(told: dict[str, Any], *, as_json: bool) -> int:
    """Print a receipt; return 1 where the published table says something else."""
    wrong = [line["id"] for line in told["kpis"] if line["agrees"] is False]
    if as_json:
        print_json(told)
        return bool(wrong)
    for line in told["kpis"]:
        say(f"{line['id']}  {line['name']}")
        say(f"  formula  {plain_cell(line['formula'])}")
        rows = [
            (v["mission"], v["segment"] or "", _plain(v["value"]), v["unit"], _plain(v["numerator"]),
             _plain(v["denominator"]), v["reason"] or v["basis"] or "")
            for v in line["values"]
        ]  # fmt: skip
        print_table("", ("mission", "segment", "value", "unit", "numerator", "denominator", "stands on"), rows, "")
        if line["sql"]:
            say(f"  SQL, SHA-256 {line['sql_sha256']}:")
            for text in line["sql"].strip().splitlines():
                say(f"    {plain_cell(text)}")
    _tell_snapshot(told)
    for each in wrong:
        say(f"{each}: the published table says something else; gonogo land publishes it anew.")
    return bool(wrong)


def _tell_snapshot(told: dict[str, Any]) -> None:
    snapshot = told["snapshot"]
    say(f"snapshot     {snapshot['evidence_digest']}: {snapshot['records']} records, {snapshot['runs']} runs")
    if snapshot["log_root"]:
        say(f"log          {snapshot['log_origin']}, {snapshot['log_size']} records, root {snapshot['log_root']}")
    else:
        say(f"log          none: {snapshot['log_note']}")
    if snapshot["assumptions_fault"]:
        say(f"assumptions  none: {plain_cell(snapshot['assumptions_fault'])}")
    else:
        version, standing = snapshot["assumptions_version"], snapshot["assumptions_standing"]
        say(f"assumptions  version {version}, {standing}, SHA-256 {snapshot['assumptions_digest']}")
    if told["undeclared"]:
        say(f"undeclared   {', '.join(told['undeclared'])}: left out of what needs assumptions")
    say(f"engine       {told['engine']}")
    say(f"digest       {told['digest']}")


def tell_recheck(told: dict[str, Any], *, as_json: bool) -> int:
    """Print what came of computing a receipt again; return 1 where any digit differs."""
    if as_json:
        print_json(told)
    else:
        say(f"{len(told['same'])} KPIs come to the same digits again.")
        if told["snapshot"] == "other":
            say("The mart was computed on other evidence or assumptions than the receipt.")
        if told["different"]:
            say(f"Different: {', '.join(told['different'])}")
    return bool(told["different"])


def read_kept(path: Path) -> bytes:
    """Return a receipt that was kept.

    Raises:
        SettingsBroken: it cannot be read.

    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsBroken(f"{path} cannot be read ({error.strerror}).") from error


def _plain(value: object) -> str:
    """Return a number with all its digits."""
    return "" if value is None else str(value)
