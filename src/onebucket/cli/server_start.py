"""Starts the server for `serve`: the database, the parts, and one process or several workers."""

import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onebucket
from onebucket import hashing, provider_configuration, settings
from onebucket.actions import setup
from onebucket.cli import common, keys, mail_setup, webhook_setup
from onebucket.cli.common import Use
from onebucket.domain.accounts import check_password
from onebucket.domain.refusals import Conflict
from onebucket.domain.sign_in_providers import SignInProvider
from onebucket.http import wiring
from onebucket.http.limits import shared_counters
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.monitoring.shared_metrics import ProcessMetrics, SharedMetrics
from onebucket.http.options import ServerOptions
from onebucket.http.process import serving
from onebucket.http.process.end_worker import EndWorker
from onebucket.http.process.listen_address import ListenAddress
from onebucket.http.process.workers import Workers
from onebucket.mail.composer import Composer
from onebucket.mail.transport import MailTransport
from onebucket.settings import Settings
from onebucket.store.engine.database import Database

if TYPE_CHECKING:
    from onebucket.cli.mirror_worker import MirrorWorker
    from onebucket.mirror.configuration import MirrorConfiguration


@dataclass(frozen=True, slots=True)
class _Launch:
    """What a server process is built from; `demo_folder` is None outside the demo."""

    settings: Settings
    database: Database
    address: ListenAddress
    base_url: str
    secret_key: bytes
    transport: MailTransport
    composer: Composer
    demo_folder: Path | None
    mirrors: "Sequence[MirrorConfiguration]"
    providers: tuple[SignInProvider, ...]

    def run_process(
        self,
        on_ready: Callable[[], None],
        *,
        stop_pipe: int | None = None,
        counts: RateLimitStore | None = None,
        process_metrics: ProcessMetrics | None = None,
    ) -> None:
        """Serve in this process until it is told to stop; `on_ready` is called when it accepts connections."""
        server = wiring.build(
            self.database,
            settings.select(ServerOptions, self.settings, base_url=self.base_url),
            site_limits=common.site_limits(self.settings),
            secret_key=self.secret_key,
            demo_letters=self.demo_folder / "letters" if self.demo_folder else None,
            settings=settings.shown(self.settings),
            mirrors=[each.definition for each in self.mirrors],
            counts=counts,
            process_metrics=process_metrics,
            providers=self.providers,
        )
        outbox_worker = mail_setup.outbox_worker(self.database, self.transport, self.composer, self.secret_key)
        server.metrics.watch("onebucket_letters_sent_total", "E-mails sent since the start", lambda: outbox_worker.sent)
        webhook_worker = webhook_setup.webhook_worker(self.settings, self.database, self.secret_key)
        server.metrics.watch(
            "onebucket_webhooks_delivered_total", "Webhook deliveries since the start", lambda: webhook_worker.delivered
        )
        server.metrics.watch(
            "onebucket_webhooks_failed_total", "Failed attempts of webhooks since the start",
            lambda: webhook_worker.failed,
        )  # fmt: skip
        mirror_worker = _mirror_worker(self.database, self.mirrors)
        end_worker = EndWorker(self.database, operate=common.work, clock=wiring.utc_now)

        def start() -> None:
            on_ready()
            outbox_worker.start()
            webhook_worker.start()
            end_worker.start()
            if mirror_worker:
                mirror_worker.start()
            server.metrics.start()
            # What exists now lives as long as the process: scanning it for garbage would cost 5 % of each write.
            gc.freeze()

        try:
            serving.run(server.app, self.address, on_ready=start, stop_pipe=stop_pipe)
        finally:
            stops: list[Callable[[], None]] = [end_worker.stop, webhook_worker.stop, outbox_worker.stop]
            if mirror_worker:
                stops.append(mirror_worker.stop)
            # At once, so that the shutdown waits for the slowest of them and not for each.
            with ThreadPoolExecutor(len(stops)) as pool:
                for stopped in [pool.submit(stop) for stop in stops]:
                    stopped.result()
            server.close()

    def run_workers(self, count: int, on_ready: Callable[[], None]) -> None:
        """Serve in `count` child processes, which share rate limits and metrics in memory made here."""
        # Loaded before the fork, once for all workers.
        from onebucket.http.process import listener  # noqa: F401

        counts, metrics = shared_counters.in_shared_memory(), SharedMetrics(count)

        def run_worker(ready: Callable[[], None], stop_pipe: int, number: int) -> None:
            self.run_process(ready, stop_pipe=stop_pipe, counts=counts, process_metrics=metrics.for_process(number))

        # Each worker opens its own connections: an open one must not be shared across a fork.
        self.database.close()
        self.address.check()
        Workers(count, run_worker).run(on_ready)


