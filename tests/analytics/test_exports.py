"""What leaves the house: whole, in the words of its format, the same each time, and nothing told in confidence."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analytics.errors import ExportFailed, MartMissing
from analytics.exports import export, focus, otlp
from analytics.exports.spans import trace_id
from analytics.marts import open_mart
from analytics.warehouse import land
from gonogo.errors import SettingsBroken
from gonogo.settings import settings, using
from tests.analytics.collector import collecting

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.analytics.conftest import Fleet

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "focus_1_2.json").read_text(encoding="utf-8"))
SECRETS = ("Pat Doe", "looks right", "hush-hush", "DE02120300000000202051", "it failed", "lee", "kim")
"""In cases, arguments, reasons, errors and names of the fleet below."""


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory, fleet_class: type[Fleet]) -> Fleet:
    """A small fleet with something of everything: nested steps, failures, gates, events, currencies, one in the air."""
    fleet = fleet_class(tmp_path_factory.mktemp("exports"))
    for number in range(3):
        fleet.flown(f"c{number}", measures={"sla_kept": 1})
    one = fleet.run("deep").begin({"name": "Pat Doe", "iban": "DE02120300000000202051"}, case_ref="claim of Pat Doe")
    outer = one.step("assess", key="/step:assess")
    inner = one.step("read", key="/step:assess/step:read")
    one.model("/step:assess/step:read/model", step_key=inner, cost_micros=1_234_567, currency="USD")
    one.model("/step:assess/model", step_key=outer, cost_micros=1, price_basis="notional")
    one.tool("/step:assess/tool", step_key=outer, outcome="failed")
    one.step("fall", outcome="failed")
    one.decide("gate")
    one.ask("g1")
    one.answer("g1", "no_go")
    one.event("hint", {"text": "hush-hush"})
    one.end(None, status="no_go", success=False, reason_code="approval_denied")
    foreign = fleet.run("foreign", "incident_response").begin()
    foreign.model("/m", step_key=foreign.step("look"), cost_micros=7, currency="EUR")
    foreign.end("resolved")
    fleet.run("flying").begin().step("assess", outcome=None)
    land(fleet.home)
    return fleet


def written(home: Path, form: Any, out: Path, **more: Any) -> bytes:
    """Export into a file, and return its bytes."""
    export(home, form, str(out), **more)
    return out.read_bytes()


# OCEL


def test_ocel_is_whole_and_in_the_words_of_its_format(flown: Fleet, tmp_path: Path) -> None:
    """Every type and attribute is declared, every id is there once, and no link leads nowhere."""
    told = json.loads(written(flown.home, "ocel", tmp_path / "log.json"))
    assert set(told) == {"events", "objects", "eventTypes", "objectTypes"}
    for items, types in (("events", "eventTypes"), ("objects", "objectTypes")):
        declared = {each["name"]: {a["name"]: a["type"] for a in each["attributes"]} for each in told[types]}
        ids = [item["id"] for item in told[items]]
        assert len(ids) == len(set(ids))
        assert {item["type"] for item in told[items]} == set(declared)
        for item in told[items]:
            for attribute in item["attributes"]:
                kind = {str: "string", int: "integer", bool: "boolean"}[type(attribute["value"])]
                assert declared[item["type"]][attribute["name"]] == kind
    known = {item["id"] for item in told["objects"]}
    linked = {link["objectId"] for item in (*told["events"], *told["objects"]) for link in item["relationships"]}
    assert linked <= known
    assert all(datetime.fromisoformat(event["time"]).tzinfo for event in told["events"])


def test_ocel_counts_what_the_mart_counts(flown: Fleet, tmp_path: Path) -> None:
    """A run, a step, a call and an answer are each an event, and nothing else is."""
    told = json.loads(written(flown.home, "ocel", tmp_path / "log.json"))
    kinds = Counter(event["type"].split(" ")[0] for event in told["events"])
    one = flown.one
    assert kinds["step"] == one("SELECT count(*) FROM steps")
    assert kinds["call"] == one("SELECT count(*) FROM tool_calls")
    assert kinds["ask"] == one("SELECT count(*) FROM model_calls")
    assert kinds["policy"] == one("SELECT count(*) FROM decisions")
    assert kinds["run"] == one("SELECT count(*) + count(ended_at) FROM runs")
    assert kinds["gate"] == one("SELECT count(*) + count(answer) FROM gates")
    assert kinds["event"] == 1


def test_ocel_is_the_same_bytes_each_time_and_only_of_its_window(flown: Fleet, tmp_path: Path) -> None:
    """What was exported twice can be told apart from what changed."""
    first = written(flown.home, "ocel", tmp_path / "a.json")
    assert first == written(flown.home, "ocel", tmp_path / "b.json")
    later = datetime.now(UTC) + timedelta(days=1)
    assert json.loads(written(flown.home, "ocel", tmp_path / "c.json", since=later))["events"] == []
    assert written(flown.home, "ocel", tmp_path / "d.json", since=later - timedelta(days=2), until=later) == first


@pytest.mark.parametrize("form", ["ocel", "focus"])
def test_nothing_told_in_confidence_leaves(flown: Fleet, tmp_path: Path, form: str) -> None:
    """No case, argument, reason, error or name of a person; a case is a digest of its reference."""
    told = written(flown.home, form, tmp_path / "out").decode()
    assert [secret for secret in SECRETS if secret in told] == []
    if form == "ocel":
        assert f"case:{sha256(b'claim of Pat Doe').hexdigest()[:32]}" in told


# Files


@pytest.mark.parametrize("form", ["ocel", "focus"])
def test_a_file_is_replaced_whole_or_not_at_all(
    flown: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    """What stood there stays when the disk fills up, and no half of a file is left behind."""
    out = tmp_path / "out"
    out.write_bytes(b"before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analytics.exports.windows.os.fsync", full)
    with pytest.raises(ExportFailed, match="No space left on device"):
        export(flown.home, form, str(out))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert out.read_bytes() == b"before"


def test_a_folder_that_is_not_there_is_named(flown: Fleet, tmp_path: Path) -> None:
    """With the way to it."""
    with pytest.raises(ExportFailed, match="nowhere"):
        export(flown.home, "focus", str(tmp_path / "nowhere" / "out.csv"))


def test_without_a_mart_there_is_nothing_to_export(tmp_path: Path) -> None:
    """And no empty file that looks like an answer."""
    with pytest.raises(MartMissing):
        export(tmp_path, "ocel", str(tmp_path / "out.json"))
    assert not (tmp_path / "out.json").exists()


# FOCUS


def charges(home: Path, out: Path, **more: Any) -> list[dict[str, str]]:
    """Return the rows of a FOCUS export."""
    written(home, "focus", out, **more)
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_focus_has_every_mandatory_column_and_none_that_is_not_published() -> None:
    """Of version 1.2; own columns begin with x_, as it asks."""
    assert set(PUBLISHED["mandatory"]) <= set(focus.COLUMNS)
    assert set(focus.COLUMNS) <= {*PUBLISHED["mandatory"], *PUBLISHED["others"]}
    assert all(name.startswith("x_") for name in focus.OWN)
    assert len(PUBLISHED["mandatory"]) + len(PUBLISHED["others"]) == 57


def test_focus_adds_up_to_what_models_cost_to_the_millionth(flown: Fleet, tmp_path: Path) -> None:
    """By currency and basis; what is nobody's bill bills nothing."""
    rows = charges(flown.home, tmp_path / "focus.csv")
    for currency in ("USD", "EUR"):
        mine = [row for row in rows if row["BillingCurrency"] == currency]
        billed = sum(Decimal(row["BilledCost"]) for row in mine)
        notional = sum(Decimal(row["x_NotionalCost"]) for row in mine)
        sums = flown.one(
            "SELECT coalesce(sum(cost_micros) FILTER (WHERE price_basis <> 'notional'), 0)::BIGINT, "
            "coalesce(sum(cost_micros) FILTER (WHERE price_basis = 'notional'), 0)::BIGINT "
            f"FROM costs WHERE currency = '{currency}'"
        )
        assert (billed * 1_000_000, notional * 1_000_000) == sums
    assert sum(int(row["x_Calls"]) for row in rows) == flown.one("SELECT count(*) FROM costs")


