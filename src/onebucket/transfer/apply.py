"""Applies account documents: creates or changes what they name, through actions, and leaves the rest alone.

Each step runs for all accounts before the next one: people, teams, groups, members, projects, repositories, privileges,
invitations, webhooks. So a document may refer to what another one creates. Removals come last, so that one apply can
replace an administrator by another.
"""

from collections.abc import Sequence

from onebucket.actions import account_snapshot, teams
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.accounts import Identity
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.domain.removal_limits import RemovalLimit
from onebucket.transfer import apply_contents, apply_context, apply_people, removal_limit
from onebucket.transfer import prune as pruning
from onebucket.transfer.apply_context import ApplyContext, Report, Subject, describe
from onebucket.transfer.model import Document, Team, given_fields, merged


def apply(
    work: UnitOfWork,
    documents: Sequence[Document],
    *,
    prune: bool,
    cap: RemovalLimit | None = None,
    send_letters: bool = False,
    progress: Report | None = None,
) -> None:
    """Create and change what the documents name. The caller opens the transaction and rolls it back on a refusal.

    A missing key leaves that attribute unchanged, or at its default on a new object; a new team without `groups` gets
    the two first groups. Applying the same documents again writes nothing. A placeholder address (`NOWHERE`) is given
    only to people who have no address.

    `prune` also removes groups, members, privileges, invitations and webhooks of the named accounts that the documents
    don't have; never accounts or repositories. It considers only keys that are present: without `members`, nobody is
    removed from that group; with `repositories`, privileges on unlisted repositories are removed too. `cap` limits what
    any account may lose.

    `send_letters` sends mail to the people who are invited. `progress` is called with the steps done and their total.
    Raises Refusal, whose sentence says where in the documents, and TooManyRemovals.
    """
    document = merged(documents)
    task = apply_context.with_progress(work, document, progress)
    task.sends_letters = send_letters

    subjects = apply_people.apply_people(task, document.users) + [_team(task, team) for team in document.teams]
    apply_people.check_known(task, subjects)
    for settle in apply_contents.IN_ORDER:
        for subject in subjects:
            settle(task, subject)
    if prune:
        for subject in subjects:
            pruning.prune(task, subject)
    if cap is not None:
        removal_limit.check(work, subjects, cap)


def _team(task: ApplyContext, team: Team) -> Subject:
    where = f"teams/{team.username}"
    with describe(where):
        account = task.account(team.username)
        if account is None:
            before = _add_team(task, team)
        elif not account.is_team:
            raise Invalid(f"{account.username} is a person, not a team")
        else:
            apply_people.check_same(account, team.username, uuid=given_fields(team.uuid))
            before = account_snapshot.snapshot_of(task.work, account.username)
            teams.change(task.work, account.username, display_name=given_fields(team.display_name))

    task.progress.advance()
    return Subject(where, team, apply_contents.renamed(task, team, before))


def _add_team(task: ApplyContext, team: Team) -> AccountSnapshot:
    has_groups = given_fields(team.groups) is not None
    account = teams.add(
        task.work,
        team.username,
        display_name=given_fields(team.display_name),
        first_groups=not has_groups,
        identity=Identity(uuid=given_fields(team.uuid)),
    )
    task.add(account)
    if has_groups:
        return apply_context.describe_new(account)
    return account_snapshot.snapshot_of(task.work, account.username)
