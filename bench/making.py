"""The database of most benchmarks: one account as large as a real one, one with small and large groups, and alice."""

import subprocess
import sys
import time
from pathlib import Path

from bench.running import PASSWORD, SECRET
from onebucket import hashing
from onebucket.actions import accounts, groups, privileges, repositories, teams, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.domain.privileges import Level
from onebucket.store import schema
from onebucket.store.connect import connect

ORGANISATIONS = Path(__file__).parents[2] / "shared" / "data" / "kubernetes-org"
PEOPLE = 10_000


def make(url: str, people: int = PEOPLE) -> float | None:
    """Fill a database: `kubernetes` with 284 groups; `acme` with a group of 10, one of all people and one to change.

    The account `another` has a group to change, too. Return the seconds that importing `kubernetes` took, or None if
    its files aren't there and it was generated instead.
    """
    taken = None
    if (ORGANISATIONS / "kubernetes").is_dir():
        command = ["import", "peribolos", str(ORGANISATIONS / "kubernetes"), "--database", url]
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "onebucket", *command], check=True, capture_output=True)
        taken = time.perf_counter() - begun
    opened = connect(url)
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email="alice@example.com", password_hash=hashing.password_hash(PASSWORD))
        scopes = frozenset({"account:write", "repository:admin"})
        tokens.add(work, "alice", secret_hash=hashing.secret_hash(SECRET), scopes=scopes)
        accounts.change_user(work, "alice", site_admin=True)
        teams.add(work, "acme", administrator="alice")
        for name in ("Ten", "Big", "Changing"):
            groups.create(work, "acme", name=name)
        for number in range(people):
            accounts.add_user(work, f"person-{number}", email=f"person-{number}@example.com")
            groups.add_member(work, "acme", "big", f"person-{number}")
            if number < 10:
                groups.add_member(work, "acme", "ten", f"person-{number}")
        teams.add(work, "another", administrator="alice")
        groups.create(work, "another", name="Changing")
        accounts.add_user(work, "newcomer", email="newcomer@example.com")
        repositories.add(work, "acme", "rocket", name="Rocket")
        privileges.set_for_group(work, "acme", "rocket", "ten", Level.WRITE)
        if "kubernetes" not in accounts.list_owners(work):
            _make_up_kubernetes(work)
    if url.startswith("postgresql:"):
        # Autovacuum would do this after a while.
        opened.connect().execute("ANALYZE")
    opened.close()
    return taken


def _make_up_kubernetes(work: UnitOfWork) -> None:
    """Generate as many groups and memberships as the real organisation has."""
    teams.add(work, "kubernetes", administrator="alice")
    for number in range(284):
        groups.create(work, "kubernetes", name=f"team {number}")
    for number in range(1690):
        groups.add_member(work, "kubernetes", f"team-{number % 284}", f"person-{number * 7 % 1276}")
