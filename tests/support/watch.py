"""Compares the server with the model of `slow` after each step of the state machine.

A step runs the real action on a real database on behalf of a signed-in user, and the same change in the model. The
model predicts whether the step is done or refused.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, product
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

import slow
from onebucket.actions import (
    access_checks,
    account_privileges,
    accounts,
    directories,
    directory_groups,
    directory_people,
    effective_permissions,
    groups,
    invitations,
    pending_invitations,
    privileges,
    project_privileges,
    projects,
    repositories,
    teams,
    tokens,
)
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.privileges import PrivilegeFilter, PrivilegeListing
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Refusal
from onebucket.http.auth.authentication import Authentication, VerifiedCredential
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction
from scene import Scene
from slow import World

PEOPLE = ("alice", "bob", "dora", "gina", "mallory", "Pia", "root")
TEAMS = ("acme", "globex", "nova")
ACCOUNTS = (*TEAMS, "Pia")
# Directories and the teams that have them at first.
DIRECTORIES = {"okta": "acme", "entra": "globex"}
# Names of groups and their slugs; two names share one slug.
NAMES = {
    "Administrators": "administrators",
    "Developers": "developers",
    "Designers": "designers",
    "DESIGNERS!": "designers",
    "Night  Crew": "night-crew",
}
GROUPS = tuple(sorted(set(NAMES.values())))
REPOSITORIES = ("Rocket", "engine", "rocket")
PROJECTS = ("OPS", "PROJ", "X_1")

_START = datetime(2026, 3, 4, 9, 15, tzinfo=UTC)
_FILTERS = [
    PrivilegeFilter(Level[least], private) for least, private in product(("READ", "WRITE", "ADMIN"), (False, True))
]

Deed = Callable[[UnitOfWork], Any]
# The ways of access, by person and repository of an account.
Ways = dict[tuple[str, str], list[slow.Way]]
_EVERYTHING: list[slow.Way] = [("admin", "owner", None, None)]


@dataclass
class Tally:
    """Counts of steps, of compared answers, and of deeds done and refused by kind."""

    steps: int = 0
    compared: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


# -- starting data ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A database with the starting data in a transaction that is never committed, and the same data as a model."""

    tx: Transaction
    world: World
    authentication: Authentication
    proofs: Mapping[str, VerifiedCredential]
    spellings: Mapping[str, Sequence[str]]
    directories: Mapping[str, str]
    new_id: Callable[[], str]


def set_up(database: Database, tx: Transaction) -> Stage:
    """Create the starting data: administrators are alice (acme), gina (globex), Pia (own account) and root (site)."""
    serial = count(1)

    def new_id() -> str:
        return f"00000000-0000-4000-8000-{next(serial):012x}"

    work = UnitOfWork(OPERATOR, tx, _START, "test", new_id)
    proofs, spellings = {}, {}
    for each in PEOPLE:
        added = accounts.add_user(work, each, email=f"{each}@example.com", site_admin=each == "root")
        token = tokens.add(work, each, secret_hash=f"of {each}", scopes=frozenset())
        proofs[each] = VerifiedCredential(added.id, each, token.credential, None, bearer=False)
        spellings[each] = (each, each.upper(), f"{{{added.id}}}", added.id, added.aaid or "", f"{each}@Example.COM")
    teams.add(work, "acme", administrator="alice")
    teams.add(work, "globex", administrator="gina")
    groups.create(work, "acme", name="Designers")
    groups.create(work, "globex", name="Night Crew")
    groups.set_account_privilege(work, "globex", "night-crew", AccountPrivilege.ADMIN)
    groups.create(work, "Pia", name="Developers", permission=Level.READ)
    for where, group, member in (
        ("acme", "developers", "bob"),
        ("acme", "developers", "dora"),
        ("acme", "designers", "dora"),
        ("globex", "developers", "alice"),
        ("globex", "night-crew", "gina"),
        ("Pia", "developers", "bob"),
    ):
        groups.add_member(work, where, group, member)
    for where in ("acme", "globex", "Pia"):
        repositories.add(work, where, "rocket")
    projects.create(work, "acme", "OPS", name="Operations")
    repositories.add(work, "acme", "engine", project="OPS", is_private=False)
    project_privileges.set_for_group(work, "acme", "OPS", "designers", ProjectLevel.READ)
    project_privileges.set_for_person(work, "globex", "PROJ", "bob", ProjectLevel.CREATE_REPO)
    privileges.grant(work, "acme", "rocket", "acme", "designers", Level.ADMIN, PrivilegeFilter())
    privileges.grant_direct(work, "acme", "rocket", "bob", Level.READ)
    privileges.grant_direct(work, "globex", "rocket", "dora", Level.ADMIN)
    privileges.grant_direct(work, "Pia", "rocket", "mallory", Level.WRITE)
    for where, group, email in (("acme", "designers", "mallory"), ("globex", "night-crew", "alice")):
        inviter = "alice" if where == "acme" else "gina"
        invitations.set_groups(work, where, f"{email}@example.com", [group], inviter=inviter)
    invitations.set_repository(work, "acme", "bob@example.com", "rocket", Level.ADMIN, inviter="alice")
    added = {}
    for label, where in DIRECTORIES.items():
        made = directories.add(
            work, where, secret_hash=f"of {label}", label=label, domains=["example.com"], adopts_groups=label == "okta"
        )
        added[label] = made.directory.id
        proofs[label] = VerifiedCredential(made.team.id, None, made.keys[0].credential, None, bearer=True)
    return Stage(tx, _world(), Authentication(database, lambda: 0.0), proofs, spellings, added, new_id)


