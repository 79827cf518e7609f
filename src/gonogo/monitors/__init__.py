"""Monitors: deterministic watchers over the live stream of operations. No model judges here."""
