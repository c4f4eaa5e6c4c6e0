"""How the server's log is written: lines for people, or JSON for machines, to standard error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Let a module seem not to be installed."""
    loaded = sys.modules.get(module)
    sys.modules[module] = None  # type: ignore[assignment]  # this is how an import is told that there is none
    try:
        yield
    finally:
        del sys.modules[module]
        if loaded is not None:
            sys.modules[module] = loaded


# It loads rich where there is one, to draw tracebacks with; ours are plain text.
with _without("rich"):
    import structlog


class _StandardError:
    """Standard error, whose troubles (a full disk, a closed pipe) must not become those of the request it tells of."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def configure(format: str, level: str) -> None:
    """Set up the log; `format` is `console` or `json`. Nothing secret is ever given to it."""
    to_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if format == "json" else structlog.dev.ConsoleRenderer(colors=to_terminal)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
