"""What Alembic runs: the steps that are missing, on the connection it is handed."""

from alembic import context
from sqlalchemy import Connection, text

from onebucket.store.tables import metadata

_UNSORTED = text(
    "SELECT format('ALTER TABLE %I ALTER COLUMN %I TYPE text COLLATE \"C\"', table_name, column_name)"
    " FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
)


def _sort_alike(connection: Connection) -> None:
    """Let PostgreSQL sort text as SQLite does, byte by byte, whatever language its server speaks."""
    for statement in connection.execute(_UNSORTED).scalars().all():
        connection.exec_driver_sql(statement)


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
if connection.dialect.name == "postgresql":
    _sort_alike(connection)
