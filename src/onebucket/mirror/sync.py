"""Compares a mirror's account with its workspace at the host, and carries over what differs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from onebucket.actions import mirrors
from onebucket.actions.mirrors import MirroredAccess
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.mirror import comparison
from onebucket.mirror.comparison import Comparison, Difference, There
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.host import HostState, read_host
from onebucket.remote.connector import Connector
from onebucket.remote.errors import NotPermitted, NotThere, Rejected
from onebucket.store.mirror_rows import MirroredPermission

# Opens a unit of work in a transaction of its own, for reading or for writing.
OpenWork = Callable[[], AbstractContextManager[UnitOfWork]]


class TooManyRemovals(Exception):
    """The mirror would take away more than its limit; the message says how much and which limit would allow it."""


@dataclass(slots=True)
class Outcome:
    """What a run did: the differences that it carried over, and those that the host refused, with its sentence."""

    carried: list[Difference] = field(default_factory=list)
    refused: list[tuple[Difference, str]] = field(default_factory=list)


class MirrorSync:
    """One mirror with its connector. `reading` and `writing` open units of work on the database here.

    `revision` is the account's revision at the last comparison, None before it; `carried` counts what was set and
    removed.
    """

    def __init__(
        self, configuration: MirrorConfiguration, connector: Connector, *, reading: OpenWork, writing: OpenWork
    ) -> None:
        self._configuration = configuration
        self._connector = connector
        self._reading = reading
        self._writing = writing
        self._host: HostState | None = None
        self.revision: int | None = None
        self.carried = 0

    async def compare(self, *, afresh: bool = True) -> tuple[MirroredAccess, Comparison]:
        """Read both sides and compare them; without `afresh`, take for the host's side what is known of it.

        The host is read first: then what changes here meanwhile isn't missed. Raises RemoteError, Refusal.
        """
        if afresh or self._host is None:
            self._host = await self._read_host()
        host, configuration = self._host, self._configuration
        with self._reading() as work:
            here = mirrors.mirrored_access(
                work, configuration.account, configuration.name, host.repositories.__contains__
            )
        self.revision = here.revision
        owners = {person.id for person in host.people if person.is_owner}
        spared = {
            person.id for person in host.everybody if configuration.spares(person.name, here.names.get(person.id, ""))
        }
        # The mirror never locks itself out, whatever its account may do here.
        untouched = {host.me.id, *owners, *spared}
        there = There(host.given, host.inherited, {each.id: each.name for each in host.people}, untouched)
        return here, comparison.compare(
            here.levels,
            there,
            repositories=host.repositories,
            ours=here.set_there,
            takes_over=configuration.takes_over,
            names=here.names,
        )

    async def run(self, *, afresh: bool = True) -> tuple[Comparison, Outcome]:
        """Compare, and put the differences right at the host, each with a journal entry here.

        Raises RemoteError, for what concerns more than one permission; TooManyRemovals before anything is changed.
        """
        here, compared = await self.compare(afresh=afresh)
        outcome = Outcome()
        if not self._configuration.can_change:
            return compared, outcome
        self._check_removals(compared)
        for difference in compared.differences:
            try:
                await self._carry(here, difference)
            except (NotPermitted, NotThere, Rejected) as error:
                outcome.refused.append((difference, str(error)))
            else:
                outcome.carried.append(difference)
                self.carried += 1
        return compared, outcome

    def current_revision(self) -> int:
        """Return the account's revision here; while it is `revision`, nothing has changed since the comparison."""
        with self._reading() as work:
            return mirrors.revision(work, self._configuration.account)

    async def _read_host(self) -> HostState:
        configuration = self._configuration
        with self._reading() as work:
            slugs_here = mirrors.repository_slugs(work, configuration.account)
        # A repository that isn't here says nothing about who may use it there.
        return await read_host(self._connector, lambda slug: slug in slugs_here and configuration.includes(slug))

    def _check_removals(self, compared: Comparison) -> None:
        limit, removals = self._configuration.max_removals, len(compared.removals)
        if not limit.allows(removals, compared.compared):
            raise TooManyRemovals(
                f"{removals:,} of {compared.compared:,} permissions there would be lowered or removed, and "
                f"max_removals is {limit}: nothing was changed; {removals} would allow it"
            )

    async def _carry(self, here: MirroredAccess, difference: Difference) -> None:
        """Set or remove one permission at the host. The intention is stored first, the journal entry after it."""
        name, owner = self._configuration.name, here.owner
        repository, person = difference.place
        if difference.target:
            permission = MirroredPermission(repository, person, difference.target)
            with self._writing() as work:
                mirrors.intend(work, owner, name, permission)
            await self._connector.set(repository, person, difference.target.word)
            with self._writing() as work:
                mirrors.record_set(work, owner, name, permission, name=difference.name, before=difference.there)
            if self._host is not None:
                self._host.given[difference.place] = difference.target
        else:
            await self._connector.unset(repository, person)
            gone = MirroredPermission(repository, person, difference.there)
            with self._writing() as work:
                mirrors.record_removal(work, owner, name, gone, name=difference.name)
            if self._host is not None:
                self._host.given.pop(difference.place, None)
