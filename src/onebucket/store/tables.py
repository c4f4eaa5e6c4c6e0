"""The schema. The key of every account's table begins with `account_id`, so that accounts can be sharded.

Timestamps are whole microseconds since 1970 in UTC. Levels are small numbers: 0 none, 1 read, 2 write, 3 admin; on
projects 3 create-repo, 4 admin. Ids are UUIDs in lower case with hyphens. Both databases return these as they were
stored, without conversion.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    true,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Id = Uuid(as_uuid=False).with_variant(Text(), "sqlite")
Moment = BigInteger


def _of_account() -> Column[Any]:
    return Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True)


def _part_of(table: str, column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"])


def _where(condition: str) -> dict[str, str]:
    """Return the condition of a partial index.

    SQLAlchemy's own `sqlite_where` and `postgresql_where` would import both dialects.
    """
    return {"where": condition}


def _of_ends(table: str) -> Index:
    """Index the rows of a table that end, by their end: the next one is looked up after each commit."""
    return Index(f"ix_{table}_ends_at", "ends_at", info=_where("ends_at IS NOT NULL"))


# `revision` and `stamp` change with everything that an account has (`store/engine/state_stamps.py`).
accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_key", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("aaid", Text, unique=True),
    Column("nickname", Text),
    Column("is_team", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("site_admin", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("created_at", Moment, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("stamp", Text),
    Column("has_second_factor", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

emails = Table(
    "emails",
    metadata,
    _of_account(),
    Column("email_key", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("is_primary", Boolean, nullable=False),
    Column("validated_at", Moment),
    UniqueConstraint("email_key"),
    sqlite_with_rowid=False,
)

# App passwords. `made_with` is the credential that one was created with, as the audit log names it; NULL if it was the
# account's password.
tokens = Table(
    "tokens",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("label", Text, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("last_used_from", Text),
    Column("made_with", Text),
    sqlite_with_rowid=False,
)

# `key` is one line without its comment; `fingerprint` is unique, because a key belongs to one user.
ssh_keys = Table(
    "ssh_keys",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("comment", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    sqlite_with_rowid=False,
)

# What a mirror has set at a code host: only this may it take away there. `kind` is a `GrantKind`; for a project,
# `repository` is its key. `person` is the host's id of a user, or a group's slug.
mirror_permissions = Table(
    "mirror_permissions",
    metadata,
    _of_account(),
    Column("mirror", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Column("set_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

# What pages have set for a mirror, in place of `onebucket.toml`; `value` is JSON, `set_by` a name as in the journal.
mirror_settings = Table(
    "mirror_settings",
    metadata,
    _of_account(),
    Column("mirror", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

# How an account's mirrors are doing. `holder` is the process that follows one, until `held_until`.
mirrors = Table(
    "mirrors",
    metadata,
    _of_account(),
    Column("name", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("api", Text, nullable=False),
    Column("can_change", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("paused_at", Moment),
    Column("paused_by", Text, nullable=False),
    Column("resumed_at", Moment),
    Column("allowed_removals", BigInteger),
    Column("last_run_at", Moment),
    Column("last_compared_at", Moment),
    Column("revision", BigInteger),
    Column("error", Text),
    Column("failed_at", Moment),
    Column("failing_since", Moment),
    Column("next_attempt_at", Moment),
    Column("differences", BigInteger, nullable=False),
    Column("removals", BigInteger, nullable=False),
    Column("foreign_count", BigInteger, nullable=False),
    Column("inherited", BigInteger, nullable=False),
    Column("strangers", BigInteger, nullable=False),
    Column("compared", BigInteger, nullable=False),
    Column("carried", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("throttled", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("held_until", Moment),
    sqlite_with_rowid=False,
)

# What the last comparison of a mirror found, up to a limit for each kind.
mirror_drift = Table(
    "mirror_drift",
    metadata,
    _of_account(),
    Column("mirror", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("person_name", Text, nullable=False),
    Column("here", SmallInteger, nullable=False),
    Column("there", SmallInteger, nullable=False),
    Column("target", SmallInteger, nullable=False),
    Column("refused", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Webhooks. Secrets are derived from `secret_id`, and from `old_secret_id` until `old_secret_until`. `position` is the
# number of the last journal entry that deliveries were made of, `last_number` that of the last delivery.
webhooks = Table(
    "webhooks",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("label", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("secret_id", Id, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column("old_secret_id", Id),
    Column("old_secret_until", Moment),
    Column("failing_since", Moment),
    Column("trouble", Text),
    sqlite_with_rowid=False,
)

# What webhooks send, with the response to the last attempt. `leased_until` is set while a worker sends it.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    _of_account(),
    Column("webhook_id", Id, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("id", Id, nullable=False),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("entry_number", BigInteger),
    Column("due_at", Moment),
    Column("leased_until", Moment),
    Column("attempts", BigInteger, nullable=False),
    Column("tried_at", Moment),
    Column("delivered_at", Moment),
    Column("status", BigInteger),
    Column("answer", Text),
    Column("error", Text),
    Column("milliseconds", BigInteger),
    _part_of("webhooks", "webhook_id"),
    Index("ix_webhook_deliveries_created_at", "created_at"),
    Index("ix_webhook_deliveries_due", "account_id", "webhook_id", "number", info=_where("due_at IS NOT NULL")),
    sqlite_with_rowid=False,
)

# `directory_id` is the directory that keeps the group, `directory_changed_at` when that last changed something of it.
# `kept_by_sign_in` is the name of the provider whose sign-ins add and remove members.
groups = Table(
    "groups",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("permission", SmallInteger),
    Column("auto_add", Boolean, nullable=False),
    Column("email_forwarding_disabled", Boolean, nullable=False),
    Column("account_privilege", Text),
    Column("created_at", Moment, nullable=False),
    Column("directory_id", Id),
    Column("external_id", Text),
    Column("directory_changed_at", Moment),
    Column("kept_by_sign_in", Text),
    UniqueConstraint("account_id", "slug"),
    Index(
        "ix_groups_directory",
        "account_id",
        "directory_id",
        "created_at",
        "id",
        info=_where("directory_id IS NOT NULL"),
    ),
    Index(
        "ix_groups_external_id",
        "account_id",
        "directory_id",
        "external_id",
        "created_at",
        "id",
        info=_where("external_id IS NOT NULL"),
    ),
    Index(
        "ix_groups_account_privilege",
        "account_id",
        "account_privilege",
        info=_where("account_privilege IS NOT NULL"),
    ),
    Index("ix_groups_kept_by_sign_in", "kept_by_sign_in", info=_where("kept_by_sign_in IS NOT NULL")),
    sqlite_with_rowid=False,
)

# In this table and the ones like it, `ends_at` is when access ends: rows are deleted then (`actions/ends.py`).
memberships = Table(
    "memberships",
    metadata,
    _of_account(),
    Column("group_id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("added_at", Moment, nullable=False),
    Column("added_by", Id),
    Column("ends_at", Moment),
    _part_of("groups", "group_id"),
    Index("ix_memberships_person", "person_id", "account_id", "group_id"),
    Index("ix_memberships_people", "account_id", "person_id", "group_id"),
    _of_ends("memberships"),
    sqlite_with_rowid=False,
)

projects = Table(
    "projects",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("is_private", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("account_id", "key"),
    sqlite_with_rowid=False,
)

project_group_privileges = Table(
    "project_group_privileges",
    metadata,
    _of_account(),
    Column("project_id", Id, primary_key=True),
    Column("group_id", Id, primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("granted_by", Id),
    Column("ends_at", Moment),
    _part_of("projects", "project_id"),
    _part_of("groups", "group_id"),
    Index("ix_project_group_privileges_group", "account_id", "group_id", "project_id"),
    _of_ends("project_group_privileges"),
    sqlite_with_rowid=False,
)

project_privileges = Table(
    "project_privileges",
    metadata,
    _of_account(),
    Column("project_id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("granted_by", Id),
    Column("ends_at", Moment),
    _part_of("projects", "project_id"),
    Index("ix_project_privileges_person", "person_id", "account_id", "project_id"),
    _of_ends("project_privileges"),
    sqlite_with_rowid=False,
)

repositories = Table(
    "repositories",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_private", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("project_id", Id, nullable=False),
    Column("fork_policy", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("has_issues", Boolean, nullable=False),
    Column("has_wiki", Boolean, nullable=False),
    Column("mainbranch", Text, nullable=False),
    Column("has_inherited_merge_strategy", Boolean, nullable=False, server_default=true()),
    Column("has_inherited_branching_model", Boolean, nullable=False, server_default=true()),
    _part_of("projects", "project_id"),
    UniqueConstraint("account_id", "slug"),
    Index("ix_repositories_project", "account_id", "project_id"),
    sqlite_with_rowid=False,
)

group_privileges = Table(
    "group_privileges",
    metadata,
    _of_account(),
    Column("repository_id", Id, primary_key=True),
    Column("group_id", Id, primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("granted_by", Id),
    Column("ends_at", Moment),
    _part_of("repositories", "repository_id"),
    _part_of("groups", "group_id"),
    Index("ix_group_privileges_group", "account_id", "group_id", "repository_id"),
    _of_ends("group_privileges"),
    sqlite_with_rowid=False,
)

privileges = Table(
    "privileges",
    metadata,
    _of_account(),
    Column("repository_id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("granted_by", Id),
    Column("ends_at", Moment),
    _part_of("repositories", "repository_id"),
    Index("ix_privileges_person", "person_id", "account_id", "repository_id"),
    _of_ends("privileges"),
    sqlite_with_rowid=False,
)

# Access reviews. `covers` are the key of the project or the slugs of the groups of the scope, separated by blanks.
# `acts_at` is when the clock does something about a review next; NULL once it is closed.
access_reviews = Table(
    "access_reviews",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("title", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("covers", Text, nullable=False),
    Column("reviewers", Text, nullable=False),
    Column("ends_unanswered", Boolean, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("started_by", Id),
    Column("due_at", Moment, nullable=False),
    Column("acts_at", Moment),
    Column("reminded_at", Moment),
    Column("closed_at", Moment),
    Column("closed_by", Id),
    Column("is_cancelled", Boolean, nullable=False),
    Index("ix_access_reviews_acts_at", "acts_at", info=_where("acts_at IS NOT NULL")),
    sqlite_with_rowid=False,
)

access_reviewers = Table(
    "access_reviewers",
    metadata,
    _of_account(),
    Column("review_id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), primary_key=True),
    _part_of("access_reviews", "review_id"),
    Index("ix_access_reviewers_person", "person_id"),
    sqlite_with_rowid=False,
)

# What a review lists: access as it was when the review started, and the answer to it. A place is a group, a repository
# or a project, which may be gone by now.
access_review_rows = Table(
    "access_review_rows",
    metadata,
    _of_account(),
    Column("review_id", Id, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("place_id", Id, nullable=False),
    Column("place", Text, nullable=False),
    Column("person_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("level", SmallInteger),
    Column("since", Moment, nullable=False),
    Column("until", Moment),
    Column("answer", Text),
    Column("note", Text, nullable=False),
    Column("answered_by", Id),
    Column("answered_at", Moment),
    _part_of("access_reviews", "review_id"),
    sqlite_with_rowid=False,
)

# Pending invitations. The link in the letter is derived from `link_id`; `secret_hash` is its hash, set when the letter
# is sent and cleared by the first to accept. Invitations of an address that were sent in one letter share both.
# `ends_at` is when what accepting gives ends.
invitations = Table(
    "invitations",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("repository_id", Id),
    Column("permission", SmallInteger),
    Column("invited_by", Id, ForeignKey("accounts.id"), nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("link_id", Id),
    Column("secret_hash", Text),
    Column("letter_id", Id),
    Column("opened_at", Moment),
    Column("ends_at", Moment),
    _part_of("repositories", "repository_id"),
    Index(
        "uq_invitations_to_groups",
        "account_id",
        "email_key",
        unique=True,
        info=_where("repository_id IS NULL"),
    ),
    Index(
        "uq_invitations_to_repository",
        "account_id",
        "email_key",
        "repository_id",
        unique=True,
        info=_where("repository_id IS NOT NULL"),
    ),
    Index("ix_invitations_repository", "account_id", "repository_id"),
    Index("ix_invitations_email", "email_key"),
    Index("ix_invitations_id", "id", unique=True),
    Index("ix_invitations_secret_hash", "secret_hash"),
    Index("ix_invitations_link", "account_id", "link_id"),
    _of_ends("invitations"),
    sqlite_with_rowid=False,
)

invitation_groups = Table(
    "invitation_groups",
    metadata,
    _of_account(),
    Column("invitation_id", Id, primary_key=True),
    Column("group_id", Id, primary_key=True),
    _part_of("invitations", "invitation_id"),
    _part_of("groups", "group_id"),
    Index("ix_invitation_groups_group", "account_id", "group_id"),
    sqlite_with_rowid=False,
)

# Requests for access. `repository` is the slug that was asked for, `repository_id` the repository that had it then, if
# one had. `until_at` is the end that was asked for, `answered_by` a name as in the journal.
access_requests = Table(
    "access_requests",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("repository", Text, nullable=False),
    Column("repository_id", Id),
    Column("level", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until_at", Moment),
    Column("asked_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("answered_at", Moment),
    Column("answered_by", Text),
    Column("answer", Text, nullable=False),
    Column("granted", SmallInteger),
    Column("granted_until", Moment),
    _part_of("repositories", "repository_id"),
    Index(
        "uq_access_requests_waiting",
        "account_id",
        "person_id",
        "repository",
        unique=True,
        info=_where("state = 'waiting'"),
    ),
    Index("ix_access_requests_of_account", "account_id", "state", "asked_at"),
    Index("ix_access_requests_person", "person_id", "asked_at"),
    Index("ix_access_requests_repository", "account_id", "repository_id"),
    Index("ix_access_requests_id", "id", unique=True),
    sqlite_with_rowid=False,
)

# The outbox. `about` is the id of the invitation or one-time link in the letter, `due_at` the time of the next attempt.
# A finished letter has no `due_at`: it was sent (`sent_at`), given up, or is no longer needed.
letters = Table(
    "letters",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("about", Id, nullable=False),
    Column("link_id", Id, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("attempts", SmallInteger, nullable=False),
    Column("sent_at", Moment),
    Column("trouble", Text),
    Index(
        "ix_letters_due",
        "due_at",
        info=_where("due_at IS NOT NULL"),
    ),
    Index(
        "ix_letters_troubled",
        "created_at",
        info=_where("sent_at IS NULL AND trouble IS NOT NULL"),
    ),
    Index("ix_letters_of_account", "account_id", "created_at"),
    Index("ix_letters_to_address", "email_key", "created_at"),
    sqlite_with_rowid=False,
)

# One-time links of a user: to confirm an e-mail address (purpose `email`), or to set a new password (`password`).
links = Table(
    "links",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("secret_hash", Text, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    UniqueConstraint("account_id", "purpose", "email_key"),
    sqlite_with_rowid=False,
)

# Browser sessions. `provider` is the name of the provider that one began with, `provider_session` its id there.
sessions = Table(
    "sessions",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("address", Text),
    Column("agent", Text, nullable=False),
    Column("signed_in_with", Text, nullable=False, server_default="password"),
    Column("provider", Text),
    Column("provider_session", Text),
    Index("ix_sessions_provider_session", "provider_session", info=_where("provider_session IS NOT NULL")),
    sqlite_with_rowid=False,
)

# Authenticator apps and passkeys. The secret of an app is derived from `id` with the server's key; `credential_id`,
# `public_key` and `sign_count` are a passkey's. `last_step` is the newest 30 seconds of which a code was used.
second_factors = Table(
    "second_factors",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("confirmed_at", Moment),
    Column("last_used_at", Moment),
    Column("last_step", BigInteger, nullable=False),
    Column("credential_id", Text, unique=True),
    Column("public_key", Text),
    Column("sign_count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    _of_account(),
    Column("code_hash", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Wrong codes of the last minutes: too many of them stop all codes of the person.
wrong_codes = Table(
    "wrong_codes",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

# Challenges that a passkey has signed, until they expire: each counts once.
used_challenges = Table(
    "used_challenges",
    metadata,
    _of_account(),
    Column("challenge_hash", Text, primary_key=True),
    Column("expires_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

# Directories: identity providers that bring a team's people and groups over SCIM. `domains` are separated by blanks.
# `letter_at` is when site administrators were last sent a letter about one.
directories = Table(
    "directories",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("label", Text, nullable=False),
    Column("domains", Text, nullable=False),
    Column("adopts_groups", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("letter_at", Moment),
    UniqueConstraint("account_id", "label"),
    sqlite_with_rowid=False,
)

directory_keys = Table(
    "directory_keys",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("directory_id", Id, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("last_used_from", Text),
    _part_of("directories", "directory_id"),
    Index("ix_directory_keys_directory", "account_id", "directory_id"),
    sqlite_with_rowid=False,
)

# What directories know of people. `profile` is a JSON object of SCIM attributes, `email_key` the normal form of the
# first address among them, `display_name_key` that of the name. `is_held`: the directory has disabled the person.
directory_people = Table(
    "directory_people",
    metadata,
    _of_account(),
    Column("directory_id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("user_name_key", Text, nullable=False),
    Column("external_id", Text),
    Column("email_key", Text),
    Column("display_name_key", Text),
    Column("is_brought", Boolean, nullable=False),
    Column("is_held", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("profile", Text, nullable=False),
    _part_of("directories", "directory_id"),
    UniqueConstraint("account_id", "directory_id", "user_name_key"),
    # The columns of the order too, or SQLite would read everybody in that order.
    Index("ix_directory_people_external_id", "account_id", "directory_id", "external_id", "created_at", "person_id"),
    Index("ix_directory_people_email_key", "account_id", "directory_id", "email_key", "created_at", "person_id"),
    Index(
        "ix_directory_people_display_name_key",
        "account_id",
        "directory_id",
        "display_name_key",
        "created_at",
        "person_id",
    ),
    Index("ix_directory_people_created_at", "account_id", "directory_id", "created_at", "person_id"),
    Index("ix_directory_people_person", "person_id"),
    sqlite_with_rowid=False,
)

# Whom directories have disabled and deleted, until they come back or a site administrator decides about them.
directory_leavers = Table(
    "directory_leavers",
    metadata,
    _of_account(),
    Column("directory_id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("user_name_key", Text, nullable=False),
    Column("is_brought", Boolean, nullable=False),
    Column("left_at", Moment, nullable=False),
    _part_of("directories", "directory_id"),
    Index("ix_directory_leavers_user_name_key", "account_id", "directory_id", "user_name_key", "left_at"),
    Index("ix_directory_leavers_person", "person_id"),
    sqlite_with_rowid=False,
)

# Who users are at the providers that they sign in with: `subject` is the issuer's id of one, `shown` a name for it.
identities = Table(
    "identities",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("linked_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject"),
    sqlite_with_rowid=False,
)

# OAuth consumers. A consumer's secret is derived from its public `key` with the server's key.
consumers = Table(
    "consumers",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("callback", Text),
    Column("scopes", Text, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("acts_as", Id, ForeignKey("accounts.id")),
    Column("created_at", Moment, nullable=False),
    Index("ix_consumers_acts_as", "acts_as"),
    sqlite_with_rowid=False,
)

# Codes, access and refresh tokens, and OAuth 1 tokens, issued to consumers for the user `account_id`.
issued = Table(
    "issued",
    metadata,
    _of_account(),
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("family_id", Id, nullable=False),
    Column("consumer_account_id", Id, nullable=False),
    Column("consumer_id", Id, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("spent_at", Moment),
    Column("redirect", Text),
    Column("challenge", Text),
    Column("secret_hash", Text, nullable=False, unique=True),
    ForeignKeyConstraint(["consumer_account_id", "consumer_id"], ["consumers.account_id", "consumers.id"]),
    Index("ix_issued_consumer", "consumer_account_id", "consumer_id"),
    Index("ix_issued_family", "account_id", "family_id"),
    Index("ix_issued_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

# OAuth 1 request tokens that the user hasn't decided about, or that the consumer hasn't exchanged yet.
oauth_requests = Table(
    "oauth_requests",
    metadata,
    _of_account(),
    Column("consumer_id", Id, primary_key=True),
    Column("token_hash", Text, primary_key=True),
    Column("callback", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("person_id", Id, ForeignKey("accounts.id")),
    Column("verifier_hash", Text),
    _part_of("consumers", "consumer_id"),
    UniqueConstraint("token_hash"),
    Index("ix_oauth_requests_expires_at", "expires_at"),
    Index("ix_oauth_requests_person", "person_id"),
    sqlite_with_rowid=False,
)

# Nonces of signed requests, kept as long as a request with that timestamp would be accepted again.
nonces = Table(
    "nonces",
    metadata,
    _of_account(),
    Column("consumer_id", Id, primary_key=True),
    Column("nonce_hash", Text, primary_key=True),
    Column("expires_at", Moment, nullable=False),
    _part_of("consumers", "consumer_id"),
    Index("ix_nonces_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

# Entries that change what people may do in every account.
EVENTS_OF_PEOPLE = (
    "event IN ('site.restored', 'user.added', 'user.changed', 'user.deleted', 'user.disabled', 'user.enabled')"
)

# The audit log. It outlives the rows it describes, so it has no foreign keys.
journal = Table(
    "journal",
    metadata,
    Column("account_id", Id, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("account", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor_id", Id),
    Column("actor", Text, nullable=False),
    Column("credential", Text, nullable=False),
    Column("address", Text),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("request_id", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_journal_at", "at"),
    Index("ix_journal_of_people", "at", info=_where(EVENTS_OF_PEOPLE)),
    sqlite_with_rowid=False,
)

# Number and hash of the last audit log entry of every account, deleted ones included: shows when entries at the end are
# missing.
journal_heads = Table(
    "journal_heads",
    metadata,
    Column("account_id", Id, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Values of the server itself: its secret, the hash of a one-time link, the stamp of the directory.
site = Table(
    "site",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
