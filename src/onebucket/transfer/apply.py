"""Applying account documents: what they name is made or changed, through actions, and the rest is left.

People come first, then teams, groups, members, repositories, privileges and invitations, each for all accounts before
the next, so that any document may mention what another one makes. What takes rights away comes last, so that one
administrator can be replaced by another in one go.
"""

from collections.abc import Sequence

from onebucket import hashing
from onebucket.actions import accounts, teams, tokens, whole
from onebucket.actions.accounts import Identity
from onebucket.actions.whole import Whole
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.transfer import contents, job, pruning
from onebucket.transfer.job import Job, Report, Subject, about
from onebucket.transfer.parts import NOWHERE, Document, Team, User, given, together


def apply(
    work: Work,
    documents: Sequence[Document],
    *,
    prune: bool,
    send_letters: bool = False,
    progress: Report | None = None,
) -> None:
    """Make and change what the documents name; whoever calls opened the transaction, and undoes it on a refusal.

    A key that a document doesn't have leaves that attribute as it is, or at its default on a new thing; a new team
    without `groups` gets the first two. Applying the same again writes nothing. An address at `NOWHERE` is given to
    people who have none, and replaces no other.

    `prune` also removes groups, members, privileges and invitations that a named account has and the documents haven't,
    never accounts or repositories. It looks only at keys that are there: without `members`, nobody leaves that group;
    with `repositories`, what is set on a repository that isn't listed goes too.

    Whoever is invited gets no letter, unless `send_letters` is given.

    `progress` is told how many things are done, and of how many. Raises Refusal, with a sentence that says where.
    """
    document = together(documents)
    task = job.begun(work, document, progress)
    task.sends_letters = send_letters

    subjects = [_user(task, user) for user in document.users] + [_team(task, team) for team in document.teams]
    for settle in contents.IN_ORDER:
        for subject in subjects:
            settle(task, subject)
    if prune:
        for subject in subjects:
            pruning.prune(task, subject)


# -- people ----------------------------------------------------------------------------------------


def _user(task: Job, user: User) -> Subject:
    where = f"users/{user.username}"
    with about(where):
        _check_password(user)
        found = task.account(user.username)
        if found is None:
            had = job.new(task.add(_add_user(task.work, user)))
        elif found.is_team:
            raise Invalid(f"{found.username} is a team, not a person")
        else:
            had = whole.of(task.work, found.username, owned=_owns(user))
            _check_same(found, user.username, uuid=given(user.uuid), account_id=given(user.account_id))
            _change_user(task.work, user, had)
        _add_tokens(task.work, user)

    task.progress.step()
    return Subject(where, user, had)


def _owns(user: User) -> bool:
    """Whether the documents say anything of what a person's own account owns; for most they don't."""
    return any(given(owned) is not None for owned in (user.groups, user.repositories, user.invitations))


def _check_password(user: User) -> None:
    hash = given(user.password_hash)
    if hash is not None and given(user.password) is not None:
        raise Invalid("either a password can be given or its hash, not both")
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
        site_admin=given(user.site_admin),
    )

    active = given(user.is_active)
    if active is not None and active is not had.account.is_active:
        accounts.set_active(work, name, active)

    email = given(user.email)
    if email is not None and _is_news(had, email):
        accounts.set_email(work, name, email)

    password, hash = given(user.password), given(user.password_hash)
    if password is not None and not (had.password_hash and hashing.matches(had.password_hash, password)):
        hash = hashing.password_hash(password)
    if hash is not None and hash != had.password_hash:
        accounts.set_password(work, name, hash)


def _is_news(had: Whole, email: str) -> bool:
    """Whether an address isn't a person's first already; one that leads nowhere is no news to who has another."""
    if not had.emails:
        return True
    return not email.endswith(NOWHERE) and (had.emails[0].address, had.emails[0].validated) != (email, True)


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


def _check_same(account: Account, name: str, *, uuid: str | None, account_id: str | None = None) -> None:
    if uuid is not None and uuid.removeprefix("{").removesuffix("}").lower() != account.id:
        raise Conflict(f"there is an account {name} already, with the uuid {{{account.id}}}")
    if account_id is not None and account_id.lower() != account.aaid:
        raise Conflict(f"there is an account {name} already, with the account_id {account.aaid}")


# -- teams -----------------------------------------------------------------------------------------


def _team(task: Job, team: Team) -> Subject:
    where = f"teams/{team.username}"
    with about(where):
        found = task.account(team.username)
        if found is None:
            had = _add_team(task, team)
        elif not found.is_team:
            raise Invalid(f"{found.username} is a person, not a team")
        else:
            had = whole.of(task.work, found.username)
            _check_same(found, team.username, uuid=given(team.uuid))
            teams.change(task.work, found.username, display_name=given(team.display_name))

    task.progress.step()
    return Subject(where, team, had)


def _add_team(task: Job, team: Team) -> Whole:
    listed = given(team.groups) is not None
    account = teams.add(
        task.work,
        team.username,
        display_name=given(team.display_name),
        first_groups=not listed,
        identity=Identity(uuid=given(team.uuid)),
    )
    task.add(account)
    return job.new(account) if listed else whole.of(task.work, account.username)
