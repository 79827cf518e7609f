"""The log: what the journals hold, sequenced into one Merkle tree whose root is signed."""