def test_focus_says_each_charge_as_the_specification_asks(flown: Fleet, tmp_path: Path) -> None:
    """Nothing mandatory is empty but the class, which is for corrections; periods hold the charge."""
    for row in charges(flown.home, tmp_path / "focus.csv"):
        assert [name for name in PUBLISHED["mandatory"] if not row[name] and name != "ChargeClass"] == []
        begin, end = (datetime.fromisoformat(row[f"ChargePeriod{side}"]) for side in ("Start", "End"))
        first, last = (datetime.fromisoformat(row[f"BillingPeriod{side}"]) for side in ("Start", "End"))
        assert first <= begin < end <= last
        assert end - begin == timedelta(hours=1)
        assert (first.day, last.day) == (1, 1)
        assert row["ServiceCategory"] == "AI and Machine Learning"
        assert set(json.loads(row["Tags"])) == {"environment", "mission", "price_basis"}
        assert row["BilledCost"] == row["EffectiveCost"] == row["ContractedCost"] == row["ListCost"]


def test_windows_of_focus_tile(flown: Fleet, tmp_path: Path) -> None:
    """Two windows that touch hold each charge once between them."""
    cut = flown.one("SELECT quantile_disc(charged_at, 0.5) FROM costs")
    whole = charges(flown.home, tmp_path / "all.csv")
    parts = charges(flown.home, tmp_path / "a.csv", until=cut) + charges(flown.home, tmp_path / "b.csv", since=cut)
    assert sum(Decimal(row["BilledCost"]) for row in parts) == sum(Decimal(row["BilledCost"]) for row in whole)
    assert sum(int(row["x_Calls"]) for row in parts) == sum(int(row["x_Calls"]) for row in whole)


