"""The writer: a process's one connection that writes flights, and the leases that live and die with it.

A lease is a row: an epoch, and the key of an advisory lock that the holder's connection holds. While
that connection lives nobody else gets the run; when it dies the run is free at once. Who takes it
raises the epoch, and every append names the epoch it was leased under: a writer that was cut off
and comes back is refused, unless nobody came meanwhile.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from gonogo.errors import EvidenceUnwritable, RunBusy
from gonogo.evidence.postgres.appending import Batch, append
from gonogo.evidence.postgres.server import Cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from gonogo.evidence.postgres.server import Server
    from gonogo.evidence.postgres.streams import FlightStream

    T = TypeVar("T")

LEASE_PATIENCE_SECONDS = 0.5
"""How long a lease is asked for: a server takes a moment to see that its holder was killed."""

LEASE_LOOK_SECONDS = 0.02
HEARTBEAT_SECONDS = 2.0
"""How often a process that holds leases and writes nothing looks whether its connection is still there."""

_TAKE = """
INSERT INTO gonogo_streams AS s (stream, run_id, kind, epoch, holder, pilot)
VALUES (%(stream)s, %(run_id)s, 'flight', 1, %(me)s, %(pilot)s)
ON CONFLICT (stream) DO UPDATE SET epoch = s.epoch + 1, holder = %(me)s, pilot = %(pilot)s
WHERE CASE
    WHEN s.holder IS NULL OR s.holder = %(me)s THEN true
    ELSE pg_try_advisory_xact_lock_shared(s.holder)
END
RETURNING epoch, lines, bytes
"""

_HOLDER = "SELECT pilot FROM gonogo_streams WHERE stream = %s"
_GIVE_BACK = "UPDATE gonogo_streams SET holder = NULL, pilot = NULL WHERE stream = %s AND epoch = %s AND holder = %s"
_FORGET = "UPDATE gonogo_streams SET holder = NULL, pilot = NULL WHERE holder = %s AND NOT stream = ANY(%s)"
_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END_FORMER = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"


class Lease(NamedTuple):
    """The right to write a run's own stream."""

    epoch: int
    lines: int
    bytes: int


class Writer:
    """Writes what the streams of this process have queued, as much as there is in one transaction."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._key = secrets.randbits(62) + 1
        self._pilot = f"process {os.getpid()} on {socket.gethostname()}"
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._former: tuple[object, ...] | None = None
        """The backend of the last connection, as the server knows it."""
        self._held: set[str] = set()
        self._heart: threading.Thread | None = None
        self._over = threading.Event()

    def take(self, stream_id: str) -> Lease:
        """Take the lease of a run's own stream, which is made if it is not there.

        Raises:
            RunBusy: somebody else has it, in this process or another.
            EvidenceUnreachable: the server is away.

        """
        run_id = stream_id.rpartition("/")[0]
        values = {"stream": stream_id, "run_id": run_id, "me": self._key, "pilot": self._pilot}

        def once() -> tuple[int, int, int] | str:
            connection = self._connected()
            with self._server.asking(connection):
                row = connection.execute(_TAKE, values).fetchone()
                return row or str((connection.execute(_HOLDER, (stream_id,)).fetchone() or ("unknown",))[0])

        until = time.monotonic() + LEASE_PATIENCE_SECONDS
        while True:
            with self._lock:
                found = self._pilot if stream_id in self._held else self._server.persist(once)
                if not isinstance(found, str):
                    self._held.add(stream_id)
                    self._beat()
                    return Lease(*found)
            if stream_id in self._held or time.monotonic() >= until:
                msg = f"Run {run_id} is being flown by another process; wait for it, or stop that process first."
                raise RunBusy(f"{msg} It is {found}.")
            time.sleep(LEASE_LOOK_SECONDS)

    def give_back(self, stream_id: str, epoch: int, shut: Callable[[], None]) -> None:
        """Give a lease back once no write is in flight; where the server is away, it is free already."""
        with self._lock:
            shut()
            if stream_id not in self._held:
                return
            self._held.discard(stream_id)
            # Where this fails the connection is closed, and the next one forgets what nobody flies any more.
            with suppress(Cut, EvidenceUnwritable):
                if self._connection is not None:
                    with self._server.asking(self._connection):
                        self._connection.execute(_GIVE_BACK, (stream_id, epoch, self._key))

    @property
    def is_quick(self) -> bool:
        """Never: a server is asked."""
        return False

    def commit(self, streams: Sequence[FlightStream]) -> dict[FlightStream, EvidenceUnwritable]:
        """Write what these streams have queued in one transaction; return who failed, and why. Those are shut."""
        # One at a time: whoever comes second finds its records written with those of the first.
        with self._lock:
            batches = {batch.stream_id: (each, batch) for each in streams if (batch := each.take_batch()) is not None}
            if batches:
                self._write([batch for _, batch in batches.values()], {n: s for n, (s, _) in batches.items()})
        return {stream: stream.failure for stream in streams if stream.failure is not None}

    def _write(self, batches: Sequence[Batch], streams: dict[str, FlightStream]) -> None:
        def once() -> dict[str, EvidenceUnwritable]:
            connection = self._connected()
            with self._server.asking(connection):
                return append(connection, batches)

        try:
            refused = self._server.persist(once)
        except EvidenceUnwritable as error:
            refused = dict.fromkeys(streams, error)
        except BaseException:
            for name, stream in streams.items():
                stream.fail(EvidenceUnwritable(f"A write to {name} was broken off; continue the run with --resume."))
            raise
        for name, stream in streams.items():
            stream.fail(refused[name]) if name in refused else stream.advance()

    def _connected(self) -> psycopg.Connection:
        """Return the connection that holds this process's lock, made anew where it was lost.

        Raises:
            EvidenceUnwritable: this writer was closed; its leases are gone, so nothing may be written any more.

        """
        if self._over.is_set():
            msg = "This process has let go of its journals; continue the run with --resume."
            raise EvidenceUnwritable(msg)
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = self._server.connect()
        with self._server.asking(connection):
            if self._former is not None:
                # The server may not have noticed that the former one is gone; it must not act any more.
                with suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute(_END_FORMER, self._former)
            connection.execute("SELECT pg_advisory_lock(%s)", (self._key,))
            connection.execute(_FORGET, (self._key, list(self._held)))
            self._former = connection.execute(_BACKEND).fetchone()
        self._connection = connection
        return connection

    def _beat(self) -> None:
        if self._heart is None:
            self._heart = threading.Thread(target=self._keep, name="gonogo-leases", daemon=True)
            self._heart.start()

    def _keep(self) -> None:
        """Take the lock back soon after the server restarted, also while every run only waits."""
        while not self._over.wait(HEARTBEAT_SECONDS):
            with self._lock, suppress(Cut, EvidenceUnwritable):
                if self._held:
                    connection = self._connected()
                    with self._server.asking(connection):
                        connection.execute("SELECT 1")

    def close(self) -> None:
        """Let go of every lease, as the end of the process would."""
        self._over.set()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._held.clear()
