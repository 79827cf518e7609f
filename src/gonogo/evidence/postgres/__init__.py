"""Journals in Postgres: the same streams, leases and payloads, for many machines."""
