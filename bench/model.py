"""A model of a site with ten million people: how many rows each table has, and a sample of them to weigh."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onebucket.store.tables import metadata

PEOPLE, TEAMS, REPOSITORIES = 10_000_000, 1_000_000, 30_000_000
CHANGES_A_DAY = 1_000_000
PART = 1000


@dataclass(frozen=True)
class Rows:
    """The number of rows of one table in the model, with the assumption behind it."""

    table: str
    number: int
    because: str


ALL = (
    Rows("accounts", PEOPLE + TEAMS, "a row for each person and each team"),
    Rows("emails", 11 * PEOPLE // 10, "one person in ten has two"),
    Rows("tokens", PEOPLE // 2, "half of the people have an app password"),
    Rows("ssh_keys", PEOPLE // 2, "half of the people have an SSH key"),
    Rows("second_factors", PEOPLE // 5, "one person in ten has an authenticator app and a passkey"),
    Rows("recovery_codes", PEOPLE, "ten for each of these"),
    Rows("sessions", PEOPLE // 5, "one in five has signed in with a browser"),
    Rows("identities", PEOPLE // 2, "half of the people sign in with a provider"),
    Rows("consumers", TEAMS // 10, "an OAuth app for one team in ten"),
    Rows("issued", PEOPLE // 10, "one person in ten has authorized an app"),
    Rows("webhooks", TEAMS // 10, "one for one team in ten"),
    Rows("webhook_deliveries", 14 * CHANGES_A_DAY // 10, "14 days of one change in ten"),
    Rows("directories", TEAMS // 10, "one for one team in ten"),
    Rows("directory_keys", TEAMS // 10, "one for each of these"),
    Rows("directory_people", PEOPLE // 10, "one person in ten comes from one"),
    Rows("directory_leavers", PEOPLE // 100, "one of these in ten has left it"),
    Rows("groups", 5 * TEAMS, "5 for each team"),
    Rows("memberships", 3 * PEOPLE, "3 for each person"),
    Rows("projects", 3 * TEAMS, "3 for each team"),
    Rows("project_group_privileges", 6 * TEAMS, "2 for each project"),
    Rows("project_privileges", 3 * TEAMS // 5, "on one project in five"),
    Rows("repositories", REPOSITORIES, "30 for each team"),
    Rows("group_privileges", 2 * REPOSITORIES, "2 for each repository"),
    Rows("privileges", REPOSITORIES // 5, "on one repository in five"),
    Rows("mirror_permissions", 20 * REPOSITORIES // 10, "one repository in ten is mirrored, for 20 people each"),
    Rows("mirrors", TEAMS // 10, "one team in ten has a mirror"),
    Rows("mirror_drift", 5 * TEAMS // 10, "5 differences for each mirror"),
    Rows("mirror_settings", 2 * TEAMS // 10, "2 for each mirror are set on its page"),
    Rows("access_reviews", 4 * TEAMS, "each team looks at its access every three months"),
    Rows("access_reviewers", 8 * TEAMS, "2 for each of these"),
    Rows("access_review_rows", 12 * PEOPLE, "what each person has, in each of these"),
    Rows("invitations", PEOPLE // 100, "one for a hundred people"),
    Rows("invitation_groups", PEOPLE // 100, "one for each of these"),
    Rows("access_requests", PEOPLE // 10, "one for ten people"),
    Rows("letters", 3 * PEOPLE // 100, "a month of them"),
    Rows("links", PEOPLE // 100, "one for a hundred people"),
    Rows("journal", 365 * CHANGES_A_DAY, "a year of a million changes a day"),
    Rows("journal_heads", PEOPLE + TEAMS, "one for each account"),
)


def fill(connection: Any) -> None:
    """Fill every table on PostgreSQL with a thousandth of its rows, with random ids and texts of realistic length.

    References between rows are random: the size of a row doesn't depend on them. Foreign keys are switched off.
    """
    seed = random.Random(1)

    def id() -> str:
        return str(uuid.UUID(int=seed.getrandbits(128), version=4))

    accounts = [id() for _ in range(1000)]
    connection.execute("SET session_replication_role = replica")
    for rows in ALL:
        # More than 60,000 rows give the same average; fewer than 5,000 are too few, since sizes come in whole pages.
        number = max(min(rows.number // PART, 60_000), 5000)
        columns = list(metadata.tables[rows.table].c)
        names = ", ".join(f'"{column.name}"' for column in columns)
        with connection.cursor().copy(f"COPY {rows.table} ({names}) FROM STDIN") as copy:
            for n in range(number):
                copy.write_row([_value(rows.table, column.name, n, id, accounts, seed) for column in columns])
    connection.execute("SET session_replication_role = origin")
    connection.execute("VACUUM ANALYZE")


def _value(table: str, name: str, n: int, id: Callable[[], str], accounts: list[str], seed: random.Random) -> Any:
    """Return a value of the length that is typical for a column."""
    if name == "account_id" and table != "journal_heads":
        return seed.choice(accounts)
    if name.endswith("_hash") or name == "hash":
        return (
            f"$argon2id$v=19$m=65536,t=3,p=4${'s' * 22}${n:043}"
            if name == "password_hash"
            else f"{seed.getrandbits(256):064x}"
        )
    if name.endswith(("_by", "_id")) or name in ("id", "about"):
        return id()
    if name.endswith("_at") or name == "at":
        return 1_795_000_000_000_000 + n
    if table == "identities" and name == "subject":
        return f"{n:036}"
    if table == "ssh_keys" and name == "key":
        return f"ssh-ed25519 {n:068}"
    return _WORDS[name](n)


_WORDS: dict[str, Callable[[int], Any]] = {
    "title": lambda n: f"Who has access, spring {n % 1000}",
    "scope": lambda n: "account",
    "covers": lambda n: "",
    "reviewers": lambda n: "people",
    "ends_unanswered": lambda n: False,
    "is_cancelled": lambda n: False,
    "place": lambda n: "developers",
    "since": lambda n: 1_795_000_000_000_000 + n,
    "until": lambda n: None,
    "answer": lambda n: "kept",
    "note": lambda n: "still in the team",
    "mirror": lambda n: "cloud",
    "value": lambda n: '["repository-*", "site-*"]',
    "repository": lambda n: f"repository-{n:05}",
    "person": lambda n: f"70121:{n:032x}",
    "person_name": lambda n: f"person-{n:07}",
    "workspace": lambda n: f"workspace-{n:05}",
    "api": lambda n: "https://api.bitbucket.org",
    "can_change": lambda n: True,
    "outcome": lambda n: "running",
    "error": lambda n: None,
    "failing_since": lambda n: None,
    "allowed_removals": lambda n: None,
    "holder": lambda n: "serve on web-1 (process 1234, 01234567)",
    "held_until": lambda n: 1_795_000_000_000_000 + n,
    "differences": lambda n: 2,
    "removals": lambda n: 1,
    "foreign_count": lambda n: 2,
    "inherited": lambda n: 1,
    "strangers": lambda n: 0,
    "compared": lambda n: 1000,
    "carried": lambda n: 1000,
    "requests": lambda n: 100_000,
    "throttled": lambda n: 10,
    "here": lambda n: 2,
    "there": lambda n: 1,
    "target": lambda n: 2,
    "refused": lambda n: "",
    "url": lambda n: f"https://hooks.example.com/onebucket?team={n:05}",
    "events": lambda n: "member.added member.removed",
    "position": lambda n: n,
    "last_number": lambda n: n,
    "old_secret_until": lambda n: None,
    "body": lambda n: f"{n:0700}",
    "entry_number": lambda n: n,
    "leased_until": lambda n: None,
    "status": lambda n: 200,
    "milliseconds": lambda n: 120,
    "username": lambda n: f"person-{n:07}",
    "username_key": lambda n: f"model-person-{n:07}",
    "display_name": lambda n: f"Person Number {n}",
    "aaid": lambda n: f"70121:{n:032x}",
    "nickname": lambda n: None,
    "is_team": lambda n: False,
    "is_active": lambda n: True,
    "site_admin": lambda n: False,
    "revision": lambda n: n % 100,
    "email": lambda n: f"model-{n:07}@example.com",
    "email_key": lambda n: f"model-{n:07}@example.com",
    "is_primary": lambda n: True,
    "label": lambda n: "continuous integration",
    "scopes": lambda n: "account repository:write",
    "last_used_from": lambda n: "192.0.2.123",
    "address": lambda n: "192.0.2.123",
    "issuer": lambda n: "https://login.example.com/realms/corp",
    "shown": lambda n: f"model-{n:07}@example.com",
    "provider": lambda n: "keycloak",
    "provider_session": lambda n: f"{n:036}",
    "kept_by_sign_in": lambda n: None,
    "agent": lambda n: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "domains": lambda n: "corp.example",
    "adopts_groups": lambda n: False,
    "user_name": lambda n: f"Model-{n:07}@example.com",
    "user_name_key": lambda n: f"model-{n:07}@example.com",
    "external_id": lambda n: None,
    "is_brought": lambda n: True,
    "is_held": lambda n: False,
    "profile": lambda n: f'{{"displayName":"Person Number {n}","name":{{"familyName":"Number","givenName":"Person"}}}}',
    "name": lambda n: f"Group or Repository {n}",
    "slug": lambda n: f"group-or-repository-{n}",
    "permission": lambda n: 2,
    "auto_add": lambda n: False,
    "email_forwarding_disabled": lambda n: False,
    "account_privilege": lambda n: "admin" if n % 5 == 0 else None,
    "is_private": lambda n: True,
    "description": lambda n: "What it is for, in a sentence.",
    "fork_policy": lambda n: "allow_forks",
    "language": lambda n: "python",
    "has_issues": lambda n: False,
    "has_wiki": lambda n: False,
    "has_inherited_merge_strategy": lambda n: True,
    "has_inherited_branching_model": lambda n: True,
    "mainbranch": lambda n: "main",
    "level": lambda n: 2,
    "kind": lambda n: "invitation",
    "attempts": lambda n: 1,
    "trouble": lambda n: None,
    "fingerprint": lambda n: f"SHA256:{n:043}",
    "comment": lambda n: "person@laptop.example.com",
    "key": lambda n: f"{n:022}",
    "callback": lambda n: "https://tool.example.com/callback",
    "is_public": lambda n: False,
    "acts_as": lambda n: None,
    "redirect": lambda n: None,
    "challenge": lambda n: None,
    "purpose": lambda n: "password",
    "number": lambda n: n + 1,
    "account": lambda n: "some-team",
    "actor": lambda n: f"person-{n:07}",
    "credential": lambda n: "token:0f8fad5b-d9cb-469f-a165-70867728950e",
    "event": lambda n: "member.added",
    "subject": lambda n: "some-team/developers",
    "before": lambda n: None,
    "after": lambda n: f'{{"member":"person-{n:07}"}}',
    "request_id": lambda n: f"d8a34109b5d6-{n}",
}


def weights(connection: Any) -> dict[str, float]:
    """Return the bytes a row of each table takes, including its share of the indexes."""
    weighed = {}
    for rows in ALL:
        # Sizes from PostgreSQL's catalogue, in whole pages.
        size = connection.execute("SELECT pg_total_relation_size(%s::regclass)", (rows.table,)).fetchone()[0]
        number = connection.execute(f"SELECT count(*) FROM {rows.table}").fetchone()[0]
        weighed[rows.table] = size / max(number, 1)
    return weighed
