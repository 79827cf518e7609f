"""The house: a Prefect server, a warm runner, the loader and the dashboard, as one process tree."""
