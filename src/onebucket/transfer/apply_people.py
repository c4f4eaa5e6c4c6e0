"""Applies the people of documents in an order in which only the final state has to be valid."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from onebucket import hashing
from onebucket.actions import account_snapshot, accounts, tokens
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.accounts import Identity
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, bare_uuid, check_password
from onebucket.domain.refusals import Conflict, Invalid, NotFound, Refusal, UnknownEmail
from onebucket.transfer import apply_contents, apply_context
from onebucket.transfer.apply_context import ApplyContext, Subject, describe
from onebucket.transfer.model import NOWHERE, User, given_fields


def apply_people(task: ApplyContext, users: Sequence[User]) -> list[Subject]:
    """Create and change people.

    Removes replaced addresses first, so that people can swap them, and demotes site administrators last.
    """
    _rename(task, users)
    snapshots = [_snapshot(task, user) for user in users]
    for user, before in zip(users, snapshots, strict=True):
        if before and (email := _new_primary_email(user, before)):
            accounts.give_up_email(task.work, before.account.username, email)

    subjects = [_apply_user(task, user, before) for user, before in zip(users, snapshots, strict=True)]
    for user, before in zip(users, snapshots, strict=True):
        if before and given_fields(user.site_admin) is False:
            with describe(_where(user)):
                accounts.change_user(task.work, before.account.username, site_admin=False)
    return subjects


def _rename(task: ApplyContext, users: Sequence[User]) -> None:
    """Give people who are here under another name the one of the documents.

    A name may come free by the renaming of another person, so renamings wait for each other. Raises Conflict.
    """
    people = [account for account in task.accounts_by_key.values() if not account.is_team]
    by_id = {account.id: account for account in people} | {account.aaid: account for account in people}
    waiting = [(user, before) for user in users if (before := _renamed_person(task, user, by_id)) is not None]
    while waiting:
        free = [each for each in waiting if task.account(each[0].username) is None]
        # If none is free, the first is refused, with a sentence that says who has the name.
        for user, before in free or waiting[:1]:
            with describe(_where(user)):
                task.rename(accounts.change_user(task.work, before.username, username=user.username), before)
        waiting = [each for each in waiting if each not in free]


def _renamed_person(task: ApplyContext, user: User, by_id: Mapping[str | None, Account]) -> Account | None:
    """Return the person whom the documents give another username, found by UUID, account id or an earlier name.

    `by_id` holds the people who are here by both ids.
    """
    named = task.account(user.username)
    for id in (bare_uuid(given_fields(user.uuid) or ""), (given_fields(user.account_id) or "").lower()):
        account = by_id.get(id) if id else None
        if account is not None:
            return None if account is named else account
    if named is None:
        for name in given_fields(user.previously) or ():
            if (account := task.account(name)) is not None and not account.is_team:
                return account
    return None


def _snapshot(task: ApplyContext, user: User) -> AccountSnapshot | None:
    """Return a person's snapshot, None for a new person."""
    with describe(_where(user)):
        _check_password(user)
        account = task.account(user.username)
        if account is None:
            return None
        if account.is_team:
            raise Invalid(f"{account.username} is a team, not a person")
        check_same(account, user.username, uuid=given_fields(user.uuid), account_id=given_fields(user.account_id))
        before = account_snapshot.snapshot_of(task.work, account.username, owned=_owns(user))
    return apply_contents.renamed(task, user, before)


def _apply_user(task: ApplyContext, user: User, before: AccountSnapshot | None) -> Subject:
    where = _where(user)
    with describe(where):
        if before is None:
            before = apply_context.describe_new(task.add(_add_user(task.work, user)))
        else:
            _change_user(task.work, user, before)
        _add_tokens(task.work, user)

    task.progress.advance()
    return Subject(where, user, before)


def _where(user: User) -> str:
    return f"users/{user.username}"


def _owns(user: User) -> bool:
    """Return whether the documents say what a person's account owns; for most people they don't."""
    return any(given_fields(owned) is not None for owned in (user.groups, user.repositories, user.invitations))


def _check_password(user: User) -> None:
    hash, password = given_fields(user.password_hash), given_fields(user.password)
    if hash is not None and password is not None:
        raise Invalid("give a password or its hash, not both")
    if password is not None:
        check_password(password)
    if hash is not None and not hashing.is_password_hash(hash):
        raise Invalid("password_hash is not an argon2id hash")


