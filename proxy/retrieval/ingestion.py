"""The queue of files that are to be read for vector stores."""


class Ingestion:
    def wake(self) -> None:
        """There may be something to do."""
