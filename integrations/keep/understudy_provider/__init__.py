"""A provider for Keep that asks an assistant: its folder belongs beside Keep's own, in `keep/providers`."""
