"""A file of responses that were read already: a long read goes on where it stopped, and a second one costs nothing."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

# Older responses may have been overtaken by changes, and are asked for again.
MAX_AGE = timedelta(hours=24)


class SavedResponses:
    """The responses of one read, by address; each is written when it arrives (JSON lines, mode 0600).

    `heading` says what is read, for example API and workspace. A file with another heading, an old one or a damaged
    one is started anew. A last line that was cut off is dropped. `found` is how many responses were there already,
    `started` when the first of them was read.
    """

    def __init__(self, path: Path, heading: Mapping[str, str], *, at: datetime) -> None:
        self._path = path
        self.started = at
        self._by_address = self._load(heading, at)
        self.found = len(self._by_address)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.found else os.O_TRUNC), 0o600)
        self._file = os.fdopen(descriptor, "ab")
        if not self.found:
            self._write({**heading, "started": at.isoformat()})

    def get(self, address: str) -> Any:
        """Return the saved response of an address. Raises KeyError."""
        return self._by_address[address]

    def add(self, address: str, response: Any) -> None:
        """Save a response."""
        self._by_address[address] = response
        self._write([address, response])

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def delete(self) -> None:
        """Close and delete the file, when its responses have been used."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _write(self, line: Any) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def _load(self, heading: Mapping[str, str], at: datetime) -> dict[str, Any]:
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return {}
        whole = [line for line in lines if line.endswith(b"\n")]
        try:
            first, *rest = [msgspec.json.decode(line) for line in whole]
            started = datetime.fromisoformat(first.pop("started"))
            if first != dict(heading) or not timedelta() <= at - started <= MAX_AGE:
                return {}
            responses = {str(address): response for address, response in rest}
        except (msgspec.DecodeError, ValueError, TypeError, AttributeError, KeyError):
            return {}
        self.started = started
        if len(whole) < len(lines):
            # The end of the file is written to next, so the half line has to go first.
            self._path.write_bytes(b"".join(whole))
        return responses
