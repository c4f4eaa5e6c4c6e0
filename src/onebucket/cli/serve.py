"""`serve`, `check`, `doctor` and `openapi`."""

import gc
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import onebucket
from onebucket import settings
from onebucket.cli import common
from onebucket.cli.common import NO_REPLICAS, CommandError, DatabaseOption, DataOption, JsonOption, Use
from onebucket.settings import Settings

if TYPE_CHECKING:
    from onebucket.store.engine.database import Database

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(help="The port to listen on", min=1, max=65535)] = DEFAULT_PORT,
    workers: Annotated[int, typer.Option(help="Processes; on PostgreSQL only", min=1)] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Serve a made-up company from a throw-away database.")] = False,
    tls_cert: Annotated[Path | None, typer.Option(metavar="F", help="TLS certificate chain, PEM")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="F", help="Its private key, PKCS #8 PEM")] = None,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Serve the API until SIGTERM or Ctrl-C, which finish what is under way."""
    for file in (tls_cert, tls_key):
        if file is not None and not file.is_file():
            raise CommandError(f"there is no file {file}")
    if (tls_cert is None) != (tls_key is None):
        raise CommandError("--tls-cert and --tls-key go together")

    from onebucket.cli import logs

    with ExitStack() as stack:
        if demo:
            from onebucket.cli import demo as company

            database_file = stack.enter_context(company.throw_away())
            database = f"sqlite:///{database_file}"
        chosen = common.settings(database, data)
        if workers > 1 and chosen.database.startswith("sqlite:"):
            raise CommandError("SQLite is served by one process: start it without --workers")
        if chosen.replicas and chosen.database.startswith("sqlite:"):
            raise CommandError(NO_REPLICAS)
        logs.configure(chosen.log_format, chosen.log_level)

        # Only now: they load structlog too, which must have been loaded by `logs`.
        from onebucket.cli import keys, mail_setup
        from onebucket.http import wiring
        from onebucket.http.limits import shared_counters
        from onebucket.http.monitoring import shared_metrics
        from onebucket.http.process.listen_address import ListenAddress
        from onebucket.http.response import ServerOptions

        base_url = chosen.base_url or _address(host, port, secure=tls_cert is not None)
        post = mail_setup.transport(chosen, base_url, throw_away=database_file.parent if demo else None)
        desk = mail_setup.composer(chosen, base_url)
        opened = stack.enter_context(common.open_database(chosen, Use.SERVES))
        key = keys.throw_away() if demo else keys.secret_key(chosen)
        if demo:
            company.fill(opened)
            lines = company.lines(base_url, opened.url)
        else:
            lines = [f"Everything is kept in {opened.name}", *_first_administrator(opened, base_url)]
            lines += [f"It is read on {opened.replicas_description}"] if opened.replicas else []
        place = ListenAddress(host, port, tls_cert, tls_key)
        ways = ServerOptions(
            base_url,
            chosen.realm,
            chosen.jsonp,
            chosen.jsonp_origins,
            chosen.amsterdam_times,
            emails_in_paths=chosen.email_in_path == "accept",
            users_address=chosen.users_address,
            query_token=chosen.query_token == "on",  # noqa: S105 - a switch
            rate_limit=chosen.rate_limit,
            failures_per_address=chosen.failures_per_address,
            trusted_proxies=chosen.trusted_proxies,
            proxy_header=chosen.proxy_header,
        )
        # What the workers are to count together they have from the process that starts them.
        counts = shared_counters.in_shared_memory() if workers > 1 else None
        together = shared_metrics.SharedMetrics(workers) if workers > 1 else None

        def live(ready: Callable[[], None], heard: int | None = None, number: int = 0) -> None:
            built = wiring.build(
                opened,
                ways,
                terms=common.site_limits(chosen),
                metrics_token=chosen.metrics_token,
                demo_letters=database_file.parent / "letters" if demo else None,
                secret_key=key,
                password_grant=chosen.oauth_password_grant == "on",  # noqa: S105
                answer_memory=chosen.answer_memory,
                settings=settings.shown(chosen),
                counts=replace(counts, process_metrics=together.for_process(number)) if counts and together else None,
            )
            carrier = mail_setup.outbox_worker(opened, post, desk, key)
            built.metrics.watch("onebucket_letters_sent_total", "Letters sent since the start", lambda: carrier.sent)

            def begin() -> None:
                ready()
                carrier.start()
                built.metrics.start()
                # Whatever was made by now stays; to look through it for garbage again and again costs 5 % of a change.
                gc.freeze()

            wiring.run(built, place, ready=begin, ended=carrier.stop, heard=heard)

        def ready() -> None:
            common.show(f"onebucket {onebucket.__version__} answers at {base_url}  (API: {base_url}/docs)")
            warnings = (f"warning: {name} is not a setting" for name in chosen.unknown)
            if not chosen.base_url and not demo:
                lines.append(f"Answers and letters lead to {base_url}: set base_url where people use another address")
            for line in (*lines, _limit(chosen.rate_limit), mail_setup.line(post, desk), *warnings):
                common.show(line)

        if workers == 1:
            live(ready)
        else:
            # Loaded once for all of them.
            from onebucket.http.process import listener  # noqa: F401
            from onebucket.http.process.workers import Workers

            # Each opens connections of its own: nothing that is open may be shared with them.
            opened.close()
            place.check()
            Workers(workers, live).run(ready)


def _limit(calls: int) -> str:
    """What `serve` says of how much one may ask: tools that look at everything reach it."""
    if not calls:
        return "Each user may make any number of calls (rate_limit is 0)"
    return f"Each user may make {calls:,} calls an hour (rate_limit), further ones are answered 429"


def _address(host: str, port: int, *, secure: bool) -> str:
    """Where it listens, as people write it: without the port that they needn't name.

    >>> _address("127.0.0.1", 443, secure=True), _address("::1", 8080, secure=False)
    ('https://127.0.0.1', 'http://[::1]:8080')
    """
    name = socket.getfqdn() if host in ("0.0.0.0", "::") else host  # noqa: S104 - a comparison
    bracketed = f"[{name}]" if ":" in name else name
    named = "" if port == (443 if secure else 80) else f":{port}"
    return f"{'https' if secure else 'http'}://{bracketed}{named}"


def _first_administrator(opened: "Database", base_url: str) -> list[str]:
    """Without a site administrator: make the one whose password is given, or offer a link (operations)."""
    from onebucket import hashing
    from onebucket.actions import setup
    from onebucket.domain.accounts import check_password
    from onebucket.domain.refusals import Conflict

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
                return [
                    f"warning: admin is no site administrator, and was there before ONEBUCKET_ADMIN_PASSWORD: {mend}"
                ]
            return ["Made the site administrator admin, with the password from ONEBUCKET_ADMIN_PASSWORD"]
        token = hashing.new_secret()
        setup.create_link(work, hashing.secret_hash(token))
    return [f"There is no site administrator yet. Make the first, once: {base_url}/setup/{token}"]


def check(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whom the question is about")],
    repository: Annotated[str, typer.Argument(metavar="ACCOUNT/REPO", help="Where")],
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="read, write or admin")],
    explain: Annotated[bool, typer.Option("--explain", help="Say through what.")] = False,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Ask whether a person may do something on a repository. Exit code 0: yes, 1: no, 2: neither."""
    from onebucket.actions import access_checks
    from onebucket.cli import formatting
    from onebucket.domain import privileges

    if level not in _LEVELS:
        raise typer.BadParameter(f"the level is {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}", param_hint="LEVEL")
    account, _, slug = repository.partition("/")
    with common.answering(), common.reading(database, data) as work:
        verdict = access_checks.check(work, access_checks.AccessQuery(user, account, slug))
    allowed = verdict.allows(privileges.parse_level(level))
    if json:
        common.show_json(formatting.decision_json(verdict, allowed=allowed))
    else:
        common.show("yes" if allowed else "no")
        for line in formatting.decision_lines(verdict) if explain else ():
            common.show(line)
    if not allowed:
        raise typer.Exit(1)


_LEVELS = ("read", "write", "admin")


def doctor(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Say what is wrong with settings, database and accounts, and how to mend it. Exit code 1 if anything is."""
    from onebucket.cli import doctor

    chosen: Settings = common.settings(database, data)
    findings = list(doctor.findings(chosen))
    if json:
        rows = settings.shown(chosen)
        common.show_json(
            {
                "settings": {name: {"value": value, "source": source} for name, value, source in rows},
                "checks": [{"ok": each.ok, "what": each.message, "mend": each.fix} for each in findings],
            }
        )
    else:
        common.show_table(["SETTING", "VALUE", "FROM"], settings.shown(chosen))
        common.show()
        for each in findings:
            common.show(
                f"{'ok   ' if each.ok else 'WRONG'}  {each.message}" + (f"\n       {each.fix}" if each.fix else "")
            )
    if not all(each.ok for each in findings):
        raise typer.Exit(1)


def openapi() -> None:
    """Print the OpenAPI 3.1 document."""
    from onebucket.http import openapi, wiring

    base_url = common.settings("", "").base_url or _address(DEFAULT_HOST, DEFAULT_PORT, secure=False)
    common.show_json(openapi.document(wiring.SURFACES, base_url=base_url))
