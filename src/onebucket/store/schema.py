"""The version of the schema: read it, and run the migrations that are missing."""

from hashlib import blake2b
from pathlib import Path

from sqlalchemy import column, select, table

from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.row_mapper import scalar
from onebucket.store.engine.statement import Statement

# The newest migration under migrations/versions.
HEAD = "0027"

_NUMBER = scalar(column("version_num"), str)
_VERSION = Statement(select(*_NUMBER.columns).select_from(table("alembic_version")), _NUMBER)


def fingerprint() -> str:
    """Return a name for the current schema that changes whenever a migration does."""
    steps = sorted((Path(__file__).parent / "migrations" / "versions").glob("*.py"))
    return blake2b(b"".join(step.read_bytes() for step in steps), digest_size=8).hexdigest()


def version(database: Database) -> str | None:
    """Return the last migration that was run; None for an empty database. Raises DatabaseUnusable if it isn't ours."""
    tables = database.tables()
    if "alembic_version" in tables:
        with database.reading() as tx:
            return tx.row(_VERSION)
    if tables:
        raise DatabaseUnusable(f"{database.name} is a database, but not onebucket's")
    return None


def bring_up_to_date(database: Database) -> bool:
    """Run the missing migrations, under a lock and in one transaction; return True if there were any.

    Raises DatabaseUnusable if the database is of a newer release, DatabaseUnavailable if it can't be changed now.
    """
    if version(database) == HEAD:
        return False

    # Alembic and SQLAlchemy's engine are imported only when needed: they take longer than the rest of the start.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection, create_engine, event, exc, pool

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))

    def begin(connection: Connection) -> None:
        for statement in database.begin_migration:
            connection.exec_driver_sql(statement)

    engine = create_engine(database.engine, creator=database.connect, poolclass=pool.StaticPool)
    event.listen(engine, "begin", begin)
    try:
        with engine.begin() as connection:
            now = version(database)
            known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
            if now is not None and now not in known:
                raise DatabaseUnusable(
                    f"{database.name} was created by a newer onebucket (schema {now}): update this one"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except exc.DBAPIError as error:
        raise DatabaseUnavailable(f"the database can't be migrated now ({error.orig})") from error
    finally:
        engine.dispose()

    return True
