"""Where tests put their files: in memory if there is room, because each commit to SQLite waits for the disk."""

import shutil
import tempfile
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")
# With less free memory, files go to the disk. In a container /dev/shm often has 64 MB.
_NEEDED_BYTES = 4 << 30


def parent() -> Path:
    """Return the folder in which temporary folders are made."""
    if _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free >= _NEEDED_BYTES:
        return _IN_MEMORY
    return Path(tempfile.gettempdir())
