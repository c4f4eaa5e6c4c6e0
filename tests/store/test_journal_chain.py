"""The journal's chain: whatever is done to an entry behind the server's back is found, and nothing else is."""

import json
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

import cast
import live
from commands import Command
from onebucket.actions import journal, teams
from onebucket.store import journal_chain, tables
from onebucket.store.engine.database import Database
from schema_steps import at_step

Tamper = Callable[[sqlite3.Connection, str], object]


def lines(told: str) -> dict[str, list[str]]:
    """What `--verify` prints: the faults by the account's name."""
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        if line.startswith(("whole", "WRONG")):
            faults = found[line.split()[-1]] = []
            whole = line.startswith("whole")
        else:
            assert not whole
            faults.append(line.strip())
    return found


@pytest.fixture
def tampered(command: Command, tmp_path: Path) -> Callable[[Tamper], list[str]]:
    """Does something behind the server's back; what is then wrong with acme's journal, and with no other."""

    def tamper(how: Tamper) -> list[str]:
        with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as connection:
            (acme,) = connection.execute("SELECT id FROM accounts WHERE username = 'acme'").fetchone()
            how(connection, acme)
        done = command("journal", "--verify")
        faults = lines(done.out)
        (wrong,) = (name for name in faults if faults[name])
        assert (wrong in ("acme", "unknown"), done.code, done.err) == (True, 1, "")
        return faults[wrong]

    return tamper


def sql(*statements: str) -> Tamper:
    def run(connection: sqlite3.Connection, acme: str) -> None:
        for statement in statements:
            connection.execute(statement, {"acme": acme})

    return run


OF_ACME = "account_id = :acme"
# What the cast has left in the journal of acme.
LAST = 16


def test_what_nobody_touched_is_whole(command: Command) -> None:
    done = command("journal", "--verify")

    assert (done.code, done.err) == (0, "")
    assert {name: faults for name, faults in lines(done.out).items() if faults} == {}
    assert set(lines(done.out)) == {*cast.PEOPLE, "acme", "globex"}


# -- tampering --------------------------------------------------------------------------------------

