"""Redirects Bitbucket's names to a onebucket server, and runs a command meanwhile."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from onebucket.redirect import command_environment
from onebucket.redirect.certificate_authority import CertificateAuthority
from onebucket.redirect.connect_proxy import ConnectProxy
from onebucket.redirect.forwarder import Forwarder
from onebucket.redirect.server_certificate import ServerCertificate
from onebucket.redirect.tls_listener import TlsListener

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command ended: its exit status, or 128 and the signal's number; `advice` if it never got through."""

    status: int
    advice: str = ""


def run(
    command: Sequence[str],
    *,
    server: str,
    authority: CertificateAuthority,
    passes_others: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Outcome:
    """Run the command to its end, and answer for Bitbucket meanwhile with `server`, a URL."""

    async def redirect_and_execute(folder: Path) -> Outcome:
        redirection = Redirection(server, passes_others=passes_others, environment=environment)
        added = await redirection.start(folder, authority)
        try:
            status = await _execute(command, {**environment, **added})
        except FileNotFoundError:
            return Outcome(_NOT_FOUND, f"there is no command {command[0]}")
        except PermissionError:
            return Outcome(_NOT_EXECUTABLE, f"{command[0]} can't be executed")
        finally:
            await redirection.stop()
        return Outcome(status, redirection.advice())

    with (
        TemporaryDirectory(prefix="onebucket-run-") as folder,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        return runner.run(redirect_and_execute(Path(folder)))


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make an event loop: uvloop's, where there is uvloop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Redirection:
    """The proxy and the listener that answer for Bitbucket's two names with `server`."""

    def __init__(
        self,
        server: str,
        *,
        passes_others: bool = False,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._environment = environment
        self._clock = clock
        self._forwarder = Forwarder(server, passes_others=passes_others)
        self._proxy: ConnectProxy | None = None
        self._listener: TlsListener | None = None

    async def start(self, folder: Path, authority: CertificateAuthority) -> dict[str, str]:
        """Start both; return the variables that lead there, whose files are in `folder`."""
        certificate = ServerCertificate(folder, lambda at: authority, clock=self._clock)
        self._listener = TlsListener(self._forwarder, *certificate.issue(), certificate.renew_if_due)
        await self._listener.start()
        upstream = self._environment.get("https_proxy") or self._environment.get("HTTPS_PROXY") or ""
        self._proxy = ConnectProxy(self._listener.port, upstream=upstream)
        return command_environment.variables(
            folder,
            authority=authority.pem,
            proxy_port=await self._proxy.start(),
            tls_port=self._listener.port,
            environment=self._environment,
        )

    async def stop(self) -> None:
        """End both, and the connections to the server."""
        if self._proxy is not None:
            self._proxy.close()
        if self._listener is not None:
            await self._listener.stop()
        await self._forwarder.close()

    def advice(self) -> str:
        """Say why no request has arrived: nobody asked for the names, or our certificate isn't trusted."""
        if self._forwarder.requests:
            return ""
        if self._proxy is not None and self._proxy.count.redirected:
            return (
                "the command connected to Bitbucket's name and hung up: it trusts its own certificates only. "
                "`onebucket ca` prints the one to add"
            )
        return (
            "the command never asked the proxy for api.bitbucket.org or bitbucket.org: "
            "it made no request to them, or it ignores HTTPS_PROXY"
        )


async def _execute(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run the command; hand SIGTERM and SIGHUP on to it. Ctrl-C reaches it by itself, from the terminal."""
    process: Process | None = None
    early: list[int] = []

    def hand_on(number: int) -> None:
        if process is None:
            early.append(number)
        else:
            process.send_signal(number)

    # Before the command starts: a signal in between would end us, and leave the command running.
    loop = asyncio.get_running_loop()
    for handed_on in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(handed_on, hand_on, handed_on)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    for number in early:
        process.send_signal(number)
    status = await process.wait()
    return status if status >= 0 else 128 - status