def _add_user(work: UnitOfWork, user: User) -> Account:
    password = given_fields(user.password)
    return accounts.add_user(
        work,
        user.username,
        email=given_fields(user.email),
        display_name=given_fields(user.display_name),
        nickname=given_fields(user.nickname),
        password_hash=given_fields(user.password_hash) if password is None else hashing.password_hash(password),
        site_admin=given_fields(user.site_admin) or False,
        is_active=given_fields(user.is_active) is not False,
        identity=Identity(uuid=given_fields(user.uuid), account_id=given_fields(user.account_id)),
    )


def _change_user(work: UnitOfWork, user: User, before: AccountSnapshot) -> None:
    name = before.account.username
    accounts.change_user(
        work,
        name,
        display_name=given_fields(user.display_name),
        nickname=given_fields(user.nickname),
        site_admin=given_fields(user.site_admin) or None,
    )

    active = given_fields(user.is_active)
    if active is not None and active is not before.account.is_active:
        accounts.set_active(work, name, active)

    if email := _new_primary_email(user, before):
        accounts.set_email(work, name, email)

    password, hash = given_fields(user.password), given_fields(user.password_hash)
    if password is not None and not (before.password_hash and hashing.matches(before.password_hash, password)):
        hash = hashing.password_hash(password)
    if hash is not None and hash != before.password_hash:
        accounts.set_password(work, name, hash)


def _new_primary_email(user: User, before: AccountSnapshot) -> str | None:
    """Return the documents' address if it should replace the primary one; a placeholder address never does."""
    email = given_fields(user.email)
    if email is None or (before.emails and email.endswith(NOWHERE)):
        return None
    if before.emails and (before.emails[0].address, before.emails[0].validated) == (email, True):
        return None
    return email


def _add_tokens(work: UnitOfWork, user: User) -> None:
    requested = given_fields(user.tokens)
    if not requested:
        return

    present = {token.secret_hash for token in tokens.of_person(work, user.username)}
    for token in requested:
        hash = hashing.secret_hash(token.secret)
        if hash not in present:
            present.add(hash)
            tokens.add(work, user.username, secret_hash=hash, scopes=frozenset(token.scopes), label=token.label)


def check_same(account: Account, name: str, *, uuid: str | None, account_id: str | None = None) -> None:
    """Check that an existing account has the ids of the document, if it has any. Raises Conflict."""
    if uuid is not None and bare_uuid(uuid) != account.id:
        raise Conflict(f"there is an account {name} already, with the uuid {{{account.id}}}")
    if account_id is not None and account_id.lower() != account.aaid:
        raise Conflict(f"there is an account {name} already, with the account_id {account.aaid}")


# -- people the documents refer to -----------------------------------------------------------------


def check_known(task: ApplyContext, subjects: Iterable[Subject]) -> None:
    """Refuse documents that refer to people who don't exist: one refusal lists all, each with its first place.

    Raises NotFound, UnknownEmail.
    """
    unknown: dict[str, tuple[str, Refusal]] = {}
    for where, name in _references(subjects):
        if name not in unknown:
            try:
                with describe(where):
                    task.person(name)
            except (NotFound, UnknownEmail) as refusal:
                unknown[name] = where, refusal

    if len(unknown) == 1:
        raise next(iter(unknown.values()))[1]
    if unknown:
        places = ", ".join(f"{name} ({where})" for name, (where, _) in unknown.items())
        raise NotFound(f"there are no such {len(unknown):,} people: {places}")


def _references(subjects: Iterable[Subject]) -> Iterator[tuple[str, str]]:
    """Yield (place, name) for each person that the documents refer to as member, grantee or inviter."""
    for subject in subjects:
        for where, _, group in apply_contents.apply_groups(subject):
            yield from ((f"{where} members/{name}", name) for name in given_fields(group.members) or ())
        for where, repository in apply_contents.apply_repositories(subject):
            yield from ((f"{where} users/{name}", name) for name in given_fields(repository.users) or ())
        for where, _, invitation in apply_contents.apply_invitations(subject):
            yield where, invitation.invited_by
