"""Hosted tools: what a run can do by itself. The engine's driver calls them; what they do shows as steps of the run."""
