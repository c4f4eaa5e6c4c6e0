"""What most requests begin with, read in one statement: the credential or session, the account, what they name in it.

Nothing is returned. The rows go where each would be kept after a query of its own, into the transaction's row cache, so
that who asks for them there, and what they may see, is decided as ever (docs/decisions/0019-prefetch.md).
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, func, select

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.store import (
    account_rows,
    app_password_rows,
    group_rows,
    own_account_rows,
    repository_rows,
    revisions,
    session_rows,
)
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.row_mapper import RowMapper, joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import AccountState, Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.repository_rows import REPOSITORY
from onebucket.store.session_rows import SESSION
from onebucket.store.tables import Id, accounts, emails, groups, memberships, repositories, sessions, site, tokens


@dataclass(frozen=True, slots=True)
class Names:
    """What a request names: an account, one of its groups and repositories by slug, and a person.

    Accounts and people are named as `account_rows.named` takes it.
    """

    account: str | None = None
    group: str | None = None
    repository: str | None = None
    person: str | None = None


_actor, _owner, _subject = accounts.alias("actor"), accounts.alias("owner"), accounts.alias("subject")
_group, _repository = groups.alias("the_group"), repositories.alias("the_repository")

_directory = select(site.c.value).where(site.c.name == revisions.DIRECTORY).scalar_subquery()


def _id_of(prefix: str) -> ColumnElement[Any]:
    """The id of the account that is named in one of the four ways; NULL if there is none."""
    by_name = [
        select(column.table.c.account_id if column.table is emails else accounts.c.id)
        .where(column == bindparam(f"{prefix}_{kind}"), *condition)
        .correlate(None)
        .scalar_subquery()
        for kind, column, *condition in (
            ("username", accounts.c.username_key),
            ("aaid", accounts.c.aaid),
            ("email", emails.c.email_key, emails.c.validated_at.is_not(None)),
        )
    ]
    return func.coalesce(bindparam(f"{prefix}_id", type_=Id), *by_name)


def _is_member(*condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        select(memberships.c.group_id)
        .where(memberships.c.account_id == _owner.c.id, memberships.c.person_id == _actor.c.id, *condition)
        .correlate(_owner, _actor, _group)
        .exists()
    )


_administers = _is_member(
    groups.c.account_id == memberships.c.account_id,
    groups.c.id == memberships.c.group_id,
    groups.c.account_privilege == AccountPrivilege.ADMIN.value,
)


def _state(account: FromClause) -> RowMapper[AccountState | None]:
    return joined(
        scalar(account.c.id),
        scalar(account.c.stamp),
        scalar(_directory),
        scalar(account.c.revision),
        make=lambda id, *state: None if id is None else AccountState(id, *state),
    )


_LIMITS = app_password_rows.LIMITS.optional
_ACTOR = joined(ACCOUNT.of(_actor), scalar(_actor.c.password_hash), _state(_actor))
_ACCOUNT = joined(ACCOUNT.of(_owner).optional, _state(_owner), scalar(_administers, bool), scalar(_is_member(), bool))
_GROUP = joined(GROUP.of(_group).optional, scalar(_is_member(memberships.c.group_id == _group.c.id), bool))
_REPOSITORY = REPOSITORY.of(_repository).optional
_PERSON = joined(ACCOUNT.of(_subject).optional, _state(_subject))
_WITHIN: dict[str, tuple[FromClause, ColumnElement[bool], RowMapper[Any]]] = {
    "account": (_owner, _owner.c.id == _id_of("account"), _ACCOUNT),
    "group": (_group, and_(_group.c.account_id == _owner.c.id, _group.c.slug == bindparam("group")), _GROUP),
    "repository": (
        _repository,
        and_(_repository.c.account_id == _owner.c.id, _repository.c.slug == bindparam("repository")),
        _REPOSITORY,
    ),
    "person": (_subject, _subject.c.id == _id_of("person"), _PERSON),
}


def _statement(
    source: FromClause, credential: RowMapper[Any], condition: ColumnElement[bool], parts: tuple[str, ...]
) -> Statement[tuple[Any, ...]]:
    """Read the actor with a credential of theirs, and these parts."""
    mappers: list[RowMapper[Any]] = [credential, _ACTOR]
    for part in parts:
        table, where, found = _WITHIN[part]
        source = source.outerjoin(table, where)
        mappers.append(found)
    mapper: RowMapper[tuple[Any, ...]] = joined(*mappers, make=lambda *made: made)
    return Statement(select(*mapper.columns).select_from(source).where(condition), mapper)


def _key(parts: tuple[str, ...]) -> str:
    return ", ".join(parts) or "actor"


def _statements(
    source: FromClause, credential: RowMapper[Any], condition: ColumnElement[bool], *, names_both: bool = True
) -> dict[str, Statement[tuple[Any, ...]]]:
    """Return a statement for each set of parts that may be named; a group or a repository is one of the account.

    Some requests name a group and a repository (`names_both`), no page does.
    """
    return {
        _key(parts): _statement(source, credential, condition, parts)
        for number in range(len(_WITHIN) + 1)
        for parts in combinations(_WITHIN, number)
        if ("account" in parts or not {"group", "repository"} & {*parts})
        and (names_both or not {"group", "repository"} <= {*parts})
    }


# With the accounts that every page has a menu of.
_SESSION = joined(SESSION, scalar(own_account_rows.first_accounts(_actor.c.id, _actor)))
_of_token = and_(tokens.c.account_id == _actor.c.id, tokens.c.id == bindparam("token_id"))
_BY_ID = _statements(_actor.outerjoin(tokens, _of_token), _LIMITS, _actor.c.id == bindparam("actor_id"))
_BY_SESSION = _statements(
    sessions.join(_actor, _actor.c.id == sessions.c.account_id),
    _SESSION,
    sessions.c.secret_hash == bindparam("secret_hash"),
    names_both=False,
)


def load(tx: Transaction, actor_id: str, names: Names, credential: str | None = None) -> None:
    """Read the actor, their credential and what is named into the row cache, unless it is there already.

    `credential` is a name in the audit log; those of OAuth are left out.
    """
    kind, _, id = (credential or "").partition(":")
    token_id = id if kind == "token" else None
    if _is_cached(tx, actor_id, names, token_id):
        return
    parts, values = _named_parts(names)
    found = tx.row(_BY_ID[_key(parts)], actor_id=actor_id, token_id=token_id, **values)
    if found is not None:
        limits, *others = found
        parts_found = dict(zip(("actor", *parts), others, strict=True))
        if token_id is not None:
            app_password_rows.cache_holder(tx, actor_id, token_id, limits and (parts_found["actor"][0], *limits))
        _keep(tx, names, parts_found)


def load_session(tx: Transaction, secret_hash: str, names: Names) -> None:
    """Read the session whose secret has that hash, its user and what is named into the row cache."""
    parts, values = _named_parts(names)
    found = tx.row(_BY_SESSION[_key(parts)], secret_hash=secret_hash, **values)
    if found is None:
        session_rows.cache_by_hash(tx, secret_hash, None)
        return
    (session, first_accounts), *others = found
    own_account_rows.cache_first(tx, session.account_id, first_accounts)
    parts_found = dict(zip(("actor", *parts), others, strict=True))
    session_rows.cache_by_hash(tx, secret_hash, (session, parts_found["actor"][0]))
    _keep(tx, names, parts_found)


def _named_parts(names: Names) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return which parts are named, and the values of a statement that reads them."""
    parts = tuple(part for part in _WITHIN if getattr(names, part) is not None)
    values: dict[str, Any] = {}
    for part in parts:
        name = getattr(names, part)
        values |= _named(part, name) if part in ("account", "person") else {part: name}
    return parts, values


