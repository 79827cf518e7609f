"""Gaps: what happened and is not in the evidence, found by asking those who know: systems, Prefect, the log.

No log shows what was never recorded. So the systems of record are asked for what they did, by idempotency
key; Prefect for what it has run; the log for streams that journals hold no more; and the evidence itself
for effects that were begun and never told of. Each is compared, and what has no counterpart is named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import httpx
import orjson

from gonogo.errors import ServerUnreachable, SettingsBroken
from gonogo.evidence.canon import short_id
from gonogo.evidence.ledger import only
from gonogo.house.api import post
from gonogo.house.handing import RUN_TAG
from gonogo.log.proofs import Signed
from gonogo.log.sequencer import journal_name, log_folder

if TYPE_CHECKING:
    from gonogo.deeds import Deed
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

Kind = Literal["deed_without_evidence", "evidence_without_deed", "in_doubt", "run_without_evidence", "stream_gone"]
"""deed_without_evidence: a system did something that no record intended. evidence_without_deed: a record says
that it was done, and its system does not know of it. in_doubt: begun, and the run ended without saying how it went.
run_without_evidence: Prefect ran it, and nothing is recorded. stream_gone: the log holds records that the journals
do not."""

PAGE = 200
"""Flow runs that Prefect is asked for at once; its own limit."""


class Gap(NamedTuple):
    """One thing that has no counterpart."""

    kind: Kind
    what: str
    """What and where, in one sentence."""


class Told(NamedTuple):
    """What the systems of record tell."""

    deeds: list[Deed]
    """Every change that they hold."""
    whole: frozenset[str]
    """Systems, as tools name them, that tell everything they did; of others, silence says nothing."""


def deeds_told(settings: Settings) -> Told:
    """Return what the systems of record tell, as the rooms list it.

    Raises:
        SettingsBroken: the module that ``GONOGO_SYSTEMS`` names does not import, or does not list its deeds.
        ToolFailed: a system cannot be read.

    """
    try:
        module = import_module(settings.systems)
        list_deeds, whole = module.deeds, frozenset[str](module.TELL_ALL)
    except (ImportError, AttributeError) as error:
        raise SettingsBroken(f"GONOGO_SYSTEMS={settings.systems} lists no deeds: {error}.") from error
    return Told(list(list_deeds()), whole)


def gaps_in_deeds(journal: Journal, told: Told) -> list[Gap]:
    """Compare what systems did with what is recorded.

    The evidence is read after the deeds were listed: an intent is durable before its effect, so one that happens
    meanwhile is no gap.
    """
    asked = {deed.key: deed for deed in told.deeds}
    intended: set[str] = set()
    gaps: list[Gap] = []
    for run_id in journal.run_ids():
        is_over = journal.has_ended(run_id)
        calls = only(journal.read_flight(run_id), "tool_call")
        results = {call.data["key"]: call for call in calls if call.data.get("phase") == "result"}
        for call in calls:
            if call.data.get("phase") != "intent" or call.data.get("effect") == "read":
                continue
            key, result = call.data["idempotency_key"], results.get(call.data["key"])
            intended.add(key)
            if result is None and is_over:
                gaps.append(Gap("in_doubt", f"{_told(call)} was begun, and the run ended without saying how it went."))
            elif result is not None and key not in asked and _must_be_known(call, result, told.whole):
                what = f"{_told(call)} is recorded as done, and {call.data['system']} does not know of it."
                gaps.append(Gap("evidence_without_deed", what))
    strays = [deed for key, deed in asked.items() if key not in intended]
    return [*gaps, *(Gap("deed_without_evidence", _told_of(deed)) for deed in strays)]


def _must_be_known(intent: Record, result: Record, systems: frozenset[str]) -> bool:
    return result.data.get("outcome") == "done" and intent.data["system"] in systems


def _told(call: Record) -> str:
    return f"{call.data['tool']} of run {call.run_id} (record {call.seq})"


def _told_of(deed: Deed) -> str:
    return f"{deed.tool} at {deed.system}, {deed.at}, under the key {deed.key}: no record intended it."


def gaps_in_runs(journal: Journal, api_url: str) -> list[Gap]:
    """Compare the flow runs of missions that Prefect has begun with what is recorded.

    Raises:
        ServerUnreachable: the server does not answer.

    """
    try:
        deployments = post(f"{api_url}/deployments/filter", {"deployments": {"tags": {"all_": ["mission"]}}})
        flows = sorted({str(each["flow_id"]) for each in deployments if "batch" not in each["tags"]})
        about = {"flows": {"id": {"any_": flows}}}
        names: list[dict[str, Any]] = post(f"{api_url}/flows/filter", about) if flows else []
        begun = _begun(api_url, flows) if flows else []
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise ServerUnreachable(f"Prefect at {api_url} does not tell what it has run ({error}).") from error
    named = {str(flow["id"]): str(flow["name"]) for flow in names}
    gaps: list[Gap] = []
    for flow_run in begun:
        run_id = run_of(flow_run, named.get(str(flow_run["flow_id"]), ""))
        if not journal.flight_position(run_id):
            what = (
                f"Prefect began the flow run {flow_run['name']} ({flow_run['id']}), which is {flow_run['state_name']}"
            )
            gaps.append(Gap("run_without_evidence", f"{what}; nothing is recorded of the run {run_id}."))
    return gaps


def run_of(flow_run: dict[str, Any], flow: str) -> str:
    """Return the run that a flow run of a mission flies, as the mission lane names it."""
    tagged = [str(tag).removeprefix(RUN_TAG) for tag in flow_run["tags"] if str(tag).startswith(RUN_TAG)]
    return tagged[0] if tagged else f"{flow.replace('_', '-')}-{short_id(str(flow_run['id']))}"


def _begun(api_url: str, flows: list[str]) -> list[dict[str, Any]]:
    """Return every flow run of these flows that has started, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = post(
            f"{api_url}/flow_runs/filter",
            {
                "flows": {"id": {"any_": flows}},
                "flow_runs": {"start_time": {"is_null_": False}},
                "sort": "ID_DESC",
                "limit": PAGE,
                "offset": len(found),
            },
        )
        found += page
        if len(page) < PAGE:
            return found


def gaps_in_streams(settings: Settings, journal: Journal) -> list[Gap]:
    """Name every stream of which the log holds more than the journals; nothing, where there is no log yet.

    Raises:
        EvidenceBroken: the log does not hold.

    """
    if not (log_folder(settings) / "checkpoint").exists():
        return []
    held: dict[str, int] = {}
    for _, entry in Signed.open(log_folder(settings)).entries():
        stream = str(orjson.loads(entry)["streamid"])
        held[stream] = held.get(stream, 0) + 1
    sizes = journal.tail.sizes()
    return [
        Gap("stream_gone", f"The log holds {count} records of {stream}, and the journals hold none of them.")
        for stream, count in sorted(held.items())
        if not sizes.get(journal_name(stream))
    ]
