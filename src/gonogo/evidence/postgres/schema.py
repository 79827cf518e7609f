"""The tables of the journals: made on first use, brought up to date under a lock, never guessed at.

They stand in the first schema of the connection's ``search_path``, so a database can keep several houses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.errors import EvidenceUnwritable

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK = 0x676F6E6F676F
"""Advisory lock of the database under which tables are made: ``gonogo`` in ASCII."""

_FIRST = """
CREATE TABLE gonogo_schema (
    version integer PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row a stream: how far it reaches, and who may write it. No column that changes with an append is
-- indexed, so an append rewrites the row in its page.
CREATE TABLE gonogo_streams (
    stream text PRIMARY KEY,
    run_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('flight', 'desk')),
    lines bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    head text NOT NULL DEFAULT repeat('0', 64),
    ended boolean NOT NULL DEFAULT false,
    epoch bigint NOT NULL DEFAULT 0,
    holder bigint,
    pilot text,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
CREATE INDEX gonogo_streams_live ON gonogo_streams (run_id) WHERE kind = 'flight' AND NOT ended;
CREATE INDEX gonogo_streams_began ON gonogo_streams (began_at);

-- One row a record: the exact bytes of its leaf, and beside it what may be erased.
CREATE TABLE gonogo_lines (
    stream text NOT NULL,
    seq bigint NOT NULL,
    leaf bytea NOT NULL,
    salt bytea,
    payload bytea,
    byte_end bigint NOT NULL,
    gate text,
    PRIMARY KEY (stream, seq)
);
CREATE INDEX gonogo_lines_gate ON gonogo_lines (gate) WHERE gate IS NOT NULL;

CREATE TABLE gonogo_payloads (
    digest text PRIMARY KEY,
    salted bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION gonogo_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.salt IS NULL AND NEW.payload IS NULL
            AND ROW(NEW.stream, NEW.seq, NEW.leaf, NEW.byte_end, NEW.gate)
                IS NOT DISTINCT FROM ROW(OLD.stream, OLD.seq, OLD.leaf, OLD.byte_end, OLD.gate)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'evidence is append-only: of a line, only salt and payload may be erased';
END
$$;
CREATE TRIGGER gonogo_lines_kept BEFORE UPDATE OR DELETE ON gonogo_lines
    FOR EACH ROW EXECUTE FUNCTION gonogo_append_only();
CREATE TRIGGER gonogo_lines_whole BEFORE TRUNCATE ON gonogo_lines
    FOR EACH STATEMENT EXECUTE FUNCTION gonogo_append_only();
"""

_MADE = "SELECT FROM pg_tables WHERE tablename = 'gonogo_schema' AND schemaname = ANY(current_schemas(false))"

_STEPS = (_FIRST,)
"""What brings the tables from each version to the next."""

VERSION = len(_STEPS)


def ensure_schema(connection: Connection, where: str) -> None:
    """Make the tables, or bring them up to date; whoever comes second waits for the first.

    Raises:
        EvidenceUnwritable: a newer gonogo has made them.

    """
    if _version(connection, where) == VERSION:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for number in range(_version(connection, where), VERSION):
            connection.execute(_STEPS[number])  # pyright: ignore[reportArgumentType, reportCallIssue] - our own text
            connection.execute("INSERT INTO gonogo_schema (version) VALUES (%s)", (number + 1,))


def _version(connection: Connection, where: str) -> int:
    # to_regclass() would answer from before the wait for the lock.
    if connection.execute(_MADE).fetchone() is None:
        return 0
    found = connection.execute("SELECT coalesce(max(version), 0) FROM gonogo_schema").fetchone()
    version = 0 if found is None else int(found[0])
    if version > VERSION:
        msg = (
            f"The journals at {where} were made by a newer gonogo (schema {version}; this one knows {VERSION}). "
            "Nothing was touched; upgrade gonogo on this machine."
        )
        raise EvidenceUnwritable(msg)
    return version
