"""The redirection for this very process: proxy and listener in a thread, while the caller goes on."""

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from onebucket.redirect import certificate_authority, session


@contextmanager
def redirecting(server: str, *, environment: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """Answer for Bitbucket's names with `server` until the block ends; yield the variables that lead there.

    The certificate authority lives as long as the block.
    """
    loop = session.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="redirect", daemon=True)
    thread.start()
    try:
        with TemporaryDirectory(prefix="onebucket-redirect-") as folder:
            authority = certificate_authority.load_or_create(Path(folder) / "ca", at=datetime.now(UTC))
            made = session.Redirection(server, environment=environment)
            variables = asyncio.run_coroutine_threadsafe(made.start(Path(folder), authority), loop).result()
            try:
                yield variables
            finally:
                asyncio.run_coroutine_threadsafe(made.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
