"""How the server's log is written: lines for people, or JSON for machines, to standard error."""

import logging
import re
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
    from structlog.typing import EventDict, Processor, WrappedLogger


class _StandardError:
    """Standard error, whose troubles (a full disk, a closed pipe) must not become those of the request it tells of."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Nothing is left to do: Python writes it out at the end of each line."""


class Plain:
    """Writes a line for people without colours, as structlog does, in a tenth of the time: every change has one."""

    def __init__(self) -> None:
        self._whole = structlog.dev.ConsoleRenderer(colors=False)

    def __call__(self, logger: WrappedLogger, name: str, told: EventDict) -> str:
        """The line. What tells of an error takes several, which are structlog's own."""
        if not _SEVERAL_LINES.isdisjoint(told):
            return self._whole(logger, name, told)
        at, level, event = told.pop("timestamp"), told.pop("level"), told.pop("event")
        pairs = [f"{key}={_value(told[key])}" for key in sorted(told)]
        return f"{at} [{level:<9}] {event:<30} {' '.join(pairs)}".rstrip(" ")


_SEVERAL_LINES = frozenset({"exception", "exc_info", "stack"})
_QUOTED = re.compile("[ \t=\r\n\"']")


def _value(value: object) -> str:
    return value if isinstance(value, str) and _QUOTED.search(value) is None else repr(value)


def configure(format: str, level: str) -> None:
    """Set up the log; `format` is `console` or `json`. Nothing secret is ever given to it."""
    renderer: Processor = Plain()
    if format == "json":
        renderer = structlog.processors.JSONRenderer()
    elif sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(colors=True)
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
