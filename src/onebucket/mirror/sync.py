"""Compares a mirror's account with its workspace at the host, and carries over what differs."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from onebucket.actions import mirror_settings, mirrored_access, mirrors
from onebucket.actions.mirrored_access import MirroredAccess
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import mirror_causes
from onebucket.domain.journal_entry import Entry
from onebucket.domain.mirror_grants import GrantKind
from onebucket.mirror import comparison, group_comparison, inviting
from onebucket.mirror.comparison import Comparison, Difference, Effect, Invitation, There
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.group_comparison import GroupsHere, GroupsThere, GroupsToCompare
from onebucket.mirror.host import HostState, read_host
from onebucket.remote.connector import Connector, RemotePlace
from onebucket.remote.errors import NotPermitted, NotThere, Rejected
from onebucket.store.mirror_rows import MirroredPermission

# Changes that are carried at once. Those that were under way when one of them fails are finished.
AT_ONCE = 8
# How long a change that is under way may take when the mirror is stopped.
FINISH_SECONDS = 2.0

# Opens a unit of work in a transaction of its own, for reading or for writing.
OpenWork = Callable[[], AbstractContextManager[UnitOfWork]]


class TooManyRemovals(Exception):
    """The mirror would take away more than its limit; the message says how much and which limit would allow it.

    `compared` is what the comparison found.
    """

    def __init__(self, message: str, compared: Comparison) -> None:
        super().__init__(message)
        self.compared = compared


@dataclass(slots=True)
class Outcome:
    """What a run did: the differences that it carried over, and those that the host refused, with its sentence.

    `not_invited` is the sentence with which the host refused to invite somebody.
    `is_report` if the mirror's mode is report: then it did nothing.
    """

    carried: list[Difference] = field(default_factory=list)
    refused: list[tuple[Difference, str]] = field(default_factory=list)
    invited: list[Invitation] = field(default_factory=list)
    not_invited: str = ""
    is_report: bool = False


class MirrorSync:
    """One mirror with its connector. `reading` and `writing` open units of work on the database here.

    `configuration` is the file's, with what was set on the mirror's page when it last compared; each comparison reads
    that again. `revision` is the account's revision at the last comparison, None before it; `carried` counts what was
    set and removed. `carried_revision` is the account's when everything was carried last: what has changed since is the
    cause of what is carried next.
    """

    def __init__(
        self, configuration: MirrorConfiguration, connector: Connector, *, reading: OpenWork, writing: OpenWork
    ) -> None:
        self.configuration = configuration
        self._connector = connector
        self._reading = reading
        self._writing = writing
        self._host: HostState | None = None
        # Groups that the host refused something for: until it is read again, their people are given it themselves.
        self._refused: set[str] = set()
        self._not_invited = ""
        self.revision: int | None = None
        self.carried = 0
        self.carried_revision: int | None = None
        self._changes: Sequence[Entry] = ()

    async def compare(self, *, afresh: bool = True) -> tuple[MirroredAccess, Comparison]:
        """Read both sides and compare them; without `afresh`, take for the host's side what is known of it.

        The host is read first: then what changes here meanwhile isn't missed. Raises RemoteError, Refusal.
        """
        self._read_settings()
        if afresh or self._host is None:
            self._host = await self._read_host()
        host, configuration = self._host, self.configuration
        with self._reading() as work:
            here = mirrored_access.read(work, configuration.account, configuration.name, host.projects.__contains__)
        self.revision = here.revision
        here, addresses = self._by_address(here, host)
        owners = {person.id for person in host.people if person.is_owner}
        spared = {
            person.id for person in host.everybody if configuration.spares(person.name, here.names.get(person.id, ""))
        }
        # The mirror never locks itself out, whatever its account may do here.
        untouched = {host.me.id, *owners, *spared}
        groups = self._compare_groups(here, host, untouched)
        people = comparison.compare(
            here.levels,
            There(
                host.given[GrantKind.PERSON],
                host.inherited(groups.on_repositories, groups.on_projects),
                {each.id: each.name for each in host.people},
                untouched,
            ),
            repositories=host.projects,
            ours=here.set_there[GrantKind.PERSON],
            takes_over=configuration.takes_over,
            names=here.names,
        )
        compared = groups.found.joined(people)
        if configuration.invites and not self._not_invited:
            strangers = inviting.strangers(here, host.people) - untouched
            compared.to_invite = inviting.choose(here, strangers, addresses, host.groups, configuration.spares)
        return here, compared

    def _by_address(self, here: MirroredAccess, host: HostState) -> tuple[MirroredAccess, Mapping[str, str]]:
        """Find members there who are people here under another id, by their addresses; return these for strangers."""
        if not inviting.strangers(here, host.people):
            return here, {}
        with self._reading() as work:
            addresses = mirrored_access.addresses(work, self.configuration.account)
        return inviting.known_by_address(here, host.people, addresses), addresses

    def _compare_groups(
        self, here: MirroredAccess, host: HostState, untouched: Collection[str]
    ) -> group_comparison.GroupComparison:
        """Compare what groups have: those on both sides, those that the mirror gave something, or all."""
        configuration, ours = self.configuration, here.set_there
        on_repositories, on_projects = host.given[GrantKind.GROUP], host.given[GrantKind.PROJECT_GROUP]
        known = {slug for kind in GrantKind if kind.is_of_group for _, slug in ours[kind]} | here.groups.keys()
        if configuration.takes_over:
            known |= host.groups.keys()
        groups = {
            slug: here.groups.get(slug, slug)
            for slug in known & host.groups.keys()
            if not configuration.spares(slug, here.groups.get(slug, slug)) and slug not in self._refused
        }
        if not configuration.has_groups:
            return group_comparison.GroupComparison(Comparison(), on_repositories, on_projects)
        return group_comparison.compare(
            GroupsHere(here.of_groups, here.on_projects, here.levels),
            GroupsThere(
                on_repositories,
                on_projects,
                {slug: {*members} - {*untouched} for slug, members in host.groups.items()},
                host.projects,
                host.whole,
            ),
            GroupsToCompare(
                groups,
                ours,
                configuration.takes_over,
                {person.id: person.name for person in host.everybody} | dict(here.names),
                configuration.max_split,
            ),
        )

    async def run(
        self,
        *,
        afresh: bool = True,
        allowed_removals: int | None = None,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> tuple[Comparison, Outcome]:
        """Compare, and put the differences right at the host, each with a journal entry here.

        `allowed_removals` may be more than the configured limit. `may_go_on` is asked before each change. When it is
        cancelled, it finishes the change that it is at. Raises RemoteError, for what concerns more than one permission;
        TooManyRemovals before anything is changed.
        """
        if afresh:
            self._refused.clear()
            self._not_invited = ""
        here, compared = await self.compare(afresh=afresh)
        outcome = Outcome(is_report=not self.configuration.can_change)
        if outcome.is_report:
            return compared, outcome
        self._check_removals(compared, allowed_removals)
        if self.carried_revision is not None:
            with self._reading() as work:
                self._changes = mirrors.changes_since(work, self.configuration.account, self.carried_revision)
        # What groups gain comes first, because it decides what people need; what is lost comes last, so that nobody
        # who keeps their access is without it in between.
        while gains := [each for each in compared.differences if each.gives_to_group]:
            await self._carry_all(here, gains, outcome, may_go_on)
            refused = {each.person_id for each, _ in outcome.refused} - self._refused
            if not refused:
                break
            self._refused |= refused
            here, compared = await self.compare(afresh=False)
        rest = [each for each in compared.differences if not each.gives_to_group]
        for effect in Effect.GAINS, Effect.LOSES:
            await self._carry_all(here, [each for each in rest if each.effect is effect], outcome, may_go_on)
        await self._invite_all(here, compared.to_invite, outcome, may_go_on)
        compared.to_invite = [each for each in compared.to_invite if each not in outcome.invited]
        self.carried_revision = self.revision
        return compared, outcome

    async def _invite_all(
        self, here: MirroredAccess, invitations: Sequence[Invitation], outcome: Outcome, may_go_on: Callable[[], bool]
    ) -> None:
        """Invite people, each with a journal entry here; after the first that is refused the others aren't tried."""
        for each in invitations:
            if not may_go_on():
                break
            try:
                await _uncut(self._invite(here, each))
            except (NotPermitted, NotThere, Rejected) as error:
                outcome.not_invited = self._not_invited = (
                    f"{each.name} can't be invited, and nobody else is until the next full comparison: {error}"
                )
                break
            outcome.invited.append(each)

    async def _invite(self, here: MirroredAccess, invitation: Invitation) -> None:
        name, person_id = self.configuration.name, invitation.person_id
        with self._writing() as work:
            mirrors.intend_invitation(work, here.owner, name, person_id)
        try:
            await self._connector.invite(invitation.email, invitation.group)
        except (NotPermitted, NotThere, Rejected):
            with self._writing() as work:
                mirrors.forget_invitation(work, here.owner, name, person_id)
            raise
        with self._writing() as work:
            mirrors.record_invitation(
                work, here.owner, name, person_id, invitation.group, name=invitation.name, email=invitation.email
            )

    async def _carry_all(
        self,
        here: MirroredAccess,
        differences: Sequence[Difference],
        outcome: Outcome,
        may_go_on: Callable[[], bool],
    ) -> None:
        """Carry some differences at once: each is about another place, so their order doesn't matter."""
        done: dict[Difference, str] = {}
        left = iter(differences)

        async def carry() -> None:
            for difference in left:
                if not may_go_on():
                    return
                try:
                    await _uncut(self._carry(here, difference))
                except (NotPermitted, NotThere, Rejected) as error:
                    if isinstance(error, NotPermitted) and error.missing:
                        # The credential lacks a scope, for this permission and for every other.
                        raise
                    done[difference] = str(error)
                else:
                    done[difference] = ""
                    self.carried += 1

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(differences))):
                    group.create_task(carry())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        outcome.carried += [each for each in differences if done.get(each) == ""]
        outcome.refused += [(each, done[each]) for each in differences if done.get(each)]

    def current_revision(self) -> int:
        """Return the account's revision here; while it is `revision`, nothing has changed since the comparison."""
        with self._reading() as work:
            return mirrored_access.revision(work, self.configuration.account)

    def _read_settings(self) -> None:
        """Take what is set on the mirror's page now; what it knows of the host may have left out repositories."""
        with self._reading() as work:
            by_page = mirror_settings.set_by_page(work, self.configuration.account, self.configuration.name)
        configuration = self.configuration.with_settings(by_page)
        if configuration != self.configuration:
            self.configuration, self._host = configuration, None

    async def _read_host(self) -> HostState:
        configuration = self.configuration
        with self._reading() as work:
            slugs_here = mirrored_access.repository_slugs(work, configuration.account)
        # A repository that isn't here says nothing about who may use it there.
        return await read_host(self._connector, lambda slug: slug in slugs_here and configuration.includes(slug))

    def _check_removals(self, compared: Comparison, allowed: int | None) -> None:
        limit, removals = self.configuration.max_removals, len(compared.removals)
        if not limit.allows(removals, compared.compared) and (allowed is None or removals > allowed):
            raise TooManyRemovals(
                f"{removals:,} of {compared.compared:,} permissions there would be lowered or removed, and "
                f"max_removals is {limit}: nothing was changed; {removals} would allow it",
                compared,
            )

    async def _carry(self, here: MirroredAccess, difference: Difference) -> None:
        """Set or remove one permission at the host. The intention is stored first, the journal entry after it."""
        name, owner, kind = self.configuration.name, here.owner, difference.kind
        place = RemotePlace(*difference.place, kind.is_of_group, kind.is_on_project)
        because = mirror_causes.because(self._changes, difference.name)
        if difference.target:
            permission = MirroredPermission(*difference.place, difference.target, kind)
            with self._writing() as work:
                mirrors.intend(work, owner, name, permission)
            await self._connector.set(place, difference.target.word)
            with self._writing() as work:
                mirrors.record_set(
                    work, owner, name, permission, name=difference.name, before=difference.there, because=because
                )
        else:
            await self._connector.unset(place)
            gone = MirroredPermission(*difference.place, difference.there, kind)
            with self._writing() as work:
                mirrors.record_removal(work, owner, name, gone, name=difference.name, because=because)
        if self._host is not None:
            self._host.carried(difference)


async def _uncut(changing: Coroutine[Any, Any, None]) -> None:
    """Wait for a change; when cancelled, for a while longer, so that no journal entry is missing for what was done."""
    task = asyncio.ensure_future(changing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=FINISH_SECONDS)
        task.cancel()
        raise
