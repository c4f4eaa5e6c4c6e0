"""The step of the schema that brings projects, on databases that hold data."""

from pathlib import Path

import pytest

from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project
from onebucket.domain.repositories import ForkPolicy, Repository
from onebucket.store import privilege_rows, project_rows, repository_rows, schema
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Database
from pg import Postgres
from schema_steps import at_step, back_to

ACME, EMPTY, GLOBEX, GROUP, FIRST, SECOND, OTHER, PERSON = (
    f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abcdef12"
)
ROWS = (
    *(
        "INSERT INTO accounts (id, username, username_key, display_name, is_team, is_active, site_admin, created_at,"
        f" revision) VALUES ('{id}', '{name}', '{name}', '', true, true, false, 0, 1)"
        for id, name in ((ACME, "acme"), (EMPTY, "empty"), (GLOBEX, "globex"), (PERSON, "bob"))
    ),
    f"INSERT INTO groups VALUES ('{ACME}', '{GROUP}', 'Crew', 'crew', NULL, false, false, NULL, 0)",
    *(
        f"INSERT INTO repositories VALUES ('{account}', '{id}', '{slug}', 'Name', true, 'What it is', {at}, 9)"
        for account, id, slug, at in ((ACME, FIRST, "a", 7), (ACME, SECOND, "b", 5), (GLOBEX, OTHER, "c", 3))
    ),
    f"INSERT INTO group_privileges VALUES ('{ACME}', '{FIRST}', '{GROUP}', 2, 0, NULL)",
    f"INSERT INTO privileges VALUES ('{ACME}', '{SECOND}', '{PERSON}', 1, 0, NULL)",
    "INSERT INTO invitations (account_id, id, email, email_key, repository_id, permission, invited_by, sent_at,"
    f" expires_at) VALUES ('{ACME}', '{GROUP}', 'r@x', 'r@x', '{FIRST}', 2, '{PERSON}', 0, 9)",
)


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database as it was before there were projects."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "PostgreSQL":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    db = at_step(url, "0009")
    with db.writing() as tx:
        for statement in ROWS:
            tx.connection.execute(statement)
    return db


def test_every_account_with_repositories_gets_one_project_that_holds_them(before: Database) -> None:
    schema.bring_up_to_date(before)

    with before.reading() as tx:
        projects = {id: project_rows.of_account(tx, id) for id in (ACME, GLOBEX, EMPTY)}
        repositories = repository_rows.of_account(tx, ACME)
        granted = privilege_rows.level(tx, ACME, FIRST, GROUP), privilege_rows.of_person(tx, ACME, SECOND, PERSON)
        invited = tx.connection.execute("SELECT repository_id FROM invitations").fetchone()
    assert projects[EMPTY] == []
    [acmes], [globexs] = projects[ACME], projects[GLOBEX]
    oldest = timestamps.from_number(5)
    assert acmes == Project(ACME, acmes.id, "PROJ", "Default project", "", True, oldest, oldest)
    assert (globexs.key, globexs.id != acmes.id) == ("PROJ", True)
    assert repositories == [
        Repository(
            ACME, id, slug, "Name", acmes.id, True, "What it is", ForkPolicy.ALLOW_FORKS, "", False, False, "main"
        )
        for id, slug in ((FIRST, "a"), (SECOND, "b"))
    ]
    assert (granted, str(invited[0]), before.check()) == ((Level.WRITE, Level.READ), FIRST, "")
    before.close()


@pytest.mark.parametrize("table", ["projects", "repositories"])
def test_what_something_refers_to_can_not_be_removed_afterwards(before: Database, table: str) -> None:
    schema.bring_up_to_date(before)

    with pytest.raises(Exception, match=r"(?i)foreign key"), before.writing() as tx:
        tx.connection.execute(f"DELETE FROM {table}")
    before.close()


def test_the_step_can_be_taken_back_and_again(before: Database) -> None:
    columns = "account_id, id, slug, name, is_private, description, created_at, updated_at"
    schema.bring_up_to_date(before)
    back_to(before, "0009")
    with before.reading() as tx:
        kept = tx.connection.execute(f"SELECT {columns} FROM repositories ORDER BY slug").fetchall()
    tables = before.tables()

    assert [(str(row[1]), row[2], row[6], row[7]) for row in kept] == [
        (FIRST, "a", 7, 9),
        (SECOND, "b", 5, 9),
        (OTHER, "c", 3, 9),
    ]
    assert not {"projects", "project_privileges", "project_group_privileges"} & tables
    assert schema.bring_up_to_date(before)
    before.close()
