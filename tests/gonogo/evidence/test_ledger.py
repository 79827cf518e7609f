"""The ledger: what is recorded is found again under its key, for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceBroken, RunBusy
from gonogo.evidence.ledger import Ledger, Stopwatch, must_have_payload, only
from gonogo.evidence.payloads import INLINE_MAX_BYTES
from gonogo.evidence.tails import Mark

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from tests.gonogo.toy.shelves import Shelf

LARGE = b'"' + b"x" * INLINE_MAX_BYTES + b'"'


def opened(journal: Journal) -> Ledger:
    """Open the ledger of a run."""
    return Ledger.open("r1", journal, {"tenantid": "t"})


async def test_results_and_intents_are_found_again_after_reopening(journal: Journal) -> None:
    """An intent is not a result; both survive the process that wrote them."""
    ledger = opened(journal)
    ledger.note("step_record", {"key": "/a", "phase": "intent"}, payload=b"[1]")
    await ledger.write("step_record", {"key": "/a", "phase": "result"}, payload=b"2")
    await ledger.write("step_record", {"key": "/b", "phase": "intent"})
    ledger.close()
    again = opened(journal)
    for each in (ledger, again):
        result = each.result("/a")
        assert result is not None
        assert result.body() == 2
        assert each.intent("/a") is not None
        assert each.result("/b") is None
        assert each.intent("/b") is not None
        assert each.result("/c") is None
    again.close()


async def test_every_record_carries_the_runs_envelope(journal: Journal) -> None:
    """What is the same for the whole run is said in every record; a record may say more."""
    ledger = opened(journal)
    record = await ledger.write("route_record", {"key": "/r"}, fields={"stepid": "/s"})
    assert {"runid": "r1", "subject": "run/r1", "tenantid": "t", "attempt": 1, "stepid": "/s"}.items() <= (
        record.fields.items()
    )
    assert record.data == {"objects": [{"id": "r1", "type": "run"}], "phase": "fact", "key": "/r"}
    ledger.close()


async def test_a_large_payload_stands_apart_from_its_line(journal: Journal) -> None:
    """The line stays short; whoever asks for the result gets the payload with it."""
    ledger = opened(journal)
    await ledger.write("step_record", {"key": "/a", "phase": "result"}, payload=LARGE)
    ledger.close()
    (line,) = journal.tail.read("flights/r1.jsonl", Mark(), 1)
    assert len(line.raw) < 2_000
    assert b"\t" not in line.raw
    again = opened(journal)
    result = again.result("/a")
    assert result is not None
    assert must_have_payload(result) == LARGE
    again.close()


async def test_a_run_whose_payload_was_erased_says_so_and_its_chain_holds(journal: Journal, shelf: Shelf) -> None:
    """Nothing is made up in its place; the way out is another run."""
    ledger = opened(journal)
    record = await ledger.write("step_record", {"key": "/a", "phase": "result"}, payload=LARGE)
    await ledger.write("step_record", {"key": "/b", "phase": "result"})
    ledger.close()
    shelf.erase(record.fields["payloaddigest"])
    again = opened(journal)
    assert len(again.records) == 2
    erased = again.result("/a")
    assert erased is not None
    with pytest.raises(EvidenceBroken, match=r"payload of step_record 0 of run r1 is gone \(erased or lost\)"):
        must_have_payload(erased)
    again.close()


async def test_a_swapped_payload_is_found(journal: Journal, shelf: Shelf) -> None:
    """Two erasable payloads cannot be exchanged for each other."""
    ledger = opened(journal)
    records = [
        await ledger.write("step_record", {"key": key, "phase": "result"}, payload=LARGE) for key in ("/a", "/b")
    ]
    shelf.swap(*(record.fields["payloaddigest"] for record in records))
    with pytest.raises(EvidenceBroken, match="was changed"):
        ledger.result("/a")
    ledger.close()


async def test_the_desk_is_read_again_when_it_has_grown(journal: Journal) -> None:
    """What others bring is seen at the next look."""
    ledger = opened(journal)
    assert ledger.desk() == []
    for count in (1, 2):
        with ledger.journal.open_desk("r1") as desk:
            desk.append(ledger.envelope, "event_record", {"event": "papers"})
            desk.commit_now()
        assert len(ledger.desk()) == count
    assert len(only(ledger.desk(), "event_record")) == 2
    assert only(ledger.desk(), "approval_record") == []
    ledger.close()


async def test_a_ledger_is_open_once(journal: Journal) -> None:
    """The lease is the ledger's."""
    ledger = opened(journal)
    with pytest.raises(RunBusy):
        opened(journal)
    ledger.close()
    opened(journal).close()


def test_a_stopwatch_never_runs_backwards() -> None:
    """Whole microseconds, from a clock nobody sets."""
    watch = Stopwatch()
    first, second = watch.microseconds, watch.microseconds
    assert 0 <= first <= second
