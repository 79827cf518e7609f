"""gonogo beside its peers and the floor: the same work, the same guarantee, the same run."""
