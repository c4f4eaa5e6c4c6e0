"""Several processes that serve one PostgreSQL: started, watched, replaced when one ends, and told to stop together.

They listen on the same port, and the kernel deals out the connections. A worker heeds nobody but its parent, over a
pipe: a byte tells it to finish, another one to stop at once, and when the parent is gone it finishes too. So a signal
that reaches all of them counts once.
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

_STOPPING = {signal.SIGTERM, signal.SIGINT}
_HEEDED = {*_STOPPING, signal.SIGCHLD}

# A worker that ends sooner than this after it was started is not replaced at once: its successor might fare the same.
CRASH_LOOP_SECONDS = 1.0

# What a worker does: it says that it answers, and heeds what comes over the file descriptor. The last is its number,
# from 0 on; whoever takes its place has the same.
WorkerMain = Callable[[Callable[[], None], int, int], None]


class CannotStart(Exception):
    """A worker ended before it answered; it has said why."""


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    tell: int
    started: float
    number: int


class Workers:
    """Runs `life` in `count` processes until SIGTERM or SIGINT."""

    def __init__(self, count: int, life: WorkerMain) -> None:
        self._count = count
        self._worker_main = life
        self._workers: dict[int, _Worker] = {}
        self._answers, self._answering = os.pipe()
        self._log = structlog.get_logger("onebucket.http.workers")

    def run(self, ready: Callable[[], None]) -> None:
        """Start them, call `ready` when all answer, and return when all have ended. Raises CannotStart."""
        before = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        try:
            for _ in range(self._count):
                self._start()
            if self._wait_until_all_ready():
                ready()
            self._watch()
        finally:
            self._stop()
            signal.signal(signal.SIGCHLD, before)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)

    def _start(self) -> None:
        heard, tell = os.pipe()
        number = min({*range(self._count)} - {each.number for each in self._workers.values()})
        pid = os.fork()
        if pid == 0:
            self._child_main(heard, number, (tell, self._answers, *(each.tell for each in self._workers.values())))
        os.close(heard)
        self._workers[pid] = _Worker(pid, tell, time.monotonic(), number)

    def _child_main(self, heard: int, number: int, not_ours: tuple[int, ...]) -> None:
        code = 1
        try:
            for each in not_ours:
                os.close(each)
            for stopping in _STOPPING:
                signal.signal(stopping, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
            self._worker_main(self._wait_until_ready, heard, number)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _wait_until_ready(self) -> None:
        os.write(self._answering, b".")

    def _wait_until_all_ready(self) -> bool:
        answering = 0
        while answering < self._count:
            if select.select([self._answers], [], [], 0.05)[0]:
                answering += len(os.read(self._answers, self._count))
            elif self._reap():
                raise CannotStart("a worker could not start; its reason is above")
            elif signal.sigpending() & _STOPPING:
                return False
        return True

    def _watch(self) -> None:
        while signal.sigwait(_HEEDED) not in _STOPPING:
            for each in self._reap():
                self._log.warning("worker ended", pid=each.pid, then="another one takes its place")
                if time.monotonic() - each.started < CRASH_LOOP_SECONDS:
                    time.sleep(CRASH_LOOP_SECONDS)
                self._start()

    def _reap(self) -> list[_Worker]:
        """Those that have ended since."""
        ended = []
        for each in list(self._workers.values()):
            if os.waitpid(each.pid, os.WNOHANG)[0]:
                os.close(each.tell)
                ended.append(self._workers.pop(each.pid))
        return ended

    def _stop(self) -> None:
        self._signal()
        while self._workers:
            if not self._reap() and signal.sigwait(_HEEDED) in _STOPPING:
                self._signal()

    def _signal(self) -> None:
        for each in self._workers.values():
            with suppress(BrokenPipeError):
                os.write(each.tell, b".")
