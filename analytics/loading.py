"""Loading: the one writer of the warehouse takes in what was appended to the journals.

A load is one transaction: evidence, quarantine, check results, the rows of the runs it touched, and
how far the journals were read, all or nothing. It is idempotent: a record that is landed already is
recognised by its place (stream, seq), and one that claims another's place goes into quarantine.
"""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from analytics import quarantine, staging
from analytics.assumptions import Declared, read_assumptions
from analytics.computations import read_computed
from analytics.errors import MartMissing, WarehouseUnwritable
from analytics.habits import publish_habits
from analytics.history import keep_checks
from analytics.journals import DELTA_BYTES, Delta, Reject, read_ahead, read_deltas
from analytics.marts import mart_path, mart_version, open_mart, read_whole
from analytics.migrations import schema_digest
from analytics.publishing import Publisher
from analytics.purges import let_go
from analytics.quality import DELTA_FRAME, DELTA_SUITE, RUNS_FRAME, RUNS_SUITE, Check, Expected, Report
from analytics.screening import check
from analytics.shape import reshape
from analytics.stores import first_line, insert_rows, open_warehouse, scalar
from gonogo.evidence.canon import uuid7
from gonogo.evidence.journals import journal_at
from gonogo.evidence.tails import Mark
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from analytics.computations import Clerk