def _world() -> World:
    return World(
        people={each: slow.Person(runs_site=each == "root") for each in PEOPLE},
        accounts={
            "acme": slow.Account(
                directory=slow.Directory("okta", adopts=True),
                groups=first_groups(["alice"], ["bob", "dora"]) | {"designers": slow.Group(members={"dora"})},
                repositories={
                    "rocket": slow.Repository(groups={"designers": "admin"}, people={"bob": "read"}),
                    "engine": slow.Repository("OPS", public=True),
                },
                projects={"PROJ": slow.Project(), "OPS": slow.Project(groups={"designers": "read"})},
                invited={
                    ("mallory", None): slow.Invitation("alice", {"designers"}),
                    ("bob", "rocket"): slow.Invitation("alice", permission="admin"),
                },
            ),
            "globex": slow.Account(
                directory=slow.Directory("entra", adopts=False),
                groups=first_groups(["gina"], ["alice"])
                | {"night-crew": slow.Group(administers=True, members={"gina"})},
                projects={"PROJ": slow.Project(people={"bob": "create-repo"})},
                repositories={"rocket": slow.Repository(people={"dora": "admin"})},
                invited={("alice", None): slow.Invitation("gina", {"night-crew"})},
            ),
            "Pia": slow.Account(
                owner="Pia",
                groups={"developers": slow.Group("read", members={"bob"})},
                projects={"PROJ": slow.Project()},
                repositories={"rocket": slow.Repository(people={"mallory": "write"})},
            ),
        },
    )


def first_groups(administrators: Iterable[str] = (), developers: Iterable[str] = ()) -> dict[str, slow.Group]:
    """Return the groups that every new team has (contract/api-1.0.md#1.12)."""
    return {
        "administrators": slow.Group("admin", administers=True, members=set(administrators)),
        "developers": slow.Group("write", members=set(developers)),
    }


def _nothing() -> None:
    """Change nothing in the model."""


# -- the machine -----------------------------------------------------------------------------------


