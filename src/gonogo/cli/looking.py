"""Commands that look: runs, evidence, and what the warehouse makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gonogo.approvals import asking_of
from gonogo.board import find_run, run_views
from gonogo.cli.screen import money, print_json, print_table, say, word
from gonogo.evidence.journals import journal_of
from gonogo.notices import stream_of as told_of
from gonogo.settings import settings
from gonogo.viewings import stream_of as viewed

if TYPE_CHECKING:
    from gonogo.evidence.records import Record

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def runs(
    every: Annotated[bool, typer.Option("--all", help="Show runs that have ended, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what flies and what waits; with --all, what has ended.

    Example: `gonogo runs --all`
    """
    views = run_views(journal_of(settings()))
    if as_json:
        print_json([view.model_dump() for view in views])
        return
    shown = [v for v in views if every or v.status in {"flying", "waiting"}]
    columns = ("run", "status", "outcome", "last step", "cost", "waits for", "since")
    rows = [
        (
            v.run_id, word(v.status), v.outcome, v.step, money(v.cost_micros),
            ", ".join(v.waits), v.started[:19] + "Z",
        )
        for v in shown
    ]  # fmt: skip
    ended = len(views) - len(shown)
    print_table("Runs", columns, rows, "Nothing flies." + (f" {ended} ended: gonogo runs --all" if ended else ""))


def evidence(
    run: Annotated[str, typer.Argument(help="The run, or a part of its id.")], as_json: AsJson = False
) -> None:
    """Show the record of a run, in the order it was written.

    Example: `gonogo evidence claims-triage-4kq7m2xh9c0d`
    """
    journal = journal_of(settings())
    run_id = find_run(journal, run)
    beside = [record for name in (viewed(run_id), told_of(run_id)) for record in journal.read_desk(name)]
    records = journal.read_flight(run_id) + journal.read_desk(run_id) + beside
    records.sort(key=lambda record: (record.fields["recordedtime"], record.fields["streamid"], record.seq))
    if as_json:
        print_json([{**record.fields, "digest": record.digest, "payload": record.body()} for record in records])
        return
    rows = [
        (
            r.fields["recordedtime"][11:23],
            r.fields["streamid"].rpartition("/")[2],
            r.seq,
            r.artifact,
            r.data["phase"],
            told(r),
        )
        for r in records
    ]
    print_table(
        f"Evidence of run {run_id}", ("time", "stream", "seq", "what", "phase", "says"), rows, "Nothing recorded."
    )
    say(f"{len(records)} records; both chains hold.")


def told(record: Record) -> str:  # noqa: C901, PLR0912 - one case for each artifact
    """Say a record in a line."""
    data = record.data
    match record.artifact:
        case "run_record":
            says = [
                data.get("event"),
                word(data.get("status")),
                data.get("outcome"),
                data.get("error"),
                data.get("model"),
            ]
        case "step_record":
            held = ", ".join(data.get("criteria", []))
            says = [data["step"], data.get("outcome"), data.get("error"), f"held {held}" if held else None]
        case "criterion_record":
            says = [data["owner"], data["side"], data["told"]]
        case "route_record":
            says = [data["route"], "→", data["choice"]]
        case "model_call":
            cost = money(data["cost_micros"]) if "cost_micros" in data else None
            says = [data["agent"], "asks", data["requested_model"], data.get("outcome"), cost, data.get("error")]
        case "tool_call":
            says = [data["principal"], data["tool"], data["effect"], data.get("outcome"), data.get("error")]
        case "delegation":
            handed = f"{data['delegator']} hands {data['work']} to {data['specialist']}"
            says = [handed, data.get("outcome"), data.get("error")]
        case "policy_decision":
            says = [data["verdict"], data["principal"], data["action"], "by", ", ".join(data["rules"])]
        case "approval_request":
            about = asking_of(record)
            says = [
                "gate",
                data["gate"],
                None if about == "action" else about,
                data["action"],
                "for",
                data["role"],
                "until",
                data["deadline"][:19],
            ]
        case "approval_record":
            told = "accepted" if data["accepted"] else f"refused: {data['refused_because']}"
            by = f"by {data['by']} ({data['proof']}, {data['door']})"
            says = ["gate", data["gate"], word(data["answer"]), by, told]
        case "viewing_record":
            says = ["gate", data["gate"], "opened by", data["by"], f"({data['proof']}, {data['door']})"]
        case "notice_record":
            told = "sent" if data["sent"] else f"NOT SENT: {data.get('error')}"
            says = ["gate", data["gate"], data["event"], "notice by", data["block"], told]
        case "event_record" | "event_receipt":
            says = [data["event"], data.get("state"), data.get("door")]
        case "finding_record":
            figures = f"{data['observed']} {data['unit']}, {data['basis']} limit {data['threshold']};"
            says = [data["action"], data["monitor"], "on", data["subject"], data["what"], figures, "for", data["owner"]]
        case "drill_record":
            told = ("not to be seen" if data.get("expected") == 0 else "caught") if data["passed"] else "NOT CAUGHT"
            says = [data["signal"], "in", data["lane"], told, f"{data['caught']} of {data['trials']}"]
        case "exception_record":
            says = [data["reason_code"], data["what"], "owner", data["owner"]]
        case "retention_record":
            says = [data["event"], data.get("target_kind"), data["target"], "by", data["by"]]
        case _:
            says = [", ".join(f"{v['object']} {v['id']} {v['version']}" for v in data.get("versions", []))]
    return " ".join(str(part) for part in says if part)
