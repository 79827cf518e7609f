"""Evidence: find a run, read it as a story, see what is proven of each record, and take it along."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
import streamlit as st

from dashboards.archive import SHOWN, Sought, as_told, find_runs, owners, records_of, run_row
from dashboards.choosing import choose_mission
from dashboards.entrance import require_entrance
from dashboards.frame import nothing, page
from dashboards.markup import Html, join, show, table, tag
from dashboards.proving import ALONE_MOST, Proofs, log_size, proof_file, prove
from dashboards.states import PROOF, PROOF_WORDS, RUN, pill
from dashboards.stories import Line, story
from dashboards.wording import NOTHING, clock, count, latency, money, plural, spoken, zone
from gonogo.evidence.journals import journal_of
from gonogo.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from dashboards.mart import Mart
    from gonogo.evidence.records import Record

LOOK_AGAIN_SECONDS = 10.0
LINES_SHOWN = 400
RAW_CHARACTERS = 12_000
EVERYBODY = "all owners"

_HEADS = (
    ("Run", ""), ("Mission", ""), ("State", ""), ("Started", "num"), ("Took", "num"), ("Models", "num"),
    ("Records", "num"),
)  # fmt: skip


def body(mart: Mart, now: datetime) -> None:
    """Draw the page: the search, or one run."""
    run_id = st.query_params.get("run")
    if run_id:
        _one(mart, run_id, now)
    else:
        _search(mart, now)


def _search(mart: Mart, now: datetime) -> None:
    where = zone(st.context.timezone)
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Run or case", key="words", bind="query-params", placeholder="Run or case", label_visibility="collapsed"
        )
        mission = choose_mission(mart)
        known = owners(mart)
        owner = st.selectbox(
            "Owner", [EVERYBODY, *known], key="owner", bind="query-params", label_visibility="collapsed"
        )
        # A field for a day says nothing of its own while it is empty.
        day = st.date_input(f"Started on, {where}", None, key="day")
    whose = owner if owner in known else None
    found, total = find_runs(mart, Sought(mission, whose, day or None, words or None, where))
    shown = f"the newest {SHOWN} of {count(total)}" if total > SHOWN else plural(total, "run")
    show(tag("h2", "Runs ", tag("small", shown)))
    if not found:
        show(tag("p", "No run fits. Look for a part of its id or case, another day, or another owner.", css="none"))
        return
    show(table(_HEADS, [_run_row(run, clock(run["started_at"], now, where)) for run in found], "Runs"))


def _run_row(run: dict[str, Any], started: str) -> list[object]:
    door = tag("a", run["run_id"], href=f"evidence?{urlencode({'run': run['run_id']})}", target="_self")
    return [
        join([door, tag("div", run["case_ref"], css="second") if run["case_ref"] else None]),
        join([spoken(run["mission"]), tag("div", run["owner"], css="second")]),
        join([pill(run["status"], RUN), tag("div", spoken(run["outcome"]) if run["outcome"] else None, css="second")]),
        started,
        latency(None if run["latency_ms"] is None else run["latency_ms"] * 1_000),
        money(run["cost_micros"], run["currency"]),
        count(run["records"]),
    ]


def _one(mart: Mart, run_id: str, now: datetime) -> None:
    st.button("All runs", key="back", icon=":material/arrow_back:", on_click=_leave)
    run, records = run_row(mart, run_id), records_of(journal_of(settings()), run_id)
    if not run and not records:
        nothing("There is no such run here", f"Neither the mart nor the journals know {run_id}.")
        return
    show(_heading(run_id, run, now))
    if not records:
        nothing(
            "The record of this run is not on this machine",
            "The mart tells its sums. Its journal stands where it was flown, or was retired: ",
            tag("code", "gonogo evidence RUN"), " there shows it.",
        )  # fmt: skip
        return
    proofs = _proofs(settings(), run_id, len(records))
    _downloads(run_id, records)
    lines = story(records)
    where = zone(st.context.timezone)
    told = f"{plural(len(records), 'record')}, told in {plural(len(lines), 'line')}; times in {where}"
    show(tag("h2", "What happened ", tag("small", told)))
    show(_standing(records, proofs))
    times = _times(lines[:LINES_SHOWN], where)
    show(tag("ol", [_line(line, at, proofs) for line, at in zip(lines, times, strict=False)], css="tale scroll"))
    if len(lines) > LINES_SHOWN:
        show(tag("p", f"{len(lines) - LINES_SHOWN} later lines are left out; the download has all.", css="none"))


def _leave() -> None:
    st.query_params.pop("run", None)


def _heading(run_id: str, run: dict[str, Any], now: datetime) -> Html:
    if not run:
        return tag("p", tag("code", run_id), " has not landed yet; its record is read from the journal.", css="none")
    where = zone(st.context.timezone)
    facts = [
        ("Run", tag("code", run_id)),
        ("Mission", f"{spoken(run['mission'])}, owner {run['owner'] or NOTHING}"),
        ("Case", run["case_ref"] or NOTHING),
        ("Asked for by", run["requester"] or NOTHING),
        ("State", join([pill(run["status"], RUN), " ", spoken(run["outcome"] or run["reason_code"] or "")])),
        ("From, to", f"{clock(run['started_at'], now, where)}, {clock(run['ended_at'], now, where)}"),
        ("Models", f"{money(run['cost_micros'], run['currency'])} in {plural(run['model_calls'], 'call')}"),
        ("Law in force", tag("code", run["policy_digest"] or NOTHING)),
    ]
    return tag("section", tag("dl", [join([tag("dt", name), tag("dd", fact)]) for name, fact in facts], css="facts"),
               css="panel")  # fmt: skip


def _proofs(chosen: Settings, run_id: str, records: int) -> Proofs:
    """Prove at once what is cheap to prove; a large log is read when somebody asks for it."""
    size = log_size(chosen)
    asked = st.session_state.get("proven") == run_id
    if size > ALONE_MOST and not asked:
        st.button(
            "Prove", key="prove", icon=":material/verified:", on_click=lambda: st.session_state.update(proven=run_id)
        )
        return Proofs(note=f"The log holds {size:,} records; to prove these it is read once. Press Prove.")
    return _proven(chosen, run_id, size, records)


@st.cache_data(max_entries=64, show_spinner="Reading the log", hash_funcs={Settings: lambda known: str(known.home)})
def _proven(chosen: Settings, run_id: str, size: int, records: int) -> Proofs:
    """Prove a run once for each size of the log; an anchor that was set since shows with the next record."""
    del size, records
    return prove(chosen, run_id)


def _downloads(run_id: str, records: list[Record]) -> None:
    chosen = settings()
    with st.container(horizontal=True, key="take"):
        st.download_button(
            "Record as JSON", lambda: orjson.dumps([as_told(each) for each in records], option=orjson.OPT_INDENT_2),
            f"{run_id}.json", "application/json", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        st.download_button(
            "Proofs", lambda: proof_file(chosen, run_id), f"{run_id}-proofs.json", "application/json",
            on_click="ignore", icon=":material/verified:", disabled=not log_size(chosen),
        )  # fmt: skip


def _standing(records: list[Record], proofs: Proofs) -> Html:
    tally: dict[str, int] = {}
    for record in records:
        word = proofs.of(record.digest)[0]
        tally[word] = tally.get(word, 0) + 1
    pills = [[pill(word, PROOF, f"{tally[word]} {PROOF_WORDS[word]}"), " "] for word in PROOF_WORDS if word in tally]
    small = f"Log of {proofs.size:,} records, root {proofs.root}. {proofs.note}" if proofs.root else proofs.note
    flaws = [tag("p", flaw, css="said refused") for flaw in proofs.flaws]
    return tag("section", tag("div", pills), tag("div", small, css="second"), flaws, css="panel")


def _times(lines: list[Line], where: tzinfo) -> Iterator[Html]:
    """Yield when each line was recorded, as clocks of the viewer say it, with the day wherever a new one begins."""
    before = None
    for line in lines:
        at = datetime.fromisoformat(line.record.fields["recordedtime"]).astimezone(where)
        day = None if at.date() == before else tag("div", f"{at:%d %b %Y}")
        before = at.date()
        yield join([day, f"{at:%H:%M:%S}.{at.microsecond // 1_000:03}"])


def _line(line: Line, at: Html, proofs: Proofs) -> Html:
    record = line.record
    standing, place = proofs.of(record.digest)
    where = f"{PROOF_WORDS[standing]}{'' if place is None else f', place {place:,}'}"
    stream = f"{record.fields['streamid'].rpartition('/')[2]} {record.seq}"
    return tag(
        "li",
        tag("span", at, css="when"),
        tag("span", tag("span", css=f"mark {line.shape}", aria_hidden="true"), css=f"is-{line.ink}"),
        tag(
            "div",
            tag("b", line.title),
            tag("div", line.told, css="second") if line.told else None,
            tag("details", tag("summary", f"record {stream}: {where}", css="second"), _raw(record)),
            css="deep" if line.is_inside else "",
        ),
        tag("span", line.beside, css="beside"),
    )


def _raw(record: Record) -> Html:
    text = orjson.dumps(as_told(record), option=orjson.OPT_INDENT_2).decode()
    cut = f"{text[:RAW_CHARACTERS]}\n… cut; the download has all of it" if len(text) > RAW_CHARACTERS else text
    return tag("pre", tag("code", cut))


require_entrance("pages/evidence.py")
page("Evidence", "Every run, as it was recorded: who asked, what was decided, what was done.", body, LOOK_AGAIN_SECONDS)
