"""Part of the stand-in for Keep."""
