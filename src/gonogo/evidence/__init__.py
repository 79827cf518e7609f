"""Evidence: what happened, written before and after it did, in a form that can be checked."""
