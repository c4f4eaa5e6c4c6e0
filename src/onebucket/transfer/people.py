"""The people of documents: made and changed all together, so that only how it ends has to be possible."""

from collections.abc import Iterable, Iterator, Sequence

from onebucket import hashing
from onebucket.actions import accounts, tokens, whole
from onebucket.actions.accounts import Identity
from onebucket.actions.whole import Whole
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account, check_password
from onebucket.domain.refusals import Conflict, Invalid, NotFound, Refusal, UnknownEmail
from onebucket.transfer import contents, job
from onebucket.transfer.job import Job, Subject, about
from onebucket.transfer.parts import NOWHERE, User, given


def settle(task: Job, users: Sequence[User]) -> list[Subject]:
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
        if before and given(user.site_admin) is False:
            with about(_where(user)):
                accounts.change_user(task.work, before.account.username, site_admin=False)
    return subjects


def _before(task: Job, user: User) -> Whole | None:
    """What a person has, None where they are new."""
    with about(_where(user)):
        _check_password(user)
        found = task.account(user.username)
        if found is None:
            return None
        if found.is_team:
            raise Invalid(f"{found.username} is a team, not a person")
        check_same(found, user.username, uuid=given(user.uuid), account_id=given(user.account_id))
        had = whole.of(task.work, found.username, owned=_owns(user))
    return contents.renamed(task, user, had)


def _settled(task: Job, user: User, before: Whole | None) -> Subject:
    where = _where(user)
    with about(where):
        if before is None:
            before = job.new(task.add(_add_user(task.work, user)))
        else:
            _change_user(task.work, user, before)
        _add_tokens(task.work, user)

    task.progress.step()
    return Subject(where, user, before)


def _where(user: User) -> str:
    return f"users/{user.username}"


def _owns(user: User) -> bool:
    """Whether the documents say anything of what a person's own account owns; for most they don't."""
    return any(given(owned) is not None for owned in (user.groups, user.repositories, user.invitations))


def _check_password(user: User) -> None:
    hash, password = given(user.password_hash), given(user.password)
    if hash is not None and password is not None:
        raise Invalid("either a password can be given or its hash, not both")
    if password is not None:
        check_password(password)
    if hash is not None and not hashing.is_password_hash(hash):
        raise Invalid("what is given as password_hash is not an argon2id hash")


def _add_user(work: Work, user: User) -> Account:
    password = given(user.password)
    return accounts.add_user(
        work,
        user.username,
        email=given(user.email),
        display_name=given(user.display_name),
        nickname=given(user.nickname),
        password_hash=given(user.password_hash) if password is None else hashing.password_hash(password),
        site_admin=given(user.site_admin) or False,
        is_active=given(user.is_active) is not False,
        identity=Identity(uuid=given(user.uuid), account_id=given(user.account_id)),
    )


def _change_user(work: Work, user: User, had: Whole) -> None:
    name = had.account.username
    accounts.change_user(
        work,
        name,
        display_name=given(user.display_name),
        nickname=given(user.nickname),
        site_admin=given(user.site_admin) or None,
    )

    active = given(user.is_active)
    if active is not None and active is not had.account.is_active:
        accounts.set_active(work, name, active)

    if email := _news(user, had):
        accounts.set_email(work, name, email)

    password, hash = given(user.password), given(user.password_hash)
    if password is not None and not (had.password_hash and hashing.matches(had.password_hash, password)):
        hash = hashing.password_hash(password)
    if hash is not None and hash != had.password_hash:
        accounts.set_password(work, name, hash)


def _news(user: User, had: Whole) -> str | None:
    """The address that a person is given, if it isn't their first already.

    One that leads nowhere is no news to who has another.
    """
    email = given(user.email)
    if email is None or (had.emails and email.endswith(NOWHERE)):
        return None
    if had.emails and (had.emails[0].address, had.emails[0].validated) == (email, True):
        return None
    return email


def _add_tokens(work: Work, user: User) -> None:
    wanted = given(user.tokens)
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


def check_known(task: Job, subjects: Iterable[Subject]) -> None:
    """Refuse people whom nobody knows, all of them at once and each where they are named first."""
    unknown: dict[str, tuple[str, Refusal]] = {}
    for where, name in _named(subjects):
        if name not in unknown:
            try:
                with about(where):
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
        for where, _, group in contents.groups_of(subject):
            yield from ((f"{where} members/{name}", name) for name in given(group.members) or ())
        for where, repository in contents.repositories_of(subject):
            yield from ((f"{where} users/{name}", name) for name in given(repository.users) or ())
        for where, _, invitation in contents.invitations_of(subject):
            yield where, invitation.invited_by
