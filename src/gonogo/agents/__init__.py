"""Agents: pydantic-ai behind a governor, priced, recorded once and replayed."""
