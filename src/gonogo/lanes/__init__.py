"""Lanes: who schedules a run. The mission cannot tell which."""
