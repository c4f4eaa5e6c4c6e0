"""Configuration of the server's log: text or JSON lines on standard error."""

import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


class _StandardError:
    """Standard error that ignores write errors (full disk, closed pipe), so that logging never fails a request."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Do nothing: Python flushes standard error after each line."""


class Plain:
    """Render the same plain line as structlog's ConsoleRenderer, in a tenth of its time.

    Worth it because every change logs a line.
    """

    def __init__(self) -> None:
        self._structlog_renderer = structlog.dev.ConsoleRenderer(colors=False)

    def __call__(self, logger: WrappedLogger, name: str, event_dict: EventDict) -> str:
        """Render one event; one with an exception or a stack is left to structlog."""
        if not _SEVERAL_LINES.isdisjoint(event_dict):
            return self._structlog_renderer(logger, name, event_dict)
        at, level, event = event_dict.pop("timestamp"), event_dict.pop("level"), event_dict.pop("event")
        pairs = [f"{key}={_value(event_dict[key])}" for key in sorted(event_dict)]
        return f"{at} [{level:<9}] {event:<30} {' '.join(pairs)}".rstrip(" ")


_SEVERAL_LINES = frozenset({"exception", "exc_info", "stack"})
_QUOTED = re.compile("[ \t=\r\n\"']")


def _value(value: object) -> str:
    return value if isinstance(value, str) and _QUOTED.search(value) is None else repr(value)


def _complete(logger: WrappedLogger, name: str, event_dict: EventDict) -> EventDict:
    """Add the level, the time and an exception's traceback, as three of structlog's processors do, in half their time.

    The traceback is plain text; structlog would let rich draw it on a terminal.
    """
    event_dict["level"] = name
    event_dict["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return structlog.processors.format_exc_info(logger, name, event_dict) if "exc_info" in event_dict else event_dict


def configure(format: str, level: str) -> None:
    """Set up structlog; `format` is `console` or `json`. Callers never log secrets."""
    renderer: Processor = Plain()
    if format == "json":
        renderer = structlog.processors.JSONRenderer()
    elif sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(colors=True)
    structlog.configure(
        processors=[_complete, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
