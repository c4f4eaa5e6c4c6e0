"""Runs several worker processes on one PostgreSQL: starts, watches and replaces them, and stops them together.

They listen on the same port, and the kernel distributes the connections. A worker ignores signals and obeys only its
parent, over a pipe: one byte means finish, a second one stop at once, and end of file (the parent died) finish. So a
signal sent to the whole process group counts once.
"""

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_HANDLED_SIGNALS = {*_STOP_SIGNALS, signal.SIGCHLD}

# A worker that ends sooner than this after its start is replaced only after a pause, so that a crash loop is slow.
CRASH_LOOP_SECONDS = 1.0

# The main function of a worker. It gets a callback to call when it is ready, the file descriptor on which its parent
# tells it to stop, and its number from 0; a replacement has the same number.
WorkerMain = Callable[[Callable[[], None], int, int], None]


class CannotStart(Exception):
    """A worker ended before it was ready; it has printed the reason."""


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    stop_writer: int
    started: float
    number: int


class Workers:
    """Runs `life` in `count` child processes until SIGTERM or SIGINT."""

    def __init__(self, count: int, life: WorkerMain) -> None:
        self._count = count
        self._worker_main = life
        self._workers: dict[int, _Worker] = {}
        self._ready_reader, self._ready_writer = os.pipe()
        self._log = structlog.get_logger("onebucket.http.workers")

    def run(self, ready: Callable[[], None]) -> None:
        """Start the workers, call `ready` when all are ready, and return when all have ended. Raises CannotStart."""
        previous_handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED_SIGNALS)
        try:
            for _ in range(self._count):
                self._start()
            if self._wait_until_all_ready():
                ready()
            self._watch()
        finally:
            self._stop()
            signal.signal(signal.SIGCHLD, previous_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED_SIGNALS)

    def _start(self) -> None:
        stop_reader, stop_writer = os.pipe()
        number = min({*range(self._count)} - {worker.number for worker in self._workers.values()})
        pid = os.fork()
        if pid == 0:
            self._child_main(
                stop_reader,
                number,
                (stop_writer, self._ready_reader, *(worker.stop_writer for worker in self._workers.values())),
            )
        os.close(stop_reader)
        self._workers[pid] = _Worker(pid, stop_writer, time.monotonic(), number)

    def _child_main(self, stop_reader: int, number: int, inherited: tuple[int, ...]) -> None:
        code = 1
        try:
            for descriptor in inherited:
                os.close(descriptor)
            for stop_signal in _STOP_SIGNALS:
                signal.signal(stop_signal, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED_SIGNALS)
            self._worker_main(self._report_ready, stop_reader, number)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _report_ready(self) -> None:
        os.write(self._ready_writer, b".")

    def _wait_until_all_ready(self) -> bool:
        ready_count = 0
        while ready_count < self._count:
            if select.select([self._ready_reader], [], [], 0.05)[0]:
                ready_count += len(os.read(self._ready_reader, self._count))
            elif self._reap():
                raise CannotStart("a worker could not start; the reason is above")
            elif signal.sigpending() & _STOP_SIGNALS:
                return False
        return True

    def _watch(self) -> None:
        while signal.sigwait(_HANDLED_SIGNALS) not in _STOP_SIGNALS:
            for worker in self._reap():
                self._log.warning("worker ended", pid=worker.pid, then="a new one is started")
                if time.monotonic() - worker.started < CRASH_LOOP_SECONDS:
                    time.sleep(CRASH_LOOP_SECONDS)
                self._start()

    def _reap(self) -> list[_Worker]:
        """Remove the workers that have ended, and return them."""
        ended = []
        for worker in list(self._workers.values()):
            if os.waitpid(worker.pid, os.WNOHANG)[0]:
                os.close(worker.stop_writer)
                ended.append(self._workers.pop(worker.pid))
        return ended

    def _stop(self) -> None:
        self._signal()
        while self._workers:
            if not self._reap() and signal.sigwait(_HANDLED_SIGNALS) in _STOP_SIGNALS:
                self._signal()

    def _signal(self) -> None:
        for worker in self._workers.values():
            with suppress(BrokenPipeError):
                os.write(worker.stop_writer, b".")
