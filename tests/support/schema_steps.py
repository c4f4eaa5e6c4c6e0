"""Databases as they were at an earlier step of the schema."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, pool

from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database


def at_step(url: str, step: str) -> Database:
    """Return an empty database as it was at that step."""
    db = connect(url)
    _run(db, command.upgrade, step)
    return db


def back_to(db: Database, step: str) -> None:
    """Take a database with what it holds back to an earlier step."""
    _run(db, command.downgrade, step)


def _run(db: Database, migrate: Callable[[Config, str], None], step: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    engine = create_engine(db.engine, creator=db.connect, poolclass=pool.StaticPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(db.begin_migration[0]))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        migrate(config, step)
    engine.dispose()