def run(chosen: Settings, address: ListenAddress, *, base_url: str, workers: int, demo_file: Path | None) -> None:
    """Open the database, and serve until SIGTERM or Ctrl-C. `demo_file` is the SQLite file of the demo, if it runs.

    Raises CommandError, CannotListen, CannotStart.
    """
    demo_folder = demo_file.parent if demo_file else None
    providers = provider_configuration.read_providers(chosen)
    transport = mail_setup.transport(chosen, base_url, throw_away=demo_folder)
    composer = mail_setup.composer(chosen, base_url)
    mirrors = _mirrors(chosen) if demo_file is None else ()
    with common.open_database(chosen, Use.SERVES) as opened:
        key = keys.throw_away() if demo_folder else keys.secret_key(chosen)
        if demo_folder:
            # It loads what reads documents, which no other server needs.
            from onebucket.cli import demo as demo_data

            demo_data.fill(opened)
            lines = demo_data.lines(base_url, opened.url)
        else:
            lines = [f"Data is kept in {opened.name}", *_first_administrator(opened, base_url)]
            lines += [_replicas(opened)] if opened.replicas else []
            lines += [] if chosen.base_url else [_guessed_base_url(base_url)]
        lines += [_limit(chosen.rate_limit), mail_setup.line(transport, composer)]
        lines += _followed_lines(mirrors)
        lines += (
            [f"People sign in with {', '.join(each.label for each in providers)} (docs/sso.md)"] if providers else []
        )
        lines += [f"warning: {name} is not a setting" for name in chosen.unknown]

        def on_ready() -> None:
            common.show(f"onebucket {onebucket.__version__} answers at {base_url}  (API: {base_url}/docs)")
            for line in lines:
                common.show(line)

        launch = _Launch(chosen, opened, address, base_url, key, transport, composer, demo_folder, mirrors, providers)
        if workers == 1:
            launch.run_process(on_ready)
        else:
            launch.run_workers(workers, on_ready)


def _mirrors(chosen: Settings) -> "Sequence[MirrorConfiguration]":
    """Return the mirrors of the file. Raises Misconfigured."""
    if not chosen.mirror:
        return ()
    from onebucket.mirror import configuration

    return configuration.read_all(chosen.mirror, source=str(chosen.file))


def _followed_lines(mirrors: "Sequence[MirrorConfiguration]") -> list[str]:
    return [
        f"It follows the mirror {each.name} of {each.account} to {each.workspace}"
        for each in mirrors
        if each.starts_with_server
    ]


def _mirror_worker(opened: Database, mirrors: "Sequence[MirrorConfiguration]") -> "MirrorWorker | None":
    """Return what follows the mirrors that start with the server, None if there are none."""
    followed = [each for each in mirrors if each.starts_with_server]
    if not followed:
        return None
    # It loads an HTTP client, which a server without mirrors doesn't need.
    from onebucket.cli.mirror_worker import MirrorWorker

    return MirrorWorker(opened, followed)


def _replicas(opened: Database) -> str:
    names = ", ".join(replica.name for replica in opened.replicas)
    return f"It is also read from {len(opened.replicas)} replicas: {names}"


def _guessed_base_url(base_url: str) -> str:
    return f"Links in responses and e-mails lead to {base_url}: set base_url if people use another address"


def _limit(calls: int) -> str:
    """Return the line that `serve` prints about the rate limit, because tools that read everything reach it."""
    if not calls:
        return "Users may make any number of calls (rate_limit is 0)"
    return f"Each user may make {calls:,} calls an hour (rate_limit); further ones get status 429"


def _first_administrator(opened: Database, base_url: str) -> list[str]:
    """Create the first site administrator or a one-time link to do so; return the lines to print.

    With ONEBUCKET_ADMIN_PASSWORD the account `admin` is created (contract/operations.md). Return nothing if the site
    has an administrator.
    """
    with opened.writing() as tx:
        work = common.work(tx)
        if not setup.is_needed(work):
            return []
        password = os.environ.get("ONEBUCKET_ADMIN_PASSWORD")
        if password:
            check_password(password)
            try:
                setup.add_first_administrator(
                    work, username="admin", email=None, password_hash=hashing.password_hash(password)
                )
            except Conflict:
                mend = f"{common.program()} user admin admin"
                return [f"warning: admin existed already, and is no site administrator; to make it one: {mend}"]
            return ["Created the site administrator admin, with the password from ONEBUCKET_ADMIN_PASSWORD"]
        token = hashing.new_secret()
        setup.create_link(work, hashing.secret_hash(token))
    return [f"There is no site administrator yet. Create the first one: {base_url}/setup/{token}"]
