"""Group commit: who asks while a write is under way is served by the next one, and everybody is told."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from errno import ENOSPC
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence.commits import Committer
from gonogo.evidence.journals import journal_at
from gonogo.evidence.wal import Frame, WriteAheadLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(eq=False)
class Paper:
    """A store that writes down who was committed together, when it is let."""

    is_quick: bool
    together: list[list[str]] = field(default_factory=list[list[str]])
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    broken: bool = False
    fails: tuple[str, ...] = ()

    def commit(self, streams: Sequence[Sheet]) -> dict[Sheet, Exception]:
        """Wait for leave where it is slow; fail those that are to fail."""
        self.begun.set()
        if not self.is_quick:
            assert self.may_end.wait(120)
        if self.broken:
            raise OSError("the store is gone")
        self.together.append([stream.name for stream in streams])
        return {stream: ValueError(stream.name) for stream in streams if stream.name in self.fails}


@dataclass(frozen=True, eq=False)
class Sheet:
    """A stream of the store."""

    name: str
    store: Paper


async def commit(*sheets: Sheet) -> list[BaseException | None]:
    """Ask for each, at once, and return what each was told."""
    committer = Committer.of_running_loop()
    return await asyncio.gather(*map(committer.commit, sheets), return_exceptions=True)


@pytest.mark.parametrize("is_quick", [True, False])
async def test_one_turn_of_the_loop_is_one_commit(*, is_quick: bool) -> None:
    """Two requests for one stream are one, and each is told."""
    paper = Paper(is_quick)
    paper.may_end.set()
    one, two = Sheet("one", paper), Sheet("two", paper)
    assert await commit(one, two, one) == [None, None, None]
    assert paper.together == [["one", "two"]]


async def test_requests_during_a_slow_commit_share_the_next() -> None:
    """A store is written by one commit at a time."""
    paper = Paper(is_quick=False)
    first = asyncio.create_task(commit(Sheet("first", paper)))
    await asyncio.to_thread(paper.begun.wait, 30)
    rest = [asyncio.create_task(commit(Sheet(name, paper))) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    paper.may_end.set()
    assert await asyncio.gather(first, *rest) == [[None]] * 4
    assert paper.together == [["first"], ["a", "b", "c"]]


@pytest.mark.parametrize("is_quick", [True, False])
async def test_only_the_stream_that_failed_is_told_so(*, is_quick: bool) -> None:
    """The others are durable."""
    paper = Paper(is_quick, fails=("bad",))
    paper.may_end.set()
    told = await commit(Sheet("good", paper), Sheet("bad", paper))
    assert [type(each) for each in told] == [type(None), ValueError]


@pytest.mark.parametrize("is_quick", [True, False])
async def test_a_store_that_breaks_down_fails_everybody_and_hangs_nobody(*, is_quick: bool) -> None:
    """What was not expected is told to all who wait."""
    paper = Paper(is_quick, broken=True)
    paper.may_end.set()
    told = await commit(Sheet("a", paper), Sheet("b", paper))
    assert [type(each) for each in told] == [OSError, OSError]


async def test_two_stores_do_not_wait_for_each_other() -> None:
    """A slow database holds up nobody who writes to a file."""
    slow, quick = Paper(is_quick=False), Paper(is_quick=True)
    waiting = asyncio.create_task(commit(Sheet("slow", slow)))
    await asyncio.to_thread(slow.begun.wait, 30)
    assert await commit(Sheet("quick", quick)) == [None]
    assert slow.together == []
    slow.may_end.set()
    assert await waiting == [None]


async def test_whoever_stopped_waiting_is_not_told() -> None:
    """A branch that was cancelled meanwhile does not upset the commit of the others."""
    paper = Paper(is_quick=False)
    left = asyncio.create_task(commit(Sheet("left", paper)))
    stays = asyncio.create_task(commit(Sheet("stays", paper)))
    await asyncio.to_thread(paper.begun.wait, 30)
    left.cancel()
    paper.may_end.set()
    assert await stays == [None]
    with pytest.raises(asyncio.CancelledError):
        await left


async def test_whoever_asks_first_writes_for_those_who_join_also_where_it_leaves() -> None:
    """The first to ask a quick store is cancelled before it wrote: the others are told all the same, and once."""
    paper = Paper(is_quick=True)
    committer = Committer.of_running_loop()
    first = asyncio.create_task(committer.commit(Sheet("first", paper)))
    joins = asyncio.create_task(committer.commit(Sheet("joins", paper)))
    await asyncio.sleep(0)
    assert paper.together == []
    first.cancel()
    await joins
    assert paper.together == [["first", "joins"]]
    assert await commit(Sheet("later", paper)) == [None]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_commit_nobody_waits_for_shares_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run begins with and its first result are one write."""
    journal = journal_at(tmp_path)
    stream = journal.open_flight("r1")
    logged: list[int] = []

    def counted(_log: WriteAheadLog, frames: Iterable[Frame]) -> None:
        logged.append(len(list(frames)))

    monkeypatch.setattr(WriteAheadLog, "append", counted)
    stream.append({"runid": "r1"}, "run_record", {"phase": "intent"})
    await stream.commit_soon()
    assert journal.read_flight("r1") == []
    stream.append({"runid": "r1"}, "step_record", {"phase": "result"})
    await stream.commit()
    assert logged == [1]
    assert len(journal.read_flight("r1")) == 2
    stream.close()


async def test_a_commit_nobody_waits_for_is_made_by_itself(tmp_path: Path) -> None:
    """One turn of the loop is enough."""
    journal = journal_at(tmp_path)
    stream = journal.open_flight("r1")
    stream.append({"runid": "r1"}, "run_record", {"phase": "intent"})
    await stream.commit_soon()
    await asyncio.sleep(0)
    assert len(journal.read_flight("r1")) == 1
    stream.close()


async def test_a_commit_nobody_waits_for_that_fails_is_told_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream takes nothing more, so nothing that was to follow is done."""
    stream = journal_at(tmp_path).open_flight("r1")

    def full(_log: WriteAheadLog, _frames: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(WriteAheadLog, "append", full)
    stream.append({"runid": "r1"}, "run_record", {"phase": "intent"})
    await stream.commit_soon()
    await asyncio.sleep(0)
    with pytest.raises(EvidenceUnwritable, match="No space left"):
        stream.append({"runid": "r1"}, "step_record", {"phase": "result"})
    with pytest.raises(EvidenceUnwritable, match="No space left"):
        await stream.commit()
    stream.close()
