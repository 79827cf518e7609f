"""Drills: we attack ourselves, on a toy system of record in a scratch home, and measure what stops us."""