@pytest.mark.parametrize(("micros", "text"), [(0, "0.000000"), (1, "0.000001"), (-1_500_000, "-1.500000")])
def test_money_is_written_to_the_last_digit(micros: int, text: str) -> None:
    """No float ever holds it."""
    assert focus.decimal(micros) == text


# OpenTelemetry


def attributes(span: Any) -> dict[str, Any]:
    """Return a span's attributes."""
    found: dict[str, Any] = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = [each.string_value for each in value.values] if kind == "array_value" else value
    return found


def test_spans_are_a_tree_for_each_run_that_has_ended(flown: Fleet) -> None:
    """Under the trace that the evidence names; a run in the air is sent when it has ended."""
    with collecting() as collector:
        told = export(flown.home, "otlp", collector.url)
    assert (told["runs"], told["spans"], told["resumed"]) == (5, len(collector.spans), False)
    assert set(collector.paths) == {"/v1/traces"}
    by_id = {(span.trace_id, span.span_id): span for span in collector.spans}
    assert len(by_id) == len(collector.spans)
    roots = [span for span in collector.spans if not span.parent_span_id]
    assert {span.trace_id for span in roots} == {trace_id(f"c{n}") for n in range(3)} | {
        trace_id("deep"), trace_id("foreign"),
    }  # fmt: skip
    for span in collector.spans:
        assert not span.parent_span_id or (span.trace_id, span.parent_span_id) in by_id
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    read = next(span for span in collector.spans if span.name == "step read")
    above = by_id[read.trace_id, read.parent_span_id]
    assert above.name == "step assess"
    assert by_id[above.trace_id, above.parent_span_id].name == "invoke_workflow claims_triage"


