"""One process at a time keeps a data directory: an advisory lock that ends with its process, however that ends."""

import os
import sys
from pathlib import Path
from typing import IO

from proxy.store.database import DirectoryInUse

if sys.platform != "win32":
    import fcntl


class DirectoryLock:
    """Held from construction to `release`; a killed process releases it too, as the kernel closes its files."""

    def __init__(self, directory: Path) -> None:
        self.held = False
        self._file: IO[str] = (directory / "lock").open("a+", encoding="ascii")
        if sys.platform == "win32":
            return  # there is no flock: two servers on one directory are the operator's care there
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise DirectoryInUse(
                f"The data directory {directory} is in use by another server (process {holder}). "
                "Stop that one, or choose another directory."
            ) from error
        self.held = True
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        # The file stays: removing it would let two processes hold locks on two files of one name.
        self._file.close()
