"""The step of the schema by which mirrors also give permissions to groups, on databases that hold data."""

from pathlib import Path

import pytest

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level
from onebucket.store import mirror_rows, schema
from onebucket.store.mirror_rows import MirroredPermission
from pg import Postgres
from schema_steps import at_step, back_to

ACME = "aaaaaaaa-0000-4000-8000-000000000001"
ROWS = (
    "INSERT INTO accounts (id, username, username_key, display_name, is_team, is_active, site_admin, created_at,"
    f" revision) VALUES ('{ACME}', 'acme', 'acme', '', true, true, false, 0, 1)",
    f"INSERT INTO mirror_permissions VALUES ('{ACME}', 'cloud', 'rocket', '1:x', 2, 7)",
)


@pytest.mark.parametrize("kind", ["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def test_what_was_set_stays_and_is_of_people(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if kind == "PostgreSQL":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    db = at_step(url, "0014")
    with db.writing() as tx:
        for statement in ROWS:
            tx.connection.execute(statement)

    def stored() -> list[MirroredPermission]:
        with db.reading() as tx:
            return mirror_rows.of_mirror(tx, ACME, "cloud")

    schema.bring_up_to_date(db)
    before = MirroredPermission("rocket", "1:x", Level.WRITE, GrantKind.PERSON)
    assert stored() == [before]

    schema.bring_up_to_date(back_to(db, "0014") or db)
    assert stored() == [before]
    db.close()
