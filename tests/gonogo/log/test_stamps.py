"""Time stamps of an authority: a real one answers, what does not hold is not kept, and a rewritten log is found."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import AnchorUnreachable, EvidenceBroken, SettingsBroken
from gonogo.evidence.journals import journal_of
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.stamps import stamp, stamp_if_due, stamps
from gonogo.log.verifier import verify
from gonogo.settings import Settings, settings
from tests.gonogo.log.authority import Authority
from tests.gonogo.log.conftest import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module", name="authority")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program, which answers for the authority")
    return Authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(name="chosen")
def _chosen(tmp_path: Path, authority: Authority) -> Iterator[Settings]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    authority.spoil = bytes
    with authority.serving() as url:
        made: dict[str, Any] = {"home": tmp_path, "timestamp_url": url, "timestamp_roots": authority.roots}
        yield settings().model_copy(update=made)


@pytest.fixture(name="filled")
def _filled(chosen: Settings) -> Home:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    home = Home(chosen, journal_of(chosen))
    home.fly("r1", 5)
    home.sequence()
    return home


def test_a_checkpoint_is_stamped_once_and_the_stamp_holds(filled: Home, authority: Authority) -> None:
    """It says how many records stood there, and when; later ones are stamped beside it."""
    first = stamp(filled.settings)
    assert stamp(filled.settings) == first
    filled.fly("r1", 2)
    filled.sequence()
    second = stamp(filled.settings)
    assert (first.size, second.size) == (5, 7)
    assert stamps(filled.log, authority.roots) == [first, second]
    assert verify(filled.log, filled.key, [first.note, second.note]).findings == []


def test_a_log_that_was_rewritten_with_its_own_key_contradicts_its_stamp(filled: Home, authority: Authority) -> None:
    """Whoever holds the key can sign another log; the old stamp still tells of the first one."""
    kept = stamp(filled.settings)
    assert kept.size == 5
    shutil.copytree(filled.log / "stamps", filled.settings.home / "stamps")
    shutil.rmtree(filled.log)
    shutil.rmtree(filled.settings.home / "journals")
    filled.fly("r1", 6)
    sequence(filled.settings, filled.journal)
    shutil.copytree(filled.settings.home / "stamps", filled.log / "stamps")
    notes = [each.note for each in stamps(filled.log, authority.roots)]
    assert verify(filled.log, filled.key).findings == []
    assert verify(filled.log, filled.key, notes).findings


def test_what_the_authority_answers_wrongly_is_not_kept(filled: Home, authority: Authority) -> None:
    """A changed answer, an answer to another question, and a flood of it."""
    wrong: list[Callable[[bytes], bytes]] = [
        lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
        lambda raw: raw[: len(raw) // 2],
        lambda _: b"",
        lambda _: b"x" * 100_000,
    ]
    for spoil in wrong:
        authority.spoil = spoil
        with pytest.raises(AnchorUnreachable):
            stamp(filled.settings)
    assert stamps(filled.log, authority.roots) == []


def test_a_stamp_that_was_changed_or_is_of_somebody_else_is_told(
    filled: Home, authority: Authority, tmp_path: Path
) -> None:
    """With the certificates of another authority, with another checkpoint, or with a byte turned."""
    stamp(filled.settings)
    stranger = Authority(tmp_path / "two", "stranger")
    with pytest.raises(EvidenceBroken, match=r"5\.tsr"):
        stamps(filled.log, stranger.roots)
    path = filled.log / "stamps" / "5.tsr"
    whole, note = path.read_bytes(), path.with_suffix(".checkpoint").read_bytes()
    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 4]) + whole[-2:])
    with pytest.raises(EvidenceBroken, match=r"5\.tsr"):
        stamps(filled.log, authority.roots)
    path.write_bytes(whole)
    path.with_suffix(".checkpoint").write_bytes(note.replace(b"\n5\n", b"\n4\n"))
    with pytest.raises(EvidenceBroken, match=r"5\.tsr"):
        stamps(filled.log, authority.roots)


def test_the_house_stamps_what_is_old_enough(filled: Home) -> None:
    """Nothing without an authority, nothing twice within the hour."""
    assert stamp_if_due(filled.settings.model_copy(update={"timestamp_url": None})) is None
    assert stamp_if_due(filled.settings) is not None
    assert stamp_if_due(filled.settings) is None


def test_without_an_authority_certificates_or_a_log_nothing_is_stamped(chosen: Settings, tmp_path: Path) -> None:
    """Each says what is missing; outside of dev nothing leaves the host in the clear."""
    with pytest.raises(EvidenceBroken, match="no log"):
        stamp(chosen)
    with pytest.raises(SettingsBroken, match="GONOGO_TIMESTAMP_ROOTS"):
        stamp(chosen.model_copy(update={"timestamp_roots": None}))
    far: dict[str, Any] = {"environment": "prod", "timestamp_url": "http://stamps.example.org/"}
    with pytest.raises(SettingsBroken, match="plain http"):
        stamp(chosen.model_copy(update=far))
    home = Home(chosen, journal_of(chosen))
    home.fly("r1", 1)
    home.sequence()
    with pytest.raises(SettingsBroken, match="certificates"):
        stamp(chosen.model_copy(update={"timestamp_roots": tmp_path / "none.pem"}))
    with pytest.raises(AnchorUnreachable, match="does not answer"):
        stamp(chosen.model_copy(update={"timestamp_url": "http://127.0.0.1:9/"}))
    assert not (log_folder(chosen) / "stamps").exists()
