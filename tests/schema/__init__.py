"""The vocabulary, against what the real service sent."""
