"""The server: connections that are durable or none, few of them, and a bounded patience while it is away."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from gonogo.errors import EvidenceUnreachable, EvidenceUnwritable, SettingsBroken
from gonogo.evidence.postgres.schema import ensure_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import LiteralString

T = TypeVar("T")

PATIENCE_SECONDS = 10.0
"""How long a process waits for the server to come back, from the first time it did not answer."""

LOOK_SECONDS = 0.05
READERS = 2
TURNS = 2
"""Connections of a process at most: these, and one that writes flights and holds their leases."""

_DEFAULTS: dict[str, Any] = {
    "application_name": "gonogo",
    "client_encoding": "utf8",
    "connect_timeout": 5,
    # A standby takes no evidence; of several hosts in the address, the one that does is chosen.
    "target_session_attrs": "read-write",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Where the address does not say otherwise."""

_SETTLE = """
SELECT
    current_setting('fsync'),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('lock_timeout', '10s', false),
    set_config('idle_in_transaction_session_timeout', '30s', false),
    -- A machine that vanished holds its leases until the server notices; two hours would be its default.
    set_config('tcp_keepalives_idle', '5', false),
    set_config('tcp_keepalives_interval', '2', false),
    set_config('tcp_keepalives_count', '3', false)
"""

_FINAL = ("password authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")
"""What waiting does not mend."""

_AWAY = ("08", "57P", "25006", "25P03")
"""SQLSTATEs of a server that is going, gone or not the writable one any more, and of a connection it has ended."""

_LOCKED = "55P03"
"""SQLSTATE of a lock that was not had within ``lock_timeout``."""


class Cut(Exception):
    """The connection is gone; whether what was asked for was done is not known."""


class Server:
    """One Postgres, as one process uses it."""

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise SettingsBroken("GONOGO_JOURNALS is no address of a Postgres; see docs/guides/journals.md.") from error
        self._address: Mapping[str, Any] = _DEFAULTS | given
        self.where = f"{given.get('host', 'local')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
        """Which server, without what is secret in its address."""
        self._is_settled = False
        self._down_since: float | None = None
        self._last_failed = 0.0
        self._idle: list[psycopg.Connection] = []
        self._is_closed = False
        self._readers = threading.BoundedSemaphore(READERS)
        self._turns = threading.BoundedSemaphore(TURNS)

    def connect(self) -> psycopg.Connection:
        """Open a connection on which a commit is durable.

        Raises:
            Cut: the server does not answer now.
            EvidenceUnreachable: it will not, however long one waits.
            EvidenceUnwritable: it keeps nothing through a power cut, or is not ours to use.

        """
        try:
            connection = psycopg.connect(**self._address, autocommit=True)
        except psycopg.OperationalError as error:
            if any(sign in str(error) for sign in _FINAL):
                raise self.unreachable(error) from error
            raise Cut(_first_line(error)) from error
        try:
            with self.asking(connection):
                self._settle(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _settle(self, connection: psycopg.Connection) -> None:
        """See to it that a commit on this connection is durable, and that the tables are there."""
        found = connection.execute(_SETTLE).fetchone()
        if found is None or found[0] != "on":
            msg = f"The server at {self.where} runs with fsync off and forgets in a power cut; switch it on."
            raise EvidenceUnwritable(msg)
        if not self._is_settled:
            ensure_schema(connection, self.where)
            self._is_settled = True

    @contextmanager
    def asking(self, connection: psycopg.Connection) -> Generator[None]:
        """Translate what goes wrong on a connection; after that, the connection is closed.

        Raises:
            Cut: it is gone.
            EvidenceUnwritable: the server refused what it was asked; nothing of that statement was done.

        """
        try:
            yield
        except psycopg.Error as error:
            state = error.sqlstate
            is_cut = connection.closed or (isinstance(error, psycopg.OperationalError) and state is None)
            connection.close()
            if is_cut or (state or "").startswith(_AWAY):
                raise Cut(_first_line(error)) from error
            if state == _LOCKED:
                msg = f"Somebody at {self.where} has held for long what is asked for; look who it is, and try again."
                raise EvidenceUnwritable(msg) from error
            msg = (
                f"Postgres at {self.where} refuses evidence ({_first_line(error)}); nothing more is done. "
                "Mend what it says, then continue the run with --resume."
            )
            raise EvidenceUnwritable(msg) from error

    def persist(self, attempt: Callable[[], T]) -> T:
        """Attempt something until the connection holds; gives up when the server has been away for too long.

        The attempt must be one that may be made again when nobody knows whether the last one was done.

        Raises:
            EvidenceUnreachable: the server did not come back in time.

        """
        attempts = 0
        while True:
            try:
                done = attempt()
            except Cut as cut:
                attempts += 1
                away = self._away_seconds(is_first=attempts == 1)
                self._drop_idle()
                # The first may have met a connection that an earlier restart had cut.
                if attempts > 1 and away >= PATIENCE_SECONDS:
                    raise self.unreachable(cut) from cut
                time.sleep(LOOK_SECONDS)
            else:
                self._down_since = None
                return done

    def unreachable(self, cause: Exception) -> EvidenceUnreachable:
        """Return the sentence for a server that is not there."""
        return EvidenceUnreachable(
            f"The journals at {self.where} cannot be reached ({_first_line(cause)}); nothing more is done. "
            "Start that Postgres or correct GONOGO_JOURNALS, then continue the run with --resume."
        )

    def read(self, query: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a question, or of a write that may be made again; each in a transaction of its own."""

        def once() -> list[tuple[Any, ...]]:
            with self.borrowed() as connection, self.asking(connection):
                cursor = connection.execute(query, values, binary=True)
                return cursor.fetchall() if cursor.description else []

        with self._readers:
            return self.persist(once)

    @contextmanager
    def turn(self) -> Generator[None]:
        """Wait for room for one more turn at a desk; apart from readers, so that a turn can read."""
        with self._turns:
            yield

    @contextmanager
    def borrowed(self) -> Generator[psycopg.Connection]:
        """Lend a connection for the block; it is kept afterwards, if it is still good."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.put_back(connection)

    def take(self) -> psycopg.Connection:
        """Return an idle connection, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self.connect()

    def put_back(self, connection: psycopg.Connection) -> None:
        """Keep a connection for the next, if it is good, nothing is open on it, and there may be a next."""
        if (
            self._is_closed
            or connection.closed
            or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        ):
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle, and what is lent now as soon as it comes back."""
        self._is_closed = True
        self._drop_idle()

    def _drop_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _away_seconds(self, *, is_first: bool) -> float:
        now = time.monotonic()
        # Where nobody has asked for long, what was known of the server then is no longer known.
        is_forgotten = is_first and now - self._last_failed > PATIENCE_SECONDS
        if self._down_since is None or is_forgotten:
            self._down_since = now
        self._last_failed = now
        return now - self._down_since


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
