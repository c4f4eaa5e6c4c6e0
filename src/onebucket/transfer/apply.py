"""Applying account documents: what they name is made or changed, through actions, and the rest is left.

People come first, then teams, groups, members, repositories, privileges and invitations, each for all accounts before
the next, so that any document may mention what another one makes. What takes rights away comes last, so that one
administrator can be replaced by another in one go.
"""

from collections.abc import Sequence

from onebucket.actions import account_snapshot, teams
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.accounts import Identity
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.transfer import apply_contents, apply_context, apply_people, removal_limit
from onebucket.transfer import prune as pruning
from onebucket.transfer.apply_context import ApplyContext, Report, Subject, describe
from onebucket.transfer.model import Document, Team, given_fields, merged


def apply(
    work: UnitOfWork,
    documents: Sequence[Document],
    *,
    prune: bool,
    cap: removal_limit.RemovalLimit | None = None,
    send_letters: bool = False,
    progress: Report | None = None,
) -> None:
    """Make and change what the documents name; whoever calls opened the transaction, and undoes it on a refusal.

    A key that a document doesn't have leaves that attribute as it is, or at its default on a new thing; a new team
    without `groups` gets the first two. Applying the same again writes nothing. An address at `NOWHERE` is given to
    people who have none, and replaces no other.

    `prune` also removes groups, members, privileges and invitations that a named account has and the documents haven't,
    never accounts or repositories. It looks only at keys that are there: without `members`, nobody leaves that group;
    with `repositories`, what is set on a repository that isn't listed goes too. No account loses more than the `cap`.

    Whoever is invited gets no letter, unless `send_letters` is given.

    `progress` is told how many things are done, and of how many. Raises Refusal, with a sentence that says where,
    and TooMany.
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
        found = task.account(team.username)
        if found is None:
            had = _add_team(task, team)
        elif not found.is_team:
            raise Invalid(f"{found.username} is a person, not a team")
        else:
            apply_people.check_same(found, team.username, uuid=given_fields(team.uuid))
            had = account_snapshot.snapshot_of(task.work, found.username)
            teams.change(task.work, found.username, display_name=given_fields(team.display_name))

    task.progress.advance()
    return Subject(where, team, apply_contents.renamed(task, team, had))


def _add_team(task: ApplyContext, team: Team) -> AccountSnapshot:
    listed = given_fields(team.groups) is not None
    account = teams.add(
        task.work,
        team.username,
        display_name=given_fields(team.display_name),
        first_groups=not listed,
        identity=Identity(uuid=given_fields(team.uuid)),
    )
    task.add(account)
    return apply_context.describe_new(account) if listed else account_snapshot.snapshot_of(task.work, account.username)
