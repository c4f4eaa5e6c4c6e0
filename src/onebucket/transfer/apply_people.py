"""The people of documents: made and changed all together, so that only how it ends has to be possible."""

from collections.abc import Iterable, Iterator, Sequence

from onebucket import hashing
from onebucket.actions import account_snapshot, accounts, tokens
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.accounts import Identity
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, check_password
from onebucket.domain.refusals import Conflict, Invalid, NotFound, Refusal, UnknownEmail
from onebucket.transfer import apply_contents, apply_context
from onebucket.transfer.apply_context import ApplyContext, Subject, describe
from onebucket.transfer.model import NOWHERE, User, given_fields


def apply_people(task: ApplyContext, users: Sequence[User]) -> list[Subject]:
    """Make and change people.

    Addresses that they give up are free before anybody is given one of them, and nobody stops administering the site
    before everybody does who will.
    """
    had = [_before(task, user) for user in users]
    for user, before in zip(users, had, strict=True):
        if before and (email := _news(user, before)):
            accounts.give_up_email(task.work, before.account.username, email)

    subjects = [_settled(task, user, before) for user, before in zip(users, had, strict=True)]
    for user, before in zip(users, had, strict=True):
        if before and given_fields(user.site_admin) is False:
            with describe(_where(user)):
                accounts.change_user(task.work, before.account.username, site_admin=False)
    return subjects


def _before(task: ApplyContext, user: User) -> AccountSnapshot | None:
    """What a person has, None where they are new."""
    with describe(_where(user)):
        _check_password(user)
        found = task.account(user.username)
        if found is None:
            return None
        if found.is_team:
            raise Invalid(f"{found.username} is a team, not a person")
        check_same(found, user.username, uuid=given_fields(user.uuid), account_id=given_fields(user.account_id))
        had = account_snapshot.snapshot_of(task.work, found.username, owned=_owns(user))
    return apply_contents.renamed(task, user, had)


def _settled(task: ApplyContext, user: User, before: AccountSnapshot | None) -> Subject:
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
    """Whether the documents say anything of what a person's own account owns; for most they don't."""
    return any(given_fields(owned) is not None for owned in (user.groups, user.repositories, user.invitations))


def _check_password(user: User) -> None:
    hash, password = given_fields(user.password_hash), given_fields(user.password)
    if hash is not None and password is not None:
        raise Invalid("either a password can be given or its hash, not both")
    if password is not None:
        check_password(password)
    if hash is not None and not hashing.is_password_hash(hash):
        raise Invalid("what is given as password_hash is not an argon2id hash")


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


def _change_user(work: UnitOfWork, user: User, had: AccountSnapshot) -> None:
    name = had.account.username
    accounts.change_user(
        work,
        name,
        display_name=given_fields(user.display_name),
        nickname=given_fields(user.nickname),
        site_admin=given_fields(user.site_admin) or None,
    )

    active = given_fields(user.is_active)
    if active is not None and active is not had.account.is_active:
        accounts.set_active(work, name, active)

    if email := _news(user, had):
        accounts.set_email(work, name, email)

    password, hash = given_fields(user.password), given_fields(user.password_hash)
    if password is not None and not (had.password_hash and hashing.matches(had.password_hash, password)):
        hash = hashing.password_hash(password)
    if hash is not None and hash != had.password_hash:
        accounts.set_password(work, name, hash)


def _news(user: User, had: AccountSnapshot) -> str | None:
    """The address that a person is given, if it isn't their first already.

    One that leads nowhere is no news to who has another.
    """
    email = given_fields(user.email)
    if email is None or (had.emails and email.endswith(NOWHERE)):
        return None
    if had.emails and (had.emails[0].address, had.emails[0].validated) == (email, True):
        return None
    return email


def _add_tokens(work: UnitOfWork, user: User) -> None:
    wanted = given_fields(user.tokens)
    if not wanted:
        return

    present = {token.secret_hash for token in tokens.of_person(work, user.username)}
    for token in wanted:
        hash = hashing.secret_hash(token.secret)
        if hash not in present:
            present.add(hash)
            tokens.add(work, user.username, secret_hash=hash, scopes=frozenset(token.scopes), label=token.label)


def check_same(account: Account, name: str, *, uuid: str | None, account_id: str | None = None) -> None:
    """Refuse an account of that name whose ids are others than the document's. Raises Conflict."""
    if uuid is not None and uuid.removeprefix("{").removesuffix("}").lower() != account.id:
        raise Conflict(f"there is an account {name} already, with the uuid {{{account.id}}}")
    if account_id is not None and account_id.lower() != account.aaid:
        raise Conflict(f"there is an account {name} already, with the account_id {account.aaid}")


# -- whoever is named ------------------------------------------------------------------------------


def check_known(task: ApplyContext, subjects: Iterable[Subject]) -> None:
    """Refuse people whom nobody knows, all of them at once and each where they are named first."""
    unknown: dict[str, tuple[str, Refusal]] = {}
    for where, name in _named(subjects):
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


def _named(subjects: Iterable[Subject]) -> Iterator[tuple[str, str]]:
    """Everybody whom documents name as theirs, and where."""
    for subject in subjects:
        for where, _, group in apply_contents.apply_groups(subject):
            yield from ((f"{where} members/{name}", name) for name in given_fields(group.members) or ())
        for where, repository in apply_contents.apply_repositories(subject):
            yield from ((f"{where} users/{name}", name) for name in given_fields(repository.users) or ())
        for where, _, invitation in apply_contents.apply_invitations(subject):
            yield where, invitation.invited_by
