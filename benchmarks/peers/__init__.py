"""One module for each system that is measured; each runs in an environment of its own, as a process of its own."""
