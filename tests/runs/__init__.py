"""The run core: transcripts, tables and properties."""
