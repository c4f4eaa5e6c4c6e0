"""Canaille, an OpenID provider from PyPI, in a process and an environment of its own: pinned, installed once."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import cache_folder
import live

_HERE = Path(__file__).parent / "canaille"
_LOCK = _HERE / "requirements.lock"

CLIENT_ID, SECRET = "onebucket", "what only the two know"
# Where it says so; the password of each person is their name, three times.
LABEL = "Canaille"


def _install(folder: Path) -> None:
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", folder], [*pip, "--require-hashes", "-r", _LOCK]):
        subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)


class Canaille:
    """A running provider, which sends people back to `redirect_uri`. Skips the test where it can't be installed."""

    def __init__(self, redirect_uri: str) -> None:
        folder = cache_folder.filled("canaille", _LOCK.read_bytes(), _install)
        self._process = subprocess.Popen(
            [folder / "bin" / "python", _HERE / "serve.py", CLIENT_ID, SECRET, redirect_uri],
            # It has no certificate.
            env=live.environment() | {"AUTHLIB_INSECURE_TRANSPORT": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.issuer = self._process.stdout.readline().strip()
        assert self.issuer, "it ended before it answered"

    @property
    def settings(self) -> str:
        """The table of a server's settings that lets people sign in with it."""
        return f"""
[oidc.canaille]
issuer = "{self.issuer}"
client_id = "{CLIENT_ID}"
client_secret = "{SECRET}"
label = "{LABEL}"
scopes = ["openid", "email", "profile", "groups"]
groups_claim = "groups"
domains = ["example.com"]
"""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.stdout.close()
        self._process.wait(20)
