"""Reviews at the command line: what waits to be looked at, whether it is late, and how people review."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gonogo.evidence.canon import timestamp
from gonogo.reviews import open_requests
from tests.gonogo.test_tiers import wanting
from tests.gonogo.toy.tiered import asked

if TYPE_CHECKING:
    from tests.e2e.command import Command


def test_samples_are_listed_answered_and_swept(gonogo: Command) -> None:
    """Open ones are no failure; agree and disagree are answers, and numbers about people have their counts."""
    asyncio.run(asked(wanting("deputy", 8, 9), run_id="r-deputy", home=gonogo.home))
    listed = gonogo("reviews", "--json")
    rows = listed.json["reviews"]
    assert (listed.code, len(rows), {row["is_overdue"] for row in rows}) == (0, 2, {False})
    assert gonogo("reviews", "--sweep", "--json").json["new_exceptions"] == []
    first, second = (row["gate"] for row in rows)
    assert gonogo("decide", first, "agree", "--reason", "right", "--as", "grace").code == 0
    done = gonogo("decide", second, "disagree", "--reason", "wrong account", "--as", "grace")
    assert (done.code, "An exception is open" in done.out) == (0, True)
    assert "Nothing waits to be looked at." in gonogo("reviews").out
    assert gonogo("reviewers", "--json").json == []


def test_a_probe_is_put_at_its_gate_without_a_word_and_comes_to_nothing(gonogo: Command) -> None:
    """What is printed is the same as without it; answered, it is a score, and no payment."""
    plain, seeded = gonogo("reviewers"), gonogo("reviewers", "--seed")
    assert (seeded.code, seeded.out) == (0, plain.out)
    (row,) = gonogo.open_gates()
    assert (row["action"], row["mission"]) == ("pay_claim", "claims_triage")
    assert "probe" not in str(row)
    assert gonogo("decide", row["gate"], "go", "--reason", "fine", "--as", "grace").code == 0
    (grace,) = gonogo("reviewers", "--seed", "--json").json
    assert (grace["reviewer"], grace["probes"], grace["probes_caught"]) == ("grace", 1, 0)
    assert not (gonogo.home / "systems" / "ledger.db").exists()


def test_what_is_overdue_is_said_by_the_exit_code_and_becomes_one_exception(gonogo: Command) -> None:
    """Once, however often it is swept."""
    asyncio.run(asked(wanting("deputy", 8), run_id="r-deputy", home=gonogo.home))
    (request,) = open_requests(gonogo.journal)
    late = dict(request.data) | {"deadline": timestamp(datetime.now(UTC) - timedelta(seconds=1)), "gate": "lateone001"}
    stream = gonogo.journal.open_flight("r-late")
    envelope = {name: request.fields[name] for name in ("tenantid", "envname", "missionid")}
    stream.append(
        {"runid": "r-late", "subject": "run/r-late", **envelope}, "approval_request", late | {"key": "late/review"},
        payload=request.payload.body if request.payload else b"{}",
    )  # fmt: skip
    stream.commit_now()
    stream.close()
    swept = gonogo("reviews", "--sweep", "--json")
    assert (swept.code, swept.json["new_exceptions"]) == (1, ["late/review/overdue"])
    assert gonogo("reviews", "--sweep", "--json").json["new_exceptions"] == []
    assert "overdue" in gonogo("reviews").out