def test_spans_speak_the_genai_conventions(flown: Fleet) -> None:
    """Operation, provider, models, tokens, tool and error by their names there; no content of any message."""
    with collecting() as collector:
        export(flown.home, "otlp", collector.url)
    chat = next(span for span in collector.spans if span.name == "chat small" and span.trace_id == trace_id("deep"))
    told = attributes(chat)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert (told["gen_ai.request.model"], told["gen_ai.response.model"]) == ("small", "small-2026")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (100, 10)
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert chat.kind == 3
    tool = next(s for s in collector.spans if s.name == "execute_tool pay" and s.trace_id == trace_id("deep"))
    assert attributes(tool)["gen_ai.tool.name"] == "pay"
    assert (attributes(tool)["error.type"], tool.status.code) == ("policy_block", 2)
    said = " ".join(str(span) for span in collector.spans)
    assert [secret for secret in SECRETS if secret in said] == []
    names = {name for span in collector.spans for name in attributes(span)}
    assert {name.split(".")[0] for name in names} == {"gen_ai", "gonogo", "error"}
    assert not names & {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"}
    resource = {pair.key: pair.value.string_value for pair in collector.resources[0].attributes}
    assert resource == {
        "service.name": "gonogo", "service.namespace": "default", "deployment.environment.name": "dev",
    }  # fmt: skip


def test_sending_twice_sends_the_same_spans(flown: Fleet) -> None:
    """Ids follow from run and operation, so whoever stores by id holds each once."""
    with collecting() as collector:
        export(flown.home, "otlp", collector.url)
        once = [span.SerializeToString() for span in collector.spans]
        export(flown.home, "otlp", collector.url)
    assert [span.SerializeToString() for span in collector.spans] == once * 2


def test_an_export_that_was_cut_off_goes_on_behind_what_was_taken(
    flown: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal in the middle nothing is lost and nothing is sent twice; after that it begins anew."""
    monkeypatch.setattr(otlp, "RUNS_AT_ONCE", 1)
    with collecting() as collector:
        collector.refusals = [0, 0, 400]
        with pytest.raises(ExportFailed, match="answered 400"):
            export(flown.home, "otlp", collector.url)
        taken = len(collector.spans)
        told = export(flown.home, "otlp", collector.url)
        assert (told["runs"], told["resumed"]) == (3, True)
        assert len({(s.trace_id, s.span_id) for s in collector.spans}) == len(collector.spans) == taken + told["spans"]
        assert export(flown.home, "otlp", collector.url)["runs"] == 5


def test_new_evidence_makes_a_cut_off_export_begin_anew(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that landed late may have ended before the place that was noted."""
    monkeypatch.setattr(otlp, "RUNS_AT_ONCE", 1)
    for number in range(3):
        fleet.flown(f"r{number}")
    land(fleet.home)
    with collecting() as collector:
        collector.refusals = [0, 400]
        with pytest.raises(ExportFailed):
            export(fleet.home, "otlp", collector.url)
        fleet.flown("late")
        land(fleet.home)
        told = export(fleet.home, "otlp", collector.url)
    assert (told["runs"], told["resumed"]) == (4, False)


def test_a_busy_collector_is_asked_again(flown: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """As OTLP says: after 429, 502, 503 and 504, and after nothing else."""
    monkeypatch.setattr(otlp, "_waits", lambda: iter([0.0] * 5))
    with collecting() as collector:
        collector.refusals = [503, 429, 502, 504]
        assert export(flown.home, "otlp", collector.url)["runs"] == 5
        collector.refusals = [503] * 5
        with pytest.raises(ExportFailed, match="answered 503"):
            export(flown.home, "otlp", collector.url)


def test_a_collector_that_takes_a_part_is_not_believed_to_have_all(flown: Fleet) -> None:
    """Partial success is no success."""
    with collecting() as collector:
        collector.rejected = 2
        with pytest.raises(ExportFailed, match="refused 2 spans"):
            export(flown.home, "otlp", collector.url)


def test_nobody_listening_is_said_without_the_address(flown: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address may hold a password."""
    monkeypatch.setattr(otlp, "_waits", lambda: iter([0.0]))
    with collecting() as collector:
        url = collector.url.replace("http://", "http://user:secret@")
    with pytest.raises(ExportFailed, match="cannot be reached") as caught:
        export(flown.home, "otlp", url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("out", ["spans.json", "ftp://host/v1", "http://", ""])
def test_what_is_no_address_is_refused(flown: Fleet, out: str) -> None:
    """Before anything is read."""
    with pytest.raises(SettingsBroken, match="no http address"):
        export(flown.home, "otlp", out)


def test_outside_dev_spans_do_not_leave_the_host_in_the_clear(flown: Fleet) -> None:
    """Plain http is for this host alone."""
    with (
        using(settings().model_copy(update={"environment": "prod"})),
        pytest.raises(SettingsBroken, match="in the clear"),
    ):
        export(flown.home, "otlp", "http://collector.example:4318")


def test_headers_come_from_opentelemetrys_own_variable(flown: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded as its specification says; the type of what is sent is not theirs to change."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc,content-type=text/plain")
    with collecting() as collector:
        export(flown.home, "otlp", collector.url)
    assert collector.headers[0]["authorization"] == "Bearer abc"
    assert collector.headers[0]["content-type"] == "application/x-protobuf"


def test_marts_of_any_shape_export(tmp_path: Path, drawn: Callable[[Path, int], None]) -> None:
    """Rows at random: no null, no odd word breaks an export, and sums still add up."""
    drawn(tmp_path / "home", 3)
    told = json.loads(written(tmp_path / "home", "ocel", tmp_path / "log.json"))
    assert told["events"]
    rows = charges(tmp_path / "home", tmp_path / "focus.csv")
    with open_mart(tmp_path / "home") as con:
        micros = con.execute("SELECT coalesce(sum(cost_micros), 0)::BIGINT FROM costs WHERE charged_at IS NOT NULL")
        assert (
            sum(Decimal(row["BilledCost"]) + Decimal(row["x_NotionalCost"]) for row in rows) * 1_000_000
            == (micros.fetchall()[0][0])
        )
    with collecting() as collector:
        assert export(tmp_path / "home", "otlp", collector.url)["spans"] == len(collector.spans) > 0


@pytest.fixture
def drawn() -> Callable[[Path, int], None]:
    """Publish a mart at random."""
    from tests.analytics.chance import publish_at_random

    return lambda home, seed: publish_at_random(home, seed, 120)
