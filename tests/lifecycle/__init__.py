"""The lifecycle of runs, as clients see it."""