@dataclass(frozen=True, slots=True)
class Taken:
    """What one load took in."""

    journals: int = 0
    bytes: int = 0
    records: int = 0
    duplicates: int = 0
    quarantined: int = 0
    runs: int = 0
    dq_failures: int = 0

    def plus(self, other: Taken) -> Taken:
        """Return both together; a run or journal touched by both counts twice."""
        return Taken(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class Loader:
    """The open warehouse of one home. Whoever holds the lock makes one, and closes it."""

    def __init__(self, home: Path, delta_bytes: int = DELTA_BYTES, folder: Path | None = None) -> None:
        """Open the warehouse in ``folder``, or in the home itself; the journals are always those of the home."""
        self.home = home
        self._journal = journal_at(home)
        self._delta_bytes = delta_bytes
        self._con = open_warehouse(folder or home)
        self.failing: set[quarantine.Key] = set()
        """Lines that the last reading rejected."""
        self.is_whole = True
        """Whether it could read every journal."""
        self._publisher = Publisher(self._con, home)
        self._published = ("", "", "")
        """What the published mart was computed on: evidence, schema, assumptions; nothing, where none can be read."""
        self._seen: tuple[int, int] | None = None
        """The version of the file that this is known of."""
        self._marks: dict[str, Mark] | None = None
        """How far the journals are read, as the warehouse says it; nothing while that is not certain."""
        self._computed, self._due = read_computed(home)
        """The numbers of the published mart, and the mark of those that would be as new as its facts."""
        self._known_faults: set[str] = set()
        self._habits_due, self._habits_at = False, float("-inf")

    def close(self) -> None:
        """Close the file, whatever state it is in."""
        import duckdb

        with suppress(duckdb.Error):
            self._con.close()

    def load(self, habits_every: float = 0, clerk: Clerk | None = None) -> tuple[Taken, float]:
        """Take in everything appended so far and publish; return what was taken, and in how many seconds.

        Args:
            habits_every: how old, in seconds, the habits may become while there is news; they take a look at
                all of the history.
            clerk: computes the numbers beside this; without one they are computed for this very mart.

        Raises:
            WarehouseUnwritable: nothing of the load that failed is in the warehouse; those before are.

        """
        begun = perf_counter()
        with self._writing():
            taken = self.take_in_all()
            assumed = read_assumptions(settings().policy_folder).mark
            state = (self._publisher.offsets_digest(), schema_digest(), assumed)
            done = None if clerk is None else clerk.finished()
            is_behind = clerk is None and (self._computed is None or self._computed.mark != self._due)
            is_new = taken != Taken() or state != self._read_published()
            if is_new or done is not None or is_behind:
                carried = None if clerk is None else done or self._computed
                self._computed, self._due = self._publisher.publish(carried)
                self._published, self._seen = state, mart_version(mart_path(self.home))
                self._habits_due |= is_new
            if clerk is not None and self._computed is not None and self._computed.mark != self._due:
                clerk.begin()
            self._publish_habits(habits_every)
        return taken, perf_counter() - begun

    def publish(self) -> None:
        """Publish the mart anew, whatever has changed, its numbers with it."""
        with self._writing():
            self._computed, self._due = self._publisher.publish()

    def take_in_all(self, until: Mapping[str, int] | None = None) -> Taken:
        """Take in everything appended so far, or up to these offsets, and publish nothing."""
        taken, self.failing, self.is_whole = Taken(), set(), True
        marks, passed = self._marks, dict[str, Mark]()
        if marks is None:
            marks = {name: Mark(offset, lines) for name, offset, lines in self._con.execute(staging.MARKS).fetchall()}
        # Should this fail on its way, only the warehouse knows how far it came.
        self._marks = None
        for delta in read_ahead(read_deltas(self._journal, marks, self._delta_bytes, until)):
            self.is_whole &= not delta.faults
            faults = self._new_faults(delta)
            if delta.marks or faults:
                taken = taken.plus(self._take_in(delta, faults))
                passed |= delta.marks
        marks.update(passed)
        self._marks = marks
        return taken

    def replay(self) -> tuple[Taken, dict[str, int], int]:
        """Read the journals of lines in quarantine again, from their start; what is landed already is recognised.

        Returns what was taken in, how many lines have landed or are gone, and how many wait on: they failed again.
        """
        con = self._con
        with self._writing():
            journals = quarantine.waiting_journals(con)
            con.execute("DELETE FROM offsets WHERE list_contains($names::VARCHAR[], journal)", {"names": journals})
            self._marks = None
            taken = self.take_in_all()
            con.begin()
            settled = quarantine.settle(con, journals, self.failing, datetime.now(UTC), is_whole=self.is_whole)
            con.commit()
        self._publisher.forget()
        self.publish()
        return taken, settled, quarantine.waiting(con)

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Say in one sentence why the file cannot be written."""
        import duckdb

        try:
            yield
        except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException, OSError) as error:
            msg = (
                f"The warehouse in {self.home} cannot be written ({first_line(error)}). Nothing of this load was kept "
                "and no evidence is lost; free the disk or fix the folder and land again."
            )
            raise WarehouseUnwritable(msg) from error

    def _publish_habits(self, every: float) -> None:
        """Publish what is usual for each agent, once there is news and the last time is long enough ago."""
        if self._habits_due and perf_counter() - self._habits_at >= every:
            publish_habits(self._con, self.home)
            self._habits_due, self._habits_at = False, perf_counter()

    def _read_published(self) -> tuple[str, str, str]:
        """Return what the published mart was computed on, if it can be read whole; a file is looked at once."""
        version = mart_version(mart_path(self.home))
        if version is None or version != self._seen:
            self._published, self._seen = self._look_at_published(), version
        return self._published

    def _look_at_published(self) -> tuple[str, str, str]:
        try:
            with open_mart(self.home) as con:
                read_whole(con)
                row = con.execute("SELECT offsets_digest, assumptions_digest, assumptions_fault FROM snapshot")
                offsets, digest, fault = row.fetchall()[0]
        except MartMissing:
            return "", "", ""
        return str(offsets), schema_digest(), Declared(None, digest, fault).mark

    def _take_in(self, delta: Delta, faults: list[Check]) -> Taken:
        """Land a delta in one transaction; where one run's records make no rows, land the others."""
        import duckdb

        try:
            return self._land(delta, faults)
        except (duckdb.DataError, duckdb.IntegrityError):
            rest, taken = delta.without_rows(), Taken()
            for part in delta.by_run():
                try:
                    taken = taken.plus(self._land(part, []))
                except (duckdb.DataError, duckdb.IntegrityError) as error:
                    said = f"the records of the run make no rows: {first_line(error)}"
                    rest.rejects += [
                        Reject(line, "unshapeable", said, run_id)
                        for line, run_id in zip(part.lines, part.run_ids, strict=True)
                    ]
            # How far the journals were read comes last: after a crash, all of this is done again.
            return taken.plus(self._land(rest, faults))

    def _land(self, delta: Delta, faults: list[Check]) -> Taken:
        con, load_id, now = self._con, uuid7(), datetime.now(UTC)
        con.register("delta", delta.table())
        try:
            report = check(con, "delta", DELTA_SUITE, DELTA_FRAME) if delta.lines else Report()
            report.checks.extend(faults)
            con.begin()
            try:
                taken = self._write(delta, report, load_id, now)
                con.commit()
            except BaseException:
                with suppress(Exception):
                    # After a failed write the database may refuse even this; closing it undoes the rest.
                    con.rollback()
                raise
        finally:
            con.unregister("delta")
        return taken

    def _write(self, delta: Delta, report: Report, load_id: str, now: datetime) -> Taken:
        con = self._con
        con.execute(staging.LANDED)
        con.execute(staging.PLACES, {"bad": list(report.bad_rows)})
        con.execute(staging.EVIDENCE, {"now": now})
        con.execute(staging.TOUCHED)
        let_go(con)
        verdicts: dict[str, int] = dict(con.execute("SELECT verdict, count(*) FROM places GROUP BY 1").fetchall())
        rejects = [*delta.rejects, *self._rejected(delta, report)]
        quarantined, failing = quarantine.add(con, rejects, load_id, now)
        self.failing |= failing
        runs = int(scalar(con, "SELECT count(*) FROM touched"))
        changed = ["offsets", "dq_results", "dq_history", *(["quarantine"] if rejects else [])]
        checks = list(report.checks)
        if runs:
            changed += reshape(con)
            checks += check(con, "runs", RUNS_SUITE, RUNS_FRAME).checks
        self._publisher.note([*delta.marks], changed)
        taken = Taken(
            len(delta.marks),
            delta.read_bytes,
            verdicts.get("new", 0),
            verdicts.get("duplicate", 0),
            quarantined,
            runs,
            sum(check.status != "passed" for check in checks),
        )
        insert_rows(con, "loads", [{"load_id": load_id, "loaded_at": now} | asdict(taken)])
        keep_checks(con, checks, load_id, now)
        con.execute(
            "DELETE FROM offsets WHERE journal IN (SELECT unnest($names::VARCHAR[]))", {"names": [*delta.marks]}
        )
        insert_rows(
            con,
            "offsets",
            ({"journal": name, "updated_at": now} | mark._asdict() for name, mark in delta.marks.items()),
        )
        return taken

    def _rejected(self, delta: Delta, report: Report) -> list[Reject]:
        """Return the records that failed a critical check or claim another's place."""
        taken = self._con.execute("SELECT row FROM places WHERE verdict = 'conflict'").fetchall()
        said = "another record with another digest has its place in the stream"
        return [
            *(
                Reject(delta.lines[row], "check_failed", why, delta.run_ids[row])
                for row, why in report.bad_rows.items()
            ),
            *(Reject(delta.lines[row], "conflict", said, delta.run_ids[row]) for (row,) in taken),
        ]

    def _new_faults(self, delta: Delta) -> list[Check]:
        """Return one failed check a journal that could not be read or shrank, once until it changes."""
        fresh = [fault for fault in dict.fromkeys(delta.faults) if fault not in self._known_faults]
        self._known_faults.update(fresh)
        expected = Expected("journals can be read and only grow", "", "warning", "", {})
        return [Check("journals", expected, "failed", 1, 1, fault) for fault in fresh]
