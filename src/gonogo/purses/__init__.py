"""Purses: what missions and agents may use in a day, shared by every run in every process."""
