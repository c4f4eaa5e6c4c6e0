"""Search among 100,000 people of one account, on SQLite; part of `./dev bench pages`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from bench import running
from bench.report import row
from bench.running import QUICK
from onebucket import hashing
from onebucket.actions import accounts, groups, teams
from onebucket.cli import common
from onebucket.store import account_rows, group_rows, schema, tables
from onebucket.store.connect import connect
from onebucket.store.engine import timestamps
from onebucket.store.engine.statement import Statement

PEOPLE = 20_000 if QUICK else 100_000
TIMES = 10

# Of many, of one, of nobody.
_SEARCHES = ("number", "number+4711", "nobody+is+called+so")


def _fill(url: str, password: str) -> None:
    """Put everybody into a group of a team that alice administers; through the actions it would take minutes."""
    opened = connect(url)
    schema.bring_up_to_date(opened)
    ids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(PEOPLE)]
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email=None, password_hash=hashing.password_hash(password))
        teams.add(work, "crowd", administrator="alice")
        groups.create(work, "crowd", name="members")
        team = account_rows.named(tx, "crowd")
        assert team is not None
        group = group_rows.find(tx, team.id, "members")
        assert group is not None
        at = timestamps.to_number(datetime.now(UTC))
        alike = {"aaid": None, "nickname": None, "is_team": False, "is_active": True, "site_admin": False,
                 "password_hash": None, "created_at": at, "revision": 0, "stamp": None,
                 "has_second_factor": False}  # fmt: skip
        tx.run_many(
            Statement(insert(tables.accounts)),
            [
                {**alike, "id": id, "username": f"p{n}", "username_key": f"p{n}", "display_name": f"Number {n}"}
                for n, id in enumerate(ids)
            ],
        )
        of_member = {"account_id": team.id, "group_id": group.id, "added_at": at, "added_by": None, "ends_at": None}
        tx.run_many(Statement(insert(tables.memberships)), [{**of_member, "person_id": id} for id in ids])
    opened.close()


def measure(folder: Path, password: str, sign_in: Callable[[int], dict[str, str]]) -> None:
    """Measure the page of search."""
    url, at = f"sqlite:///{folder / 'crowd.db'}", running.port()
    _fill(url, password)
    with running.started("onebucket", "serve", "--port", str(at), "--database", url, at=at) as (process, _):
        cookie = sign_in(at)
        taken = [running.processor_ms(at, process.pid, f"/search?q={words}", cookie, TIMES) for words in _SEARCHES]
    told = ", ".join(f"{ms:.1f} ms" for ms in taken)
    row(f"search among {PEOPLE:,} people for what many, one and nobody are called: the server's processor time {told}",
        f"{max(taken):.0f} ms", "≤ 30 ms")  # fmt: skip