def _is_cached(tx: Transaction, actor_id: str, names: Names, token_id: str | None) -> bool:
    """Return True if nothing would be saved, because no more than one query is left to run."""
    if token_id is not None and not app_password_rows.is_holder_cached(tx, actor_id, token_id):
        return False
    # In the changes of one commit, only the person is another each time: to find them alone takes a tenth.
    if not all(account_rows.is_cached(tx, name) for name in (actor_id, names.account) if name is not None):
        return False
    owner = None if names.account is None else account_rows.named(tx, names.account)
    return owner is None or names.group is None or group_rows.is_cached(tx, owner.id, names.group)


def _named(prefix: str, name: str) -> dict[str, str | None]:
    kind, key = account_rows.name_and_key(name) or ("", None)
    return {f"{prefix}_{each}": key if each == kind else None for each in ("id", "username", "aaid", "email")}


def _keep(tx: Transaction, names: Names, found: dict[str, Any]) -> None:
    actor, password_hash, state = found["actor"]
    tx.states[actor.id] = state
    account_rows.cache_by_id(tx, actor, password_hash)
    if "person" in found and names.person is not None:
        _keep_account(tx, names.person, *found["person"])
    if "account" not in found or names.account is None:
        return

    owner, state, administers, in_account = found["account"]
    _keep_account(tx, names.account, owner, state)
    if owner is None:
        return
    group, in_group = found.get("group", (None, False))
    group_rows.cache_standing(tx, owner.id, actor.id, None, (administers, in_account, False))
    if names.group is not None:
        group_rows.cache_found(tx, owner.id, names.group, group)
        if group is not None:
            group_rows.cache_standing(tx, owner.id, actor.id, group.id, (administers, in_account, in_group))
    if names.repository is not None:
        repository_rows.cache_found(tx, owner.id, names.repository, found["repository"])


def _keep_account(tx: Transaction, name: str, account: Account | None, state: AccountState | None) -> None:
    account_rows.cache_named(tx, name, account)
    if account is not None and state is not None:
        account_rows.cache_named(tx, account.id, account)
        tx.states[account.id] = state