class Watch(RuleBasedStateMachine):
    """The checks at each step, independent of the deed; machines with the same `tally` add up their counts."""

    def __init__(self, stage: Stage, tally: Tally) -> None:
        super().__init__()
        self.stage = stage
        self.tally = tally
        stage.tx.run_deferred()
        stage.tx.connection.execute("SAVEPOINT machine")
        # A new transaction object, so that no state is carried over from the last machine.
        self.tx = type(stage.tx)(stage.tx.connection)
        self.world = deepcopy(stage.world)
        self.at = _START + timedelta(days=1)
        self.turn = 0
        self.ways = {where: self.compared(where) for where in self.world.accounts}
        self.states: dict[tuple[Any, ...], Ways] = {}
        self.tell_states_apart()

    def turn_back(self) -> None:
        """Reset everything to the start, as a restore does; what follows is another history."""
        self.tx.connection.execute("ROLLBACK TO machine")
        self.tx = type(self.stage.tx)(self.stage.tx.connection)
        self.world = deepcopy(self.stage.world)
        self.ways = {where: self.compared(where) for where in self.world.accounts}
        self.tell_states_apart()

    def tell_states_apart(self) -> None:
        """Check that no two different states have had the same cache stamps."""
        self.tx.run_deferred()
        stamps = dict(self.tx.connection.execute("SELECT username, stamp FROM accounts"))
        directory = self.tx.connection.execute("SELECT value FROM site WHERE name = 'directory'").fetchone()
        for where, ways in self.ways.items():
            key = (where, stamps[where], directory)
            assert self.states.setdefault(key, ways) == ways, f"{where} had the same stamps in another state"

    def teardown(self) -> None:
        """Compare everything once more, including what no step has touched."""
        try:
            assert {where: self.compared(where) for where in self.world.accounts} == self.ways
        finally:
            self.undo()

    def undo(self) -> None:
        """Roll back to the starting data."""
        self.tx.connection.execute("ROLLBACK TO machine")
        self.tx.connection.execute("RELEASE machine")

    def work(self, actor: str = "operator") -> UnitOfWork:
        """Return a unit of work of a user who signs in now. Raises Unauthenticated for a disabled person."""
        self.at += timedelta(seconds=1)
        if actor == "operator":
            return UnitOfWork(OPERATOR, self.tx, self.at, "test", self.stage.new_id)
        signed_in = self.stage.authentication.actor(self.tx, self.stage.proofs[actor], self.at)
        return UnitOfWork(signed_in, self.tx, self.at, "test", self.stage.new_id)

    def step(
        self,
        actor: str,
        may: bool,
        deed: Deed,
        then: Callable[[], Any] = _nothing,
        *,
        where: str | None = None,
        may_orphan: bool = False,
        invited: bool = False,
        tries: bool = False,
    ) -> bool:
        """Do a deed that must be done or refused as `may` predicts, then compare; return True if it was done.

        - `then` makes the same change in the model.
        - `where` is the account it is about; None if it may touch all.
        - `may_orphan`: it may leave a team without an administrator.
        - `invited`: the actor gains access that somebody else has granted, or is no person.
        - `tries`: it may have begun when it is refused; the savepoint undoes that.
        """
        may = may and self.is_here(actor)
        administered, revisions = self.administered(), self.revisions()
        rows = self.tx.connection.total_changes

        try:
            with self.tx.savepoint():
                deed(self.work(actor))
            done = True
        except Refusal as refusal:
            done = False
            assert not may, f"{actor} may, and was refused: {refusal.sentence}"
            assert tries or self.tx.connection.total_changes == rows, f"refused, and yet changed: {refusal.sentence}"
        assert done == may, f"{actor} may not, and did"

        kind = deed.__qualname__.split(".")[1]
        self.tally.steps += 1
        (self.tally.done if done else self.tally.refused)[kind] += 1
        if done:
            before = deepcopy(self.world)
            then()
            slow.settle(before, self.world)
            self.compare("operator" if invited else actor, where, revisions)
            self.tell_states_apart()
            assert may_orphan or administered & self.teams() <= self.administered()
        self.look_around()
        return done

    def revisions(self) -> dict[str, int]:
        """Return the revision of every account."""
        self.tx.run_deferred()
        return dict(self.tx.connection.execute("SELECT username, revision FROM accounts"))

    def compare(self, actor: str, where: str | None, revisions: Mapping[str, int]) -> None:
        """Compare what was touched with the model; check that changes were allowed and have raised a revision."""
        accounts, before = self.world.accounts, self.ways
        touched = {where} if where in accounts else set(accounts)
        self.ways = {each: self.compared(each) if each in touched else before[each] for each in accounts}
        now = self.revisions()

        for each in touched:
            had = before.get(each, {})
            for (person, repository), ways in self.ways[each].items():
                if ways == had.get((person, repository), ways):
                    continue
                # A client that caches decisions by revision must notice (access_checks.AccessDecision).
                assert any(now[name] != revisions[name] for name in (each, person))
            for (person, repository), ways in self.ways[each].items() if actor != "operator" else ():
                was, has = level(had.get((person, repository), [])), level(ways)
                # Nobody has lost or gained anything by a new repository, which is empty.
                own = level(had.get((actor, repository), _EVERYTHING))
                assert was == has or (slow.at_least(own, was) and slow.at_least(own, has)), (
                    f"{actor}, who had {own} on {each}/{repository}, changed what {person} has from {was} to {has}"
                )

    def compared(self, where: str) -> Ways:
        """Compare everybody's access, the invitations and lists of an account with the model; return the access."""
        found = self.world.accounts[where]
        pairs = [(person, repository) for repository in sorted(found.repositories) for person in PEOPLE]
        answers = access_checks.check_many(
            self.work(), [AccessQuery(person, where, repository) for person, repository in pairs]
        )
        ways = {
            (person, repository): self.same(answer, person, where, repository)
            for (person, repository), answer in zip(pairs, answers, strict=True)
        }

        assert self.pending(where) == {
            (person, slug, invitation.inviter, invitation.permission)
            for (person, repository), invitation in found.invited.items()
            for slug in ([repository] if repository is not None else sorted(invitation.groups))
        }
        self.same_projects(where)
        self.same_directory(found)
        self.same_listing(privileges.of_account(self.work(), where, PrivilegeFilter()), where)
        given = privileges.list_direct(self.work(), where)
        assert {(each.repository.slug, each.person.username): each.level.word for each in given} == {
            (slug, person): level
            for slug, repository in found.repositories.items()
            for person, level in repository.people.items()
        }
        _, kept = account_privileges.of_account(self.work(), where)
        assert {slug for slug, privilege in kept.items() if privilege is AccountPrivilege.ADMIN} == {
            slug for slug, group in found.groups.items() if group.administers
        }
        return ways

    def same(self, answer: AccessDecision | Refusal, person: str, where: str, repository: str) -> list[slow.Way]:
        """Check that an answer to an access check equals the model's."""
        assert isinstance(answer, AccessDecision), f"{person} on {where}/{repository}: {answer.sentence}"
        ways = [(way.level.word, way.through.value, way.group, way.project) for way in answer.ways]
        assert ways == slow.ways(self.world, person, where, repository), f"{person} on {where}/{repository}"
        assert answer.level.word == slow.level(self.world, person, where, repository)
        for way in answer.ways:
            if way.group is not None:
                assert way.directory == self.keeper(self.world.accounts[where], way.group.partition("/")[2])
        assert (answer.person.username, answer.owner.username, answer.repository.slug) == (person, where, repository)
        self.tally.compared += 1
        return ways

    def keeper(self, account: slow.Account, group: str) -> str | None:
        """Return the label of the directory that keeps a group; None if its account does."""
        return account.directory.label if account.directory and account.groups[group].kept else None

    def same_directory(self, account: slow.Account) -> None:
        """Check that whom an account's directory knows, and which groups it keeps, equal the model's."""
        directory = account.directory
        kept = {slug: group.members for slug, group in account.groups.items() if group.kept}
        if directory is None:
            assert not kept
            return
        work, id = self.work(directory.label), self.stage.directories[directory.label]
        people, _ = directory_people.listed(work, id, ListQuery(100))
        assert {each.account.username: each.link.is_held for each in people} == directory.people
        names = {each.account.id: each.account.username for each in people}
        found, _ = directory_groups.listed(work, id, ListQuery(100), members=True)
        listed = {each.group.slug: {names[id] for id in each.members or ()} for each in found}
        assert listed == kept, f"{directory.label} keeps {listed}, not {kept}"

    def same_projects(self, where: str) -> None:
        """Check that the projects of an account, and what is set on them, equal the model's."""
        work, found = self.work(), self.world.accounts[where].projects
        listed = [(each.project.key, not each.project.is_private) for each in projects.listed(work, where)]
        assert listed == [(key, found[key].public) for key in sorted(found)]
        for key, project in found.items():
            of_groups = project_privileges.of_groups(work, where, key.lower())
            assert {each.group.slug: each.level.word for each in of_groups} == project.groups
            of_people = project_privileges.of_people(work, where, key)
            assert {each.person.username: each.level.word for each in of_people} == project.people
        self.tally.compared += 1

    def same_listing(
        self, found: PrivilegeListing, where: str, *, repository: str | None = None, group: str | None = None
    ) -> None:
        """Check that a list of group privileges, of all or part of an account, equals the model's."""
        entries = list(found)
        assert [(each.repository.slug, each.roster.group.slug, each.level.word) for each in entries] == slow.listing(
            self.world, where, repository=repository, group=group, least=found.least.word, private=found.private
        )
        for each in entries:
            members = self.world.accounts[where].groups[each.roster.group.slug].members
            assert {member.username for member in each.roster.members or ()} == members
        self.tally.compared += 1

    def pending(self, where: str) -> set[tuple[str, str, str, str]]:
        """Return the server's pending invitations of an account: (person, target, inviter, permission).

        Check that the server and the model agree on which of them can be accepted.
        """
        told = set()
        for _, each in invitations.found(self.work(), account_name=where):
            person, repository = each.email.partition("@")[0], each.repository_slug
            permission = each.permission.word if each.permission else "none"
            told |= {(person, slug, each.invited_by.username, permission) for slug in each.groups or [repository or ""]}
            mirrored = self.world.accounts[where].invited.get((person, repository))
            assert mirrored, f"{person} is still invited to {where}/{repository or each.groups}"
            assert each.is_void != slow.is_good(self.world, where, repository, mirrored)
        self.tally.compared += 1
        return told

    # -- partial checks ----------------------------------------------------------------------------

    def look_around(self) -> None:
        """Compare a small part of everything, another one at each step."""
        self.turn += 1
        where = self.next(sorted(self.world.accounts))
        self.ask_one(where)
        self.ask_several_as(self.next(PEOPLE), where)
        self.list_one(where)
        self.see_projects_as(self.next(PEOPLE, 2), where)
        self.list_levels(where, self.next(PEOPLE, 3))
        assert {team.username for team in teams.without_administrator(self.work())} == {
            team for team in self.teams() if team not in self.administered()
        }

    def next(self, sequence: Sequence[Any], every: int = 1) -> Any:
        """Return another item at each turn, or every so many turns."""
        return sequence[self.turn // every % len(sequence)]

    def ask_one(self, where: str) -> None:
        person = self.next(PEOPLE, 3)
        for repository in sorted(self.world.accounts[where].repositories):
            self.same(
                access_checks.check(self.work(), AccessQuery(person, where, repository)), person, where, repository
            )

    def ask_several_as(self, asker: str, where: str) -> None:
        """Check several queries at once, with unknown names among them; each must be answered as if it were alone."""
        if not self.is_here(asker):
            return
        other, elsewhere = self.next(PEOPLE, 2), self.next(sorted(self.world.accounts), 5)
        repository = self.next(REPOSITORIES)
        asked = [(asker, where, repository), (other, where, repository), (other, elsewhere, repository),
                 (asker, elsewhere, self.next(REPOSITORIES, 2)), ("nobody", where, repository),
                 ("acme", where, repository), (other, "nowhere", repository)]  # fmt: skip
        questions = [AccessQuery(self.spelled(person), self.spelled(account), slug) for person, account, slug in asked]

        answers = access_checks.check_many(self.work(asker), questions)
        for (person, account, slug), answer in zip(asked, answers, strict=True):
            if self.may_ask(asker, person, account, slug):
                self.same(answer, person, account, slug)
            else:
                assert isinstance(answer, Refusal), f"{asker} may not ask about {person} on {account}/{slug}"
        assert same_answer(self.next(answers), self.alone(asker, self.next(questions)))

    def see_projects_as(self, person: str, where: str) -> None:
        """Compare which projects a person may see."""
        if self.is_here(person):
            seen = [each.project.key for each in projects.listed(self.work(person), where)]
            keys = sorted(self.world.accounts[where].projects)
            assert seen == [key for key in keys if slow.sees_project(self.world, person, where, key)]

    def list_levels(self, where: str, person: str) -> None:
        """Compare the list of everybody's levels, and that of one person's own."""
        rows = [
            (repository, each, own)
            for repository in sorted(self.world.accounts[where].repositories)
            for each in sorted(PEOPLE, key=str.lower)
            if (own := slow.listed_level(self.world, each, where, repository)) != "none"
        ]
        _, found, size = effective_permissions.of_account(self.work(), where, ListQuery(100))
        assert [(each.repository.slug, each.person.username, each.level.word) for each in found] == rows
        assert size == len(rows)
        if self.is_here(person):
            listed, _ = effective_permissions.own(self.work(person), ListQuery(100), account_name=where)
            theirs = [(each.repository.slug, person, each.level.word) for _, each in listed]
            assert theirs == [row for row in rows if row[1] == person]
        self.tally.compared += 1

    def alone(self, asker: str, question: AccessQuery) -> AccessDecision | Refusal:
        try:
            return access_checks.check(self.work(asker), question)
        except Refusal as refusal:
            return refusal

    def spelled(self, name: str) -> str:
        return self.next(self.stage.spellings.get(name, (name, name.upper())))

    def list_one(self, where: str) -> None:
        """Compare one of the four lists of 1.0, with one of the filters."""
        found, wanted, work = self.world.accounts[where], self.next(_FILTERS), self.work()
        repository = self.next(sorted(found.repositories), 2) if found.repositories else None
        group = self.next(sorted(found.groups), 3) if found.groups else None
        kind = self.turn % 4
        if kind == 0:
            self.same_listing(privileges.of_account(work, where, wanted), where)
        if kind == 1 and repository:
            self.same_listing(privileges.of_repository(work, where, repository, wanted), where, repository=repository)
        if kind == 2 and group:
            self.same_listing(privileges.of_group(work, where, where, group, wanted), where, group=group)
        if kind == 3 and repository and group:
            one = privileges.one(work, where, repository, where, group, wanted)
            self.same_listing(one, where, repository=repository, group=group)

    def end(self, who: str, may: bool, deed: Deed, *, where: str, group: str, member: str | None = None) -> None:
        """End a group or a membership; the losses that the server predicts must be the model's, and come true."""
        there = self.groups(where).get(group)
        if there is None or there.kept or (member and member not in there.members):
            self.step(who, False, deed)
            return
        after = slow.without(self.world, where, group, member)
        losses = access_checks.impact(self.work(), where, group, member)
        foretold = [(loss.person.username, repository.slug, loss.before.word, loss.after.word)
                    for loss in losses for repository in loss.repositories]  # fmt: skip
        assert sorted(foretold) == sorted(slow.losses(self.world, after, where))
        self.tally.compared += 1
        endings, pending = self.endings(where, group, member), self.pending(where)

        before, may = self.ways[where], may and self.may_end(where, group, member)
        if self.step(who, may, deed, lambda: setattr(self, "world", after), where=where):
            assert endings == {each[:2] for each in pending - self.pending(where)}
            changed = [(*key, level(before[key]), level(now)) for key, now in self.ways[where].items()]
            assert sorted(foretold) == sorted(each for each in changed if each[2] != each[3])

    def endings(self, where: str, group: str, member: str | None) -> set[tuple[str, str]]:
        """Return the invitations that would end, as the server predicts: (person, group or repository)."""
        found: list[Ending]
        if member is None:
            found = pending_invitations.ended_by_deleting(self.work(), where, group)
        else:
            found = pending_invitations.ended_by_leaving(self.work(), where, group, member)
        return {
            (invitation.email.partition("@")[0], slug)
            for invitation, left in found
            for slug in set(invitation.groups or [invitation.repository_slug or ""]) - set(left.groups if left else ())
        }

    # -- the model's answers -----------------------------------------------------------------------

    def teams(self) -> set[str]:
        return {each for each, account in self.world.accounts.items() if account.owner is None}

    def administered(self) -> set[str]:
        return {team for team in self.teams() if slow.administrators(self.world, team)}

    def groups(self, where: str) -> dict[str, slow.Group]:
        return self.world.accounts[where].groups if where in self.world.accounts else {}

    def invited(self, where: str) -> dict[tuple[str, str | None], slow.Invitation]:
        return self.world.accounts[where].invited if where in self.world.accounts else {}

    def address(self, person: str) -> str:
        return f"{person}@example.com"

    def id_of(self, where: str, person: str, repository: str | None) -> str:
        """Return the id of a pending invitation, or an unknown id if there is none."""
        if where in self.world.accounts:
            for _, each in invitations.found(self.work(), account_name=where, email=self.address(person)):
                if each.repository_slug == repository:
                    return each.id
        return "00000000-0000-4000-8000-ffffffffffff"

    def group(self, at: Scene) -> slow.Group:
        return self.groups(at.where)[at.group]

    def rename(self, at: Scene) -> None:
        slug = NAMES[at.name]
        places = (*self.repositories(at.where).values(), *self.projects(at.where).values())
        for each in (self.groups(at.where), *(place.groups for place in places)):
            if at.group in each:
                each[slug] = each.pop(at.group)
        for invitation in self.invited(at.where).values():
            if at.group in invitation.groups:
                invitation.groups = invitation.groups - {at.group} | {slug}

    def repositories(self, where: str) -> dict[str, slow.Repository]:
        return self.world.accounts[where].repositories if where in self.world.accounts else {}

    def projects(self, where: str) -> dict[str, slow.Project]:
        return self.world.accounts[where].projects if where in self.world.accounts else {}

    def may_on_project(self, actor: str, where: str, key: str, least: str) -> bool:
        """True if the actor administers the account, or has at least that level on the project."""
        if key not in self.projects(where):
            return False
        levels = slow.PROJECT_LEVELS
        return self.administers(actor, where) or (
            actor != "operator"
            and levels.index(slow.project_level(self.world, actor, where, key)) >= levels.index(least)
        )

    def is_here(self, actor: str) -> bool:
        if actor in DIRECTORIES:
            return any(each.directory and each.directory.label == actor for each in self.world.accounts.values())
        return actor == "operator" or self.world.people[actor].active

    def runs_site(self, actor: str) -> bool:
        return actor == "operator" or self.world.people[actor].runs_site

    def administers(self, actor: str, where: str) -> bool:
        return where in self.world.accounts and (actor == "operator" or slow.administers(self.world, actor, where))

    def grants(self, actor: str, where: str, repository: str) -> bool:
        if repository not in self.repositories(where):
            return False
        return self.administers(actor, where) or slow.level(self.world, actor, where, repository) == "admin"

    def may_ask(self, asker: str, person: str, where: str, repository: str) -> bool:
        if person not in PEOPLE or repository not in self.repositories(where):
            return False
        is_self = asker == person and slow.level(self.world, asker, where, repository) != "none"
        return is_self or self.grants(asker, where, repository)

    def may_end(self, where: str, group: str, member: str | None = None) -> bool:
        """True if the team would still have an administrator (contract/api-1.0.md#1.12)."""
        if where not in self.teams() or not self.groups(where)[group].administers:
            return True
        return bool(slow.administrators(slow.without(self.world, where, group, member), where))


def level(ways: Sequence[slow.Way]) -> str:
    """Return the level of several ways; the one that decides comes first."""
    return ways[0][0] if ways else "none"


def same_answer(one: AccessDecision | Refusal, other: AccessDecision | Refusal) -> bool:
    if isinstance(one, Refusal) and isinstance(other, Refusal):
        return (type(one), one.sentence) == (type(other), other.sentence)
    return one == other