CHANGES = {
    "account": "'acne'",
    "at": "at + 1",
    "actor_id": "'00000000-0000-0000-0000-000000000000'",
    "actor": "'mallory'",
    "credential": "'password'",
    "address": "''",
    "event": "'group.deleted'",
    "subject": "subject || ' '",
    "before": "'{}'",
    "after": "replace(after, 'e', 'é')",
    "request_id": "NULLIF(1, 1) IS NULL",
    "hash": "replace(hash, substr(hash, 1, 1), 'x')",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_column_is_found(tampered: Callable[[Tamper], list[str]], column: str) -> None:
    faults = tampered(sql(f'UPDATE journal SET "{column}" = {CHANGES[column]} WHERE {OF_ACME} AND number = 5'))

    assert faults[0] == "entry 5 was changed or moved"


@pytest.mark.parametrize("value", ["x'ff'", "CAST(x'ff41' AS TEXT)", "''"])
def test_a_hash_that_is_none_is_found(tampered: Callable[[Tamper], list[str]], value: str) -> None:
    faults = tampered(sql(f"UPDATE journal SET hash = {value} WHERE {OF_ACME} AND number = {LAST}"))

    assert faults == [
        f"entry {LAST} was changed or moved",
        f"entry {LAST} is not the recorded last one",
    ]


def test_every_column_is_tried() -> None:
    assert {*CHANGES, "account_id", "number"} == {column.name for column in tables.journal.columns}


@pytest.mark.parametrize("value", ["CAST(actor AS BLOB)", "5.5", "x'ff00'", "CAST(x'ff41' AS TEXT)", "''"])
def test_a_value_of_another_kind_is_found(tampered: Callable[[Tamper], list[str]], value: str) -> None:
    faults = tampered(sql(f"UPDATE journal SET actor = {value} WHERE {OF_ACME} AND number = 5"))

    assert faults == ["entry 5 was changed or moved"]


@pytest.mark.parametrize(
    ("how", "told"),
    {
        "one in the middle removed": (
            sql(f"DELETE FROM journal WHERE {OF_ACME} AND number = 4"), ["entry 4 is missing"]
        ),
        "several removed": (
            sql(f"DELETE FROM journal WHERE {OF_ACME} AND number BETWEEN 2 AND 4"), ["entries 2 to 4 are missing"]
        ),
        "the first removed": (sql(f"DELETE FROM journal WHERE {OF_ACME} AND number = 1"), ["entry 1 is missing"]),
        "the last removed": (
            sql(f"DELETE FROM journal WHERE {OF_ACME} AND number = (SELECT max(number) FROM journal WHERE {OF_ACME})"),
            [f"entry {LAST} is missing"],
        ),
        "all removed": (sql(f"DELETE FROM journal WHERE {OF_ACME}"), [f"entries 1 to {LAST} are missing"]),
        "all removed, and what they ended with": (
            sql(f"DELETE FROM journal WHERE {OF_ACME}", f"DELETE FROM journal_heads WHERE {OF_ACME}"),
            ["its last entries were removed"],
        ),
        "what it ended with removed": (
            sql(f"DELETE FROM journal_heads WHERE {OF_ACME}"), ["its last entries were removed"]
        ),
        "what it ended with changed": (
            sql(f"UPDATE journal_heads SET hash = 'x' WHERE {OF_ACME}"), [f"entry {LAST} is not the recorded last one"]
        ),
        "the last removed, and the head set back without its hash": (
            sql(
                f"DELETE FROM journal WHERE {OF_ACME} AND number = {LAST}",
                f"UPDATE journal_heads SET number = {LAST - 1} WHERE {OF_ACME}",
            ),
            [f"entry {LAST - 1} is not the recorded last one"],
        ),
        "two swapped": (
            sql(
                f"UPDATE journal SET number = -1 WHERE {OF_ACME} AND number = 5",
                f"UPDATE journal SET number = 5 WHERE {OF_ACME} AND number = 6",
                f"UPDATE journal SET number = 6 WHERE {OF_ACME} AND number = -1",
            ),
            [f"entry {number} was changed or moved" for number in (5, 6, 7)],
        ),
        "a number taken away": (
            sql(f"UPDATE journal SET number = 'none' WHERE {OF_ACME} AND number = {LAST}"),
            ["an entry has no number", f"entry {LAST} is missing"],
        ),
    }.values(),
)  # fmt: skip
def test_what_is_missing_or_moved_is_found(
    tampered: Callable[[Tamper], list[str]], how: Tamper, told: list[str]
) -> None:
    assert tampered(how) == told


COPIED = (
    "INSERT INTO journal SELECT account_id, {}, account, at, actor_id, actor, credential, address, event, subject,"
    f' "before", "after", request_id, hash FROM journal WHERE {OF_ACME} AND number = {LAST}'
)


def test_one_put_in_at_the_end_the_beginning_or_in_between_is_found(
    tampered: Callable[[Tamper], list[str]],
) -> None:
    at_the_end = tampered(sql(COPIED.format(LAST + 1)))
    with_its_head = tampered(sql(f"UPDATE journal_heads SET number = {LAST + 1} WHERE {OF_ACME}"))
    before_all = tampered(sql(f"DELETE FROM journal WHERE {OF_ACME} AND number = {LAST + 1}", COPIED.format(0)))

    changed = "entry {} was changed or moved"
    assert at_the_end == [changed.format(LAST + 1), f"entries after {LAST} were not added by onebucket"]
    assert with_its_head[0] == changed.format(LAST + 1)
    assert before_all == [changed.format(0), changed.format(1), f"entry {LAST + 1} is missing"]


def test_one_of_another_account_is_found(tampered: Callable[[Tamper], list[str]]) -> None:
    faults = tampered(
        lambda connection, acme: (
            connection.execute(
                "UPDATE journal SET account_id = ? WHERE number = 1 AND account_id = (SELECT id FROM accounts"
                " WHERE username = 'acme')",
                ["00000000-0000-0000-0000-000000000000"],
            )
            and connection.execute("DELETE FROM journal WHERE account_id LIKE '0000%'")
        )
    )

    assert faults == ["entry 1 is missing"]


def test_of_many_faults_the_first_are_told_and_the_rest_counted(tampered: Callable[[Tamper], list[str]]) -> None:
    faults = tampered(sql(f"UPDATE journal SET actor = 'mallory' WHERE {OF_ACME}"))

    assert faults == [f"entry {n} was changed or moved" for n in range(1, 6)] + [f"and {LAST - 5} more"]


# -- what was kept elsewhere ------------------------------------------------------------------------


def rewrite(connection: sqlite3.Connection, acme: str) -> None:
    """What somebody who may write the file, and has read our source, can do: say that mallory did it all."""
    previous = acme
    rows = connection.execute("SELECT * FROM journal WHERE account_id = ? ORDER BY number", [acme]).fetchall()
    for row in rows:
        columns = [*row[:5], "mallory", *row[6:-1]]
        previous = journal_chain.chain_hash(previous, columns)
        connection.execute(
            "UPDATE journal SET actor = 'mallory', hash = ? WHERE account_id = ? AND number = ?",
            [previous, acme, row[1]],
        )
    connection.execute("UPDATE journal_heads SET hash = ? WHERE account_id = ?", [previous, acme])


def test_heads_kept_elsewhere_prove_that_the_journal_has_only_grown(command: Command, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text(command("journal", "--verify").out)
    command("repo", "add", "acme/grown")
    command("team", "add", "new", "--admin", "alice")

    grown = command("journal", "--verify", "--expect", "heads")
    with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as connection:
        rewrite(connection, connection.execute("SELECT id FROM accounts WHERE username = 'acme'").fetchone()[0])
    alone = command("journal", "--verify")
    compared = command("journal", "--verify", "--expect", "heads")

    assert (grown.code, alone.code, compared.code) == (0, 0, 1)
    faults = {name: told for name, told in lines(compared.out).items() if told}
    assert faults == {"acme": [f"entry {LAST} is not the one that was expected"]}


def test_an_end_cut_off_with_its_head_shows_beside_heads_kept_elsewhere(command: Command, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text(command("journal", "--verify").out)
    cut = sql(
        f"DELETE FROM journal WHERE {OF_ACME} AND number > 5",
        "UPDATE journal_heads SET number = 5, hash = (SELECT hash FROM journal"
        f" WHERE {OF_ACME} AND number = 5) WHERE {OF_ACME}",
    )

    with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as connection:
        cut(connection, connection.execute("SELECT id FROM accounts WHERE username = 'acme'").fetchone()[0])
    alone, compared = command("journal", "--verify"), command("journal", "--verify", "--expect", "heads")

    assert (alone.code, compared.code) == (0, 1)
    assert lines(compared.out)["acme"] == [f"it should have {LAST} entries or more"]


def test_a_backup_put_back_shows_as_entries_that_are_gone(command: Command, tmp_path: Path) -> None:
    command("backup", "early.db")
    command("repo", "add", "acme/later")
    command("team", "add", "later", "--admin", "alice")
    (tmp_path / "heads").write_text(command("journal", "--verify").out)

    command("restore", "early.db")
    compared = command("journal", "--verify", "--expect", "heads")
    one = command("journal", "--verify", "--expect", "heads", "--account", "acme", "--json")

    assert {name: told for name, told in lines(compared.out).items() if told} == {
        "acme": [f"it should have {LAST + 1} entries or more"],
        "unknown": ["its last entries were removed", "it should have 4 entries or more"],
    }
    assert (one.code, one.json["whole"], one.json["faults"]) == (
        1,
        False,
        [f"it should have {LAST + 1} entries or more"],
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--verify --expect none", "can't read none: No such file or directory"),
        ("--verify --expect onebucket.db", "can't read onebucket.db: it is not text"),
        ("--verify --expect other", "other, line 1: --verify prints no such line for an intact journal"),
        ("--expect other", "--expect needs --verify"),
        ("--verify --since 2d", "--verify starts at the beginning: leave out --since"),
        ("--verify --account nobody", "there is no account 'nobody'"),
    ],
)
def test_mistakes_in_asking(command: Command, tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / "other").write_text("WRONG  {…}  5  abc  acme\n")

    done = command("journal", *line.split())

    assert (done.code, done.out, done.err) == (1, "", f"onebucket: {sentence}\n")


def test_the_journal_of_a_deleted_team_is_still_chained(command: Command, tmp_path: Path) -> None:
    command("team", "add", "initech", "--admin", "bob")
    command("team", "delete", "initech", "--yes")

    whole = command("journal", "--verify", "--account", "initech")
    by_uuid = command("journal", "--verify", "--account", whole.out.split()[1])
    with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM journal WHERE event = 'team.deleted'")
    cut = command("journal", "--verify", "--account", "initech")

    assert (whole.code, lines(whole.out)) == (0, {"initech": []})
    assert by_uuid == whole
    assert (cut.code, lines(cut.out)) == (1, {"initech": ["entry 5 is missing"]})


# -- the hash ---------------------------------------------------------------------------------------

VALUES = st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(st.characters(exclude_categories=["Cs"]))


def in_pythons_own_words(previous: str, columns: list[object]) -> str:
    listed = json.dumps([previous, *columns], ensure_ascii=False, separators=(",", ":"))
    return sha256(listed.encode()).hexdigest()


@given(st.lists(VALUES))
def test_anybody_can_compute_a_hash_with_nothing_of_ours(columns: list[str | int | None]) -> None:
    assert journal_chain.chain_hash("before", columns) == in_pythons_own_words("before", [*columns])


@pytest.mark.subprocess
def test_an_export_can_be_verified_with_nothing_of_ours(command: Command) -> None:
    entries = [json.loads(line) for line in command("journal", "--json", "--account", "acme").out.splitlines()]

    def compact(facts: object) -> str | None:
        return None if facts is None else json.dumps(facts, ensure_ascii=False, separators=(",", ":"))

    previous = entries[0]["account_uuid"].strip("{}")
    for entry in entries:
        seconds, _, micros = entry["at"].removesuffix("Z").partition(".")
        at = subprocess.check_output(["date", "-u", "-d", f"{seconds}Z", "+%s"], text=True).strip() + micros
        columns = [entry["account_uuid"].strip("{}"), entry["number"], entry["account"], int(at)]
        columns += [entry["actor_uuid"] and entry["actor_uuid"].strip("{}")]
        columns += [entry[name] for name in ("actor", "credential", "address", "event", "subject")]
        columns += [compact(entry["before"]), compact(entry["after"]), entry["request_id"]]
        previous = in_pythons_own_words(previous, columns)
        assert previous == entry["hash"]
    assert len(entries) == LAST


# -- many at once -----------------------------------------------------------------------------------


WRITING = """
import sys, uuid
from datetime import UTC, datetime
from onebucket.actions import groups
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.store.connect import connect
db = connect(sys.argv[1])
for number in range(100):
    with db.writing() as tx:
        work = UnitOfWork(OPERATOR, tx, datetime.now(UTC), "test", lambda: str(uuid.uuid4()))
        groups.create(work, "acme", name=f"{sys.argv[2]} {number}")
db.close()
"""


@pytest.mark.subprocess
def test_two_processes_that_write_at_once_keep_it_whole(command: Command, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'onebucket.db'}"
    line = [sys.executable, "-P", "-c", WRITING, url]
    writers = [subprocess.Popen([*line, slug], env=live.environment()) for slug in ("one", "two")]
    ended = [writer.wait(120) for writer in writers]

    done = command("journal", "--verify", "--account", "acme")

    assert ended == [0, 0]
    assert (done.code, lines(done.out)) == (0, {"acme": []})
    assert int(done.out.split()[2]) == LAST + 200


def test_a_long_journal_is_not_held_in_memory(db: Database) -> None:
    with db.writing() as tx:
        teams.add(cast.operator(tx), "acme", first_groups=False)
    with db.writing() as tx:
        (row,) = tx.connection.execute("SELECT * FROM journal").fetchall()
        previous, rows = row[-1], []
        for number in range(2, 20_001):
            columns = [row[0], number, *row[2:-1]]
            previous = journal_chain.chain_hash(previous, columns)
            rows.append([*columns, previous])
        tx.connection.executemany(f"INSERT INTO journal VALUES ({', '.join('?' * 14)})", rows)
        tx.connection.execute("UPDATE journal_heads SET number = 20000, hash = ?", [previous])

    tracemalloc.start()
    with db.reading() as tx:
        (verified,) = journal.verify(cast.operator(tx))
        count = sum(1 for _ in journal.entries(cast.operator(tx)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (verified.faults, verified.head.number, count) == ([], 20_000, 20_000)
    assert peak < 1 << 20


# -- a journal that is older than the chain ---------------------------------------------------------


def test_a_journal_from_before_the_chain_is_chained(command: Command, tmp_path: Path) -> None:
    command("team", "add", "initech", "--admin", "bob", "--display-name", "Initech “é” \\ / \t")
    command("team", "delete", "initech", "--yes")
    before = command("journal", "--json").out
    (tmp_path / "heads").write_text(command("journal", "--verify").out)
    old = at_step(f"sqlite:///{tmp_path / 'old.db'}", "0001")
    copy_back(old, tmp_path / "onebucket.db")
    old.close()

    done = command("journal", "--verify", "--expect", "heads", "--database", f"sqlite:///{tmp_path / 'old.db'}")

    assert (done.code, {name for name, faults in lines(done.out).items() if faults}) == (0, set())
    assert command("journal", "--json", "--database", f"sqlite:///{tmp_path / 'old.db'}").out == before
    assert difference_to_tables(tmp_path / "old.db") == []


def copy_back(old: Database, new: Path) -> None:
    """Fill a database of the first step with what is in a new one, as it would have been written then."""
    connection = old.connect()
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("ATTACH ? AS new", [str(new)])
    connection.execute("BEGIN")
    for (table,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        columns = [f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({table})")]
        given = ["0" if column == '"journal_length"' else column for column in columns]
        if table != "alembic_version":
            connection.execute(
                f"INSERT INTO main.{table} ({', '.join(columns)}) SELECT {', '.join(given)} FROM new.{table}"
            )
    connection.execute(
        "UPDATE main.accounts SET journal_length = (SELECT count(*) FROM main.journal WHERE account_id = accounts.id)"
    )
    connection.execute("COMMIT")
    connection.execute("DETACH new")


def difference_to_tables(path: Path) -> list[object]:
    """What Alembic finds that a database and `tables.py` don't have in common."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found: list[object] = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    engine.dispose()
    return found
