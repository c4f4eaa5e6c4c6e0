"""The checks of `doctor`; each yields findings with a message and, on failure, a fix."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from onebucket import provider_configuration
from onebucket.actions import accounts, journal, kept_groups, teams
from onebucket.cli import common
from onebucket.cli.finding import Finding
from onebucket.http.process import file_descriptors
from onebucket.settings import Misconfigured, Settings
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable


def findings(chosen: Settings) -> Iterator[Finding]:
    """Run all checks, in the order in which failures should be fixed."""
    yield from _settings(chosen)
    if chosen.mirror:
        from onebucket.cli import mirror_findings

        yield from mirror_findings.of_tables(chosen)
    yield _connections()
    on_file = chosen.database.startswith("sqlite:")
    try:
        opened = connect(chosen.database, make=False, replicas=chosen.replicas)
    except DatabaseUnusable as error:
        mend = "Create it with `onebucket serve`, `onebucket apply` or `onebucket user add`."
        yield Finding(False, str(error), mend if on_file else _OUT_OF_REACH)
        return
    try:
        yield from _database(opened, chosen, mend=_DAMAGED if on_file else _IRREGULAR)
    except (DatabaseUnusable, DatabaseUnavailable) as error:
        mend = "Restore a backup into a new folder: onebucket restore FILE --data DIR"
        yield Finding(False, str(error), mend if on_file else _OUT_OF_REACH)
    finally:
        opened.close()


def _settings(chosen: Settings) -> Iterator[Finding]:
    for name in chosen.unknown:
        yield Finding(False, f"{name} is not a setting of this version", "Remove it, or correct its spelling.")
    if not chosen.unknown:
        yield Finding(True, "every setting is known")
    if chosen.data.exists() and chosen.data.stat().st_mode & 0o007:
        yield Finding(False, f"every user of this machine can read {chosen.data}", f"chmod o= {chosen.data}")
    yield from _files(chosen)
    yield from _providers(chosen)
    if chosen.replicas and chosen.database.startswith("sqlite:"):
        yield Finding(False, common.NO_REPLICAS)


def _providers(chosen: Settings) -> Iterator[Finding]:
    """Check how people sign in, as far as the configuration tells: no provider is asked."""
    try:
        providers = provider_configuration.read_providers(chosen)
    except Misconfigured as error:
        yield Finding(False, str(error), "Correct it: docs/sso.md has the values for several providers.")
        return
    for provider in providers:
        domains = f"people of {' '.join(sorted(provider.domains))}" if provider.domains else "people who are linked"
        yield Finding(True, f"{domains} sign in with {provider.label}: {provider.issuer}")
    in_file = [name for name, table in chosen.oidc.items() if table.get("client_secret")]
    if in_file and chosen.file.stat().st_mode & 0o044:
        yield Finding(
            False, f"others can read the secret of {' '.join(in_file)} in {chosen.file}", f"chmod go= {chosen.file}"
        )
    if chosen.passwords != "on" and not providers:
        mend = "Add a table [oidc.NAME] to the file of settings, or set passwords to on."
        yield Finding(False, f"passwords is {chosen.passwords}, and there is no provider to sign in with", mend)


def _files(chosen: Settings) -> Iterator[Finding]:
    """Check that other users of this machine can't read the SQLite files.

    Older versions created them readable for everybody, and copying a file can change its mode.
    """
    if not chosen.database.startswith("sqlite:"):
        return
    database_file = Path(chosen.database.removeprefix("sqlite:///")).expanduser()
    files = [path for end in ("", "-wal", "-shm") if (path := Path(f"{database_file}{end}")).exists()]
    exposed = [str(path) for path in files if path.parent.stat().st_mode & 0o001 and path.stat().st_mode & 0o007]
    if exposed:
        names = " ".join(exposed)
        yield Finding(False, f"every user of this machine can open {names}", f"chmod o= {names}")


def _connections() -> Finding:
    """Check how many connections a server could hold that is started with the same limits as this command."""
    max_connections = file_descriptors.max_connections(file_descriptors.limit())
    mend = "Raise the limit of open files: LimitNOFILE= in systemd, --ulimit nofile= for a container."
    return Finding(
        max_connections >= _FEW,
        f"each process can hold {max_connections:,} connections at once",
        mend if max_connections < _FEW else "",
    )


# Enough for several clients that each leak connections.
_FEW = 1000

_OUT_OF_REACH = "Start PostgreSQL, or correct the setting `database`: host, name, user, password."
_DAMAGED = "Stop the server and restore a backup: onebucket restore FILE"
_IRREGULAR = (
    'Columns: ALTER TABLE … ALTER COLUMN … TYPE text COLLATE "C". Indexes: REINDEX. Processes: pg_terminate_backend(…).'
)


def _database(opened: Database, chosen: Settings, *, mend: str) -> Iterator[Finding]:
    version = schema.version(opened)
    if version != schema.HEAD:
        older = version is None or version < schema.HEAD
        update = "Any other command updates it." if older else "A newer onebucket has updated it: update this one."
        yield Finding(False, f"the database is at schema {version}, not {schema.HEAD}", update)
        return
    yield Finding(True, f"{opened.name} is at schema {version}")

    trouble = opened.check()
    yield Finding(not trouble, trouble or f"the database is intact{opened.version_note()}", mend if trouble else "")

    with opened.reading() as tx:
        work = common.work(tx)
        yield from _clock(journal.latest(work))
        yield _site_administrator(accounts.list_people(work))
        orphans = teams.without_administrator(work)
        if orphans:
            names = ", ".join(team.username for team in orphans)
            yield Finding(
                False,
                f"no active person administers {names}",
                "Enable an administrator, or apply a document with one in a group with `account_privilege: admin`.",
            )
        else:
            yield Finding(True, "every team has an active administrator")
        for provider, kept in kept_groups.kept_by_others(work, chosen.oidc).items():
            yield Finding(
                False,
                f"sign-ins with {provider} keep {', '.join(kept)}, and there is no [oidc.{provider}]: "
                "nobody joins or leaves by them",
                f"Put the table back, or: {common.program()} group keep {kept[0]} --remove",
            )

    from onebucket.cli import mail_setup, mirror_findings, replicas, webhook_setup

    yield from replicas.findings(opened)
    yield from mail_setup.findings(chosen, opened)
    yield from mirror_findings.of_states(chosen, opened)
    yield from webhook_setup.findings(opened)


def _site_administrator(people: Iterable[accounts.Person]) -> Finding:
    if any(person.account.site_admin and person.account.is_active for person in people):
        return Finding(True, "there is an active site administrator")
    mend = f"Make one: {common.program()} user admin NAME. Or use the link that `serve` prints while there is none."
    return Finding(False, "there is no active site administrator", mend)


def _clock(latest: datetime | None) -> Iterator[Finding]:
    now = datetime.now(UTC)
    if latest is not None and latest > now:
        yield Finding(
            False, f"the journal has entries from the future ({latest:%Y-%m-%d %H:%M:%S} UTC)", "Set the clock."
        )
    else:
        yield Finding(True, f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC")
