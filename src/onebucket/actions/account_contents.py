"""What an account owns, by name: shown before it is deleted, and kept in the journal afterwards."""

from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.journal_entry import Facts
from onebucket.domain.policy import To
from onebucket.store import (
    group_members,
    invitation_rows,
    oauth_consumer_rows,
    project_rows,
    repository_rows,
    webhook_rows,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What an account owns: usernames of members by the group's slug, and names of everything else."""

    groups: dict[str, list[str]]
    projects: list[str]
    repositories: list[str]
    invitations: list[str]
    consumers: list[str]
    webhooks: list[str]

    @property
    def facts(self) -> Facts:
        """The journal's record of it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def is_empty(self) -> bool:
        """Whether the account owns nothing."""
        return not any(self.facts.values())


def load(work: UnitOfWork, owner: Account) -> Contents:
    """Load what an account owns, for site administrators."""
    access.account(work, owner.id, to=To.RUN_SITE)
    return Contents(
        groups={
            roster.group.slug: [member.username for member in roster.members or ()]
            for roster in group_members.load_groups(work.tx, account_id=owner.id)
        },
        projects=[project.key for project in project_rows.of_account(work.tx, owner.id)],
        repositories=[repository.slug for repository in repository_rows.of_account(work.tx, owner.id)],
        invitations=[invitation.email for invitation in invitation_rows.of_account(work.tx, owner.id)],
        consumers=[consumer.key for consumer in oauth_consumer_rows.of_account(work.tx, owner.id)],
        webhooks=[webhook.url for webhook in webhook_rows.of_account(work.tx, owner.id)],
    )
