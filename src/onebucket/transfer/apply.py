"""Applying account documents: what they name is made or changed, through actions, and the rest is left.

People come first, then teams, groups, members, repositories, privileges and invitations, each for all accounts before
the next, so that any document may mention what another one makes. What takes rights away comes last, so that one
administrator can be replaced by another in one go.
"""

from collections.abc import Sequence

from onebucket.actions import teams, whole
from onebucket.actions.accounts import Identity
from onebucket.actions.whole import Whole
from onebucket.actions.work import Work
from onebucket.domain.refusals import Invalid
from onebucket.transfer import contents, job, people, pruning, removals
from onebucket.transfer.job import Job, Report, Subject, about
from onebucket.transfer.parts import Document, Team, given, together


def apply(
    work: Work,
    documents: Sequence[Document],
    *,
    prune: bool,
    cap: removals.Cap | None = None,
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
    document = together(documents)
    task = job.begun(work, document, progress)
    task.sends_letters = send_letters

    subjects = people.settle(task, document.users) + [_team(task, team) for team in document.teams]
    people.check_known(task, subjects)
    for settle in contents.IN_ORDER:
        for subject in subjects:
            settle(task, subject)
    if prune:
        for subject in subjects:
            pruning.prune(task, subject)
    if cap is not None:
        removals.check(work, subjects, cap)


def _team(task: Job, team: Team) -> Subject:
    where = f"teams/{team.username}"
    with about(where):
        found = task.account(team.username)
        if found is None:
            had = _add_team(task, team)
        elif not found.is_team:
            raise Invalid(f"{found.username} is a person, not a team")
        else:
            people.check_same(found, team.username, uuid=given(team.uuid))
            had = whole.of(task.work, found.username)
            teams.change(task.work, found.username, display_name=given(team.display_name))

    task.progress.step()
    return Subject(where, team, contents.renamed(task, team, had))


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
