"""Hosted tools by themselves."""
