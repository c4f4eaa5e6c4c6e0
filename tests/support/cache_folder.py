"""A folder for what tests download or build once: outside the checkout, kept between runs."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest


def is_filled(name: str, pinned: bytes) -> bool:
    """Return whether the folder of `name` is there already."""
    return _folder(name, pinned).is_dir()


def filled(name: str, pinned: bytes, fill: Callable[[Path], None]) -> Path:
    """Return the folder of `name`; `fill` makes it when it isn't there yet, or what it is pinned by has changed.

    Other processes wait meanwhile. Skips the test, with the reason, where a program that `fill` starts fails.
    """
    folder = _folder(name, pinned)
    base = folder.parent
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fill(name, folder, fill)
    return folder


def _folder(name: str, pinned: bytes) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onebucket-tests"
    return base / f"{name}-{sha256(pinned).hexdigest()[:16]}"


def _fill(name: str, folder: Path, fill: Callable[[Path], None]) -> None:
    made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder.parent))
    try:
        fill(made)
        made.rename(folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{name} can't be had: {(error.stderr.strip().splitlines() or [str(error)])[-1]}")
    finally:
        shutil.rmtree(made, ignore_errors=True)
