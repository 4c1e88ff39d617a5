"""White-box tests; they mirror the source."""
