"""Ten durable steps with a gate in between, as a deployment."""

from benchmarks.peers.gonogo_missions import gated

__all__ = ["gated"]
