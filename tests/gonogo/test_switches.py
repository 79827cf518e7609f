"""Switches: what is halted is a durable fact, holds for exactly its target, and is lifted by another fact."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import SwitchRefused
from gonogo.evidence.journal import FileJournal
from gonogo.settings import Settings, settings
from gonogo.switches import (
    LOOK_SECONDS,
    SWITCHBOARD,
    UNREADABLE_SECONDS,
    Halt,
    Switchboard,
    Target,
    halt,
    halted,
    halts,
    rearm,
)

if TYPE_CHECKING:
    from pathlib import Path

CLAIMS = Target("mission", "claims_triage")
HOSTILE = ["../../etc/passwd\n", "a\x1b[2J", "a\x00b", "x" * 301, "a\u2028b", "\u202eabc"]


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return at(tmp_path)


def at(folder: Path, **more: Any) -> Settings:
    """Return settings for a home."""
    return settings().model_copy(update={"home": folder, **more})


def throw(home: Settings, target: Target = CLAIMS, reason: str = "pays twice", **more: Any) -> Halt:
    """Halt something."""
    return halt(home, target, reason, by="ada", **more)


class TestHalting:
    """A switch that is thrown."""

    def test_a_home_that_never_threw_one_has_nothing_halted(self, home: Settings) -> None:
        """And no file for it."""
        assert halts(home) == ()
        assert not (home.home / "journals").exists()

    @pytest.mark.parametrize(
        ("target", "covered"),
        [
            (Target("run", "r1"), {"run_id": "r1"}),
            (CLAIMS, {"run_id": "r1", "mission": "claims_triage"}),
            (Target("agent", "clerk"), {"mission": "errand", "agents": ["reader", "clerk"]}),
            (Target("all"), {"run_id": "whatever"}),
        ],
    )
    def test_it_covers_its_target_and_says_who_and_why(
        self, home: Settings, target: Target, covered: dict[str, Any]
    ) -> None:
        """A run by its id, a mission's runs, an agent's employers, or everything."""
        thrown = throw(home, target)
        assert halted(home, **covered) == thrown
        assert "ada" in thrown.sentence
        assert "pays twice" in thrown.sentence

    def test_it_covers_nothing_else(self, home: Settings) -> None:
        """Names are compared whole."""
        for target in (Target("run", "r1"), CLAIMS, Target("agent", "clerk")):
            throw(home, target)
        assert halted(home, run_id="r11", mission="claims", agents=["cler", "claims_triage", "r1"]) is None

    def test_a_signal_brings_its_figures(self, home: Settings) -> None:
        """What was measured and what is allowed stand beside it, in whole numbers."""
        thrown = throw(home, signal="spend_velocity", figures={"micros_a_minute": 900, "allowed": 100})
        (known,) = halts(home)
        assert (known.signal, known.figures) == ("spend_velocity", {"micros_a_minute": 900, "allowed": 100})
        assert known == thrown

    def test_another_process_sees_it_and_sees_it_lifted(self, home: Settings) -> None:
        """It is a fact of the home, not of a process."""
        halts(home)
        code = (
            "import sys; from pathlib import Path; from gonogo.settings import Settings; "
            "from gonogo.switches import *; "
            "halt(Settings(home=Path(sys.argv[1])), Target('all'), 'fire', by='ada')"
        )
        subprocess.run([sys.executable, "-c", code, str(home.home)], check=True)
        assert [known.reason for known in halts(home)] == ["fire"]
        rearm(home, Target("all"), "out", by="bob")
        assert halts(home) == ()

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_name_that_nobody_can_bear_is_refused(self, home: Settings, name: str) -> None:
        """Whoever reads it later must not have the cursor moved, nor a name that reads as another."""
        for wrong in ({"target": Target("run", name)}, {"target": CLAIMS, "by": name}):
            with pytest.raises(SwitchRefused):
                halt(home, reason="why", **{"by": "ada", **wrong})  # pyright: ignore[reportArgumentType] - spread
        assert halts(home) == ()

    def test_a_path_is_a_name_as_any_other(self, home: Settings) -> None:
        """No file bears it."""
        throw(home, Target("run", "../../escape"))
        assert halted(home, run_id="../../escape") is not None
        assert not list(home.home.rglob("*escape*"))
        assert {path.name for path in (home.home / "journals" / "desk").iterdir()} == {f"{SWITCHBOARD}.jsonl"}

    def test_a_reason_of_any_text_is_kept_as_it_is(self, home: Settings) -> None:
        """Lines and quotes stand in the payload; the log stays one record a line."""
        throw(home, reason='line one\nline "two"\t\x1b[31m')
        assert halts(home)[0].reason == 'line one\nline "two"\t\x1b[31m'

    @pytest.mark.parametrize(
        ("target", "by", "reason"),
        [(Target("run"), "ada", "x"), (Target("all", "x"), "ada", "x"), (CLAIMS, " ", "x"), (CLAIMS, "ada", " ")],
    )
    def test_what_tells_nobody_anything_is_refused(self, home: Settings, target: Target, by: str, reason: str) -> None:
        """A target, a name and a reason."""
        with pytest.raises(SwitchRefused):
            halt(home, target, reason, by=by)


class TestRearming:
    """A switch that is lifted."""

    def test_it_lifts_every_halt_of_exactly_its_target(self, home: Settings) -> None:
        """And no other."""
        throw(home)
        throw(home, reason="again")
        everything = throw(home, Target("all"))
        lifted = rearm(home, CLAIMS, "fixed", by="bob")
        assert [known.reason for known in lifted] == ["pays twice", "again"]
        assert halts(home) == (everything,)

    def test_an_unproven_name_counts_in_dev_and_is_recorded_as_unproven(self, home: Settings) -> None:
        """With its reason."""
        throw(home)
        rearm(home, CLAIMS, "fixed", by="bob")
        last = FileJournal(home.home / "journals").read_desk(SWITCHBOARD)[-1]
        assert (last.data["event"], last.data["by"], last.data["proof"]) == ("rearmed", "bob", "unproven")
        assert last.body() == {"reason": "fixed"}

    @pytest.mark.parametrize("environment", ["test", "prod"])
    def test_outside_of_dev_it_takes_proof(self, home: Settings, environment: str) -> None:
        """Of which there is none, so it stays halted."""
        throw(home)
        with pytest.raises(SwitchRefused, match="proof"):
            rearm(home.model_copy(update={"environment": environment}), CLAIMS, "fixed", by="bob")
        assert halted(home, mission="claims_triage") is not None

    def test_a_shell_that_says_dev_does_not_lift_what_was_halted_in_production(self, home: Settings) -> None:
        """Where it was thrown decides."""
        throw(home.model_copy(update={"environment": "prod"}))
        with pytest.raises(SwitchRefused, match="prod"):
            rearm(home, CLAIMS, "fixed", by="bob")
        assert halts(home)

    def test_what_is_not_halted_is_not_rearmed(self, home: Settings) -> None:
        """A typing error must not look like a success."""
        throw(home)
        with pytest.raises(SwitchRefused, match="not halted"):
            rearm(home, Target("mission", "claims"), "fixed", by="bob")

    def test_a_new_halt_after_it_holds(self, home: Settings) -> None:
        """Facts name each other; nothing is a toggle."""
        throw(home)
        rearm(home, CLAIMS, "fixed", by="bob")
        again = throw(home)
        assert halts(home) == (again,)


class TestTrust:
    """A switchboard that somebody touched."""

    def test_a_file_that_is_cut_back_lifts_nothing_for_those_who_knew(self, home: Settings) -> None:
        """What a process has seen halted it takes for halted."""
        throw(home)
        assert halts(home)
        os.truncate(path(home), 0)
        assert halted(home, mission="claims_triage") is not None

    def test_a_file_that_was_changed_halts_everything(self, home: Settings) -> None:
        """Nobody knows what is halted, so nothing goes on."""
        throw(home)
        throw(home, Target("run", "r1"))
        path(home).write_bytes(path(home).read_bytes().replace(b"claims_triage", b"claims_triagX"))
        board = Switchboard(FileJournal(home.home / "journals"))
        (known, *_) = board.look()
        assert (known.target, known.signal) == (Target("all"), "switchboard_unreadable")

    def test_a_moment_of_not_reading_is_forgiven(self, home: Settings) -> None:
        """Within its time what was known goes on to hold, and no more."""
        thrown = throw(home)
        board = Switchboard(FileJournal(home.home / "journals"))
        board.look()
        path(home).rename(path(home).with_suffix(".away"))
        assert board.look() == (thrown,)
        assert UNREADABLE_SECONDS > LOOK_SECONDS

    def test_a_throw_that_was_torn_by_a_crash_never_was_and_the_next_one_holds(self, home: Settings) -> None:
        """A line without its end was never acknowledged."""
        throw(home)
        with path(home).open("ab") as file:
            file.write(b'{"half a line')
        assert len(halts(home)) == 1
        throw(home, Target("all"))
        assert len(halts(home)) == 2

    def test_a_home_that_cannot_be_written_says_so(self, tmp_path: Path) -> None:
        """A switch that did not hold must not look thrown."""
        (tmp_path / "journals").write_text("a file where a folder stands")
        with pytest.raises(Exception, match="cannot be written"):
            throw(at(tmp_path))


def path(home: Settings) -> Path:
    """Return the file of the switchboard."""
    return FileJournal(home.home / "journals").desk_path(SWITCHBOARD)


def test_a_halt_tells_how_to_lift_it() -> None:
    """The command that re-arms it stands in every sentence that somebody is refused with."""
    thrown = Halt(CLAIMS, "why", "ada", None, datetime.now(UTC))
    assert thrown.way_out == "gonogo rearm --mission claims_triage --reason TEXT --as NAME"
    assert Halt(Target("all"), "why", "ada", None, datetime.now(UTC)).way_out.startswith("gonogo rearm --all ")
