"""SQLite and PostgreSQL send the same responses, byte for byte, and hold the same data afterwards.

Here are the permission matrix and the pages; tests marked `runs_on("both", ...)` check the same for single requests.
"""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

import both_databases
import cast
import sizes
from both_databases import NewDatabase, SameData
from browsing import Visitor
from cast import Api
from onebucket.actions import accounts, journal
from onebucket.store import invitation_rows, schema
from pg import Postgres
from schema_steps import at_step
from tests.surfaces import test_permissions
from tests.surfaces.test_permissions import PEOPLE, ROWS
from tests.surfaces.web import test_web_permissions

# -- the matrix of permissions, in every format ------------------------------------------------------


# Each row in every format at the long size; at the quick one, each in the next.
FORMATS = sizes.either(quick=(("json",), ("yaml",), ("xml",)), long=(("json", "yaml", "xml"),))


@pytest.fixture(scope="module")
def matrix_data(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SameData]:
    def prepare(new: NewDatabase) -> None:
        new.operate(test_permissions._set)

    with both_databases.same_data(postgres, tmp_path_factory.mktemp("matrix"), prepare) as data:
        yield data


@pytest.mark.parametrize("who", sizes.either(quick=("bob", "root"), long=PEOPLE))
def test_every_address_answers_everybody_alike_in_every_format(matrix_data: SameData, tmp_path: Path, who: str) -> None:
    with matrix_data.serving(tmp_path) as api:
        before = api.everything()
        for row, formats in zip(ROWS, cycle(FORMATS), strict=False):
            for format in formats if row.method == "GET" else ("json",):
                mark = "&" if "?" in row.address else "?"
                status = api(who, row.method, f"{row.address}{mark}format={format}", content=row.body).status_code
                if row.changes and status < 300:
                    assert api.everything() != before
                    matrix_data.reset(api)


# -- every page --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page_data(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SameData, dict[str, str]]]:
    names: list[dict[str, str]] = []

    def prepare(new: NewDatabase) -> None:
        names.append(test_web_permissions._links(new))

    with both_databases.same_data(postgres, tmp_path_factory.mktemp("pages"), prepare) as data:
        assert names[0] == names[1]
        yield data, names[0]


@pytest.mark.parametrize("who", sizes.either(quick=("bob", "root"), long=test_web_permissions.PEOPLE))
def test_every_page_answers_everybody_alike(
    page_data: tuple[SameData, dict[str, str]], tmp_path: Path, who: str
) -> None:
    data, names = page_data
    with data.serving(tmp_path) as api:
        for row in test_web_permissions.ROWS:
            # The secrets of consumers, and what they ask for, come from elsewhere than the server's other secrets.
            if any(each in row.address for each in ("/demo/", "oauth", "/consumers")):
                continue

            def page(api: Api, row: Any = row) -> tuple[int, Any, bytes]:
                with Visitor(api, None if who == "nobody" else who) as visitor:
                    given = test_web_permissions.answered(visitor, row, names)
                    return given.status_code, given.headers.raw, given.content

            first, second = api.in_turn(page)
            assert first == second
            if row.method == "POST":
                api.compare()
                data.reset(api)


# -- the steps of the schema -------------------------------------------------------------------------


def test_a_journal_from_before_the_chain_becomes_the_same_chain(postgres: Postgres, tmp_path: Path) -> None:
    ids = [f"{letter * 8}-0000-4000-8000-000000000001" for letter in "ba"]
    rows = [
        f"('{id}', {number}, 'acmé “x”', {number}, NULL, 'operator', 'operator', NULL, 'team.added', 's', NULL,"
        f""" '{{"é": {number}}}', 'r')"""
        for id in ids
        for number in range(1, 1200)
    ]
    heads, faults = [], []
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.url(postgres.create())):
        db = at_step(url, "0002")
        with db.writing() as tx:
            tx.connection.execute(f"INSERT INTO journal VALUES {', '.join(rows)}")
        schema.bring_up_to_date(db)
        with db.reading() as tx:
            chains = list(journal.verify(cast.operator(tx)))
        heads.append([(each.account_id, each.head) for each in chains])
        faults += [each.faults for each in chains]
        assert db.check() == ""
        db.close()

    assert faults == [[]] * 4
    assert heads[0] == heads[1] and [head.number for _, head in heads[0]] == [1199, 1199]


def test_invitations_from_before_their_index_are_found_by_it(postgres: Postgres, tmp_path: Path) -> None:
    team, group_one, repository = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abc")
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.url(postgres.create())):
        db = at_step(url, "0007")
        with db.writing() as tx:
            for statement in (
                "INSERT INTO accounts (id, username, username_key, display_name, is_team, is_active, site_admin,"
                f" created_at, revision) VALUES ('{team}', 'acme', 'acme', '', true, true, false, 0, 1)",
                f"INSERT INTO repositories VALUES ('{team}', '{repository}', 'rocket', 'Rocket', true, '', 0, 0)",
                "INSERT INTO invitations (account_id, id, email, email_key, repository_id, permission, invited_by,"
                f" sent_at, expires_at) VALUES ('{team}', '{group_one}', 'g@x', 'g@x', NULL, NULL, '{team}', 0, 9),"
                f" ('{team}', '{repository}', 'r@x', 'r@x', '{repository}', 2, '{team}', 0, 9)",
            ):
                tx.connection.execute(statement)
        schema.bring_up_to_date(db)
        with db.reading() as tx:
            assert [each.email for each in invitation_rows.to_groups(tx, team)] == ["g@x"]
            assert [each.email for each in invitation_rows.to_repository(tx, team, repository)] == ["r@x"]
            catalogue = "sqlite_master WHERE name" if url.startswith("sqlite") else "pg_indexes WHERE indexname"
            found = tx.connection.execute(f"SELECT count(*) FROM {catalogue} = 'ix_invitations_repository'").fetchone()
        assert (tuple(found), db.check()) == ((1,), "")
        db.close()


def test_accounts_from_before_there_were_stamps_have_one_each(postgres: Postgres, tmp_path: Path) -> None:
    stamps = []
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.url(postgres.create())):
        db = at_step(url, "0005")
        with db.writing() as tx:
            for number in range(3):
                id = f"aaaaaaaa-0000-4000-8000-00000000000{number}"
                tx.connection.execute(
                    "INSERT INTO accounts (id, username, username_key, display_name, is_team, is_active, site_admin,"
                    f" created_at, revision) VALUES ('{id}', 'a{number}', 'a{number}', '', false, true, false, 0, 7)"
                )
            tx.connection.execute("INSERT INTO site (name, value) VALUES ('directory', '12')")
        schema.bring_up_to_date(db)
        with db.writing() as tx:
            stamps += [row[0] for row in tx.connection.execute("SELECT stamp FROM accounts")]
            stamps += [row[0] for row in tx.connection.execute("SELECT value FROM site WHERE name = 'directory'")]
            accounts.set_active(cast.operator(tx), "a1", False)
        with db.reading() as tx:
            [revision] = [*tx.connection.execute("SELECT revision FROM accounts WHERE username = 'a1'")]
        assert revision[0] > 7
        db.close()

    assert len({*stamps}) == len(stamps) == 8
    assert None not in stamps and "12" not in stamps
