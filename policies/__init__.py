"""The law as text, and the terms and routes of each mission."""
