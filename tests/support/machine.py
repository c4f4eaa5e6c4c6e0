"""A Hypothesis state machine that does anything a user could do, in any order; `watch` checks each step."""

from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import rule

import slow
from ending_deeds import EndingDeeds
from onebucket.actions import (
    accounts,
    groups,
    invitation_acceptance,
    invitations,
    privileges,
    project_privileges,
    projects,
    repositories,
    teams,
)
from onebucket.actions.privileges import PrivilegeFilter
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import parse_level
from onebucket.domain.projects import ProjectLevel
from scene import DEEDS, Scene, deed
from watch import ACCOUNTS, GROUPS, NAMES, PEOPLE, PROJECTS, REPOSITORIES, TEAMS, first_groups


@st.composite
def _scenes(draw: st.DrawFn) -> Scene:
    """Draw mostly existing things and allowed users, but also all others."""
    machine: Machine = draw(st.runner())

    def one_of(*names: str) -> str:
        return names[draw(st.integers(0, len(names) - 1))]

    def among(there: Iterable[str], everything: Iterable[str], *, added_by: str = "") -> str:
        missing = [each for each in everything if each not in there]
        return one_of(*(missing if deed == added_by else sorted(there)) * 3, *everything)

    deed = one_of(*DEEDS, *_ABOUT_INVITATIONS * 2)
    where = among(machine.world.accounts, ACCOUNTS, added_by="add_team")
    if deed == "accept" and (waiting := [each for each in ACCOUNTS if machine.invited(each)]):
        where = one_of(*waiting)
    repositories = machine.repositories(where)
    given = {slug: repository.people for slug, repository in repositories.items() if repository.people}
    slug = among(given if deed == "take" else repositories, REPOSITORIES, added_by="create_repository")
    group = among(machine.groups(where), GROUPS)
    members = machine.groups(where)[group].members if group in machine.groups(where) else set()
    person = among(given.get(slug, {}) if deed == "take" else members, PEOPLE, added_by="add_member")
    invited = sorted(machine.invited(where), key=str)
    if deed == "accept" and invited:
        person, to = invited[draw(st.integers(0, len(invited) - 1))]
        slug = to or slug
    elif invited and draw(st.booleans()):
        person = invited[draw(st.integers(0, len(invited) - 1))][0]
    if deed in _OF_THE_SITE:
        may = [each for each in PEOPLE if machine.runs_site(each)] * 8
    else:
        may = [each for each in PEOPLE if machine.administers(each, where)] * 3
        may += [each for each in PEOPLE if machine.grants(each, where, slug)] * 3
        may += [each for each in PEOPLE if any(machine.may_on_project(each, where, key, "create-repo")
                                               for key in machine.projects(where))] * 2  # fmt: skip
    who = one_of(*["operator"] * 3, *may, *sorted(members) * 2, *PEOPLE)
    project = among(machine.projects(where), PROJECTS, added_by="create_project")
    return Scene(deed, who, where, slug, group, person, one_of(*NAMES), one_of(*slow.LEVELS), draw(st.booleans()),
                 draw(st.integers(0, 19)) == 19, project, one_of(*slow.PROJECT_LEVELS))  # fmt: skip


_ABOUT_INVITATIONS = ("invite_to_group", "invite_to_repository", "accept")
_OF_THE_SITE = ("disable_or_enable", "let_run_the_site", "add_team", "delete_team", "rename_team")


def _give(there: dict[str, str], holder: str, level: str) -> None:
    """Set a level in the model; `none` takes it away."""
    there.pop(holder, None)
    if level != "none":
        there[holder] = level


class Machine(EndingDeeds):
    """The deeds: for each, whether it is allowed, the action in the server, and the change in the model.

    They aren't Hypothesis rules of their own, because Hypothesis would leave out most of them in most runs.
    """

    @rule(at=_scenes())
    def act(self, at: Scene) -> None:
        """Do what the scene says; now and then reset everything to the start afterwards."""
        DEEDS[at.deed](self, at)
        if at.back:
            self.turn_back()

    def manages(self, at: Scene, *, members: bool = False) -> bool:
        """True if they may change a group or, with `members`, its name and its members."""
        there = self.groups(at.where)
        return self.administers(at.who, at.where) and at.group in there and not (members and there[at.group].kept)

    def grants_to_group(self, at: Scene) -> bool:
        return self.grants(at.who, at.where, at.slug) and at.group in self.groups(at.where)

    def repository(self, at: Scene) -> slow.Repository:
        return self.repositories(at.where)[at.slug]

    # -- repositories ------------------------------------------------------------------------------

    @deed
    def change_visibility(self, at: Scene) -> None:
        there = self.repositories(at.where)
        public = at.slug in there and not there[at.slug].public
        self.step(
            at.who,
            self.administers(at.who, at.where) and at.slug in there,
            lambda work: repositories.change(work, at.where, at.slug, is_private=not public),
            lambda: setattr(there[at.slug], "public", public),
            where=at.where,
        )

    @deed
    def create_repository(self, at: Scene) -> None:
        """Create one in the project that is named or, at the level `none`, in the oldest."""
        there, in_account = self.repositories(at.where), self.projects(at.where)
        named = at.project if at.level != "none" else None
        home = named or next(iter(in_account), "PROJ")

        def create() -> None:
            in_account.setdefault(home, slow.Project())
            there[at.slug] = slow.Repository(home, public=at.yes)

        may = self.may_on_project(at.who, at.where, home, "create-repo")
        is_first = named is None and not in_account and self.administers(at.who, at.where)
        self.step(
            at.who,
            (may or is_first) and at.slug not in there,
            lambda work: repositories.add(work, at.where, at.slug, project=named, is_private=not at.yes),
            create,
            where=at.where,
        )

    @deed
    def rename_repository(self, at: Scene) -> None:
        there = self.repositories(at.where)
        slug = REPOSITORIES[slow.LEVELS.index(at.level) % len(REPOSITORIES)]

        def rename() -> None:
            there[slug] = there.pop(at.slug)
            invited = self.invited(at.where)
            for person, _ in [key for key in invited if key[1] == at.slug]:
                invited[person, slug] = invited.pop((person, at.slug))

        self.step(
            at.who,
            self.administers(at.who, at.where) and at.slug in there and slug not in {*there} - {at.slug},
            lambda work: repositories.change(work, at.where, at.slug, new_slug=slug),
            rename,
            where=at.where,
        )

    @deed
    def move_repository(self, at: Scene) -> None:
        there = self.repositories(at.where)
        self.step(
            at.who,
            self.administers(at.who, at.where) and at.slug in there and at.project in self.projects(at.where),
            lambda work: repositories.change(work, at.where, at.slug, project=at.project.lower()),
            lambda: setattr(there[at.slug], "project", at.project),
            where=at.where,
        )

    @deed
    def delete_repository(self, at: Scene) -> None:
        there = self.repositories(at.where)
        self.step(
            at.who,
            self.administers(at.who, at.where) and at.slug in there,
            lambda work: repositories.delete(work, at.where, at.slug),
            lambda: self.delete(at),
            where=at.where,
        )

    def delete(self, at: Scene) -> None:
        del self.repositories(at.where)[at.slug]
        for key in [key for key in self.invited(at.where) if key[1] == at.slug]:
            del self.invited(at.where)[key]

    # -- projects ----------------------------------------------------------------------------------

    @deed
    def create_project(self, at: Scene) -> None:
        there = self.projects(at.where)
        self.step(
            at.who,
            self.administers(at.who, at.where) and at.project not in there,
            lambda work: projects.create(work, at.where, at.project, name=at.name, is_private=not at.yes),
            lambda: there.update({at.project: slow.Project(public=at.yes)}),
            where=at.where,
        )

    @deed
    def change_project(self, at: Scene) -> None:
        there = self.projects(at.where)
        key = PROJECTS[len(at.name) % len(PROJECTS)]

        def change() -> None:
            there[at.project].public = at.yes
            # Its age stays, so its place does.
            renamed = {key if each == at.project else each: project for each, project in there.items()}
            self.world.accounts[at.where].projects = renamed
            for repository in self.repositories(at.where).values():
                repository.project = key if repository.project == at.project else repository.project

        self.step(
            at.who,
            self.may_on_project(at.who, at.where, at.project, "admin") and key not in {*there} - {at.project},
            lambda work: projects.change(work, at.where, at.project.lower(), new_key=key, is_private=not at.yes),
            change,
            where=at.where,
        )

    @deed
    def delete_project(self, at: Scene) -> None:
        self.step(
            at.who,
            self.may_on_project(at.who, at.where, at.project, "admin")
            and not any(each.project == at.project for each in self.repositories(at.where).values()),
            lambda work: projects.delete(work, at.where, at.project),
            lambda: self.projects(at.where).pop(at.project),
            where=at.where,
        )

    @deed
    def set_on_project_for_group(self, at: Scene) -> None:
        level = ProjectLevel(slow.PROJECT_LEVELS.index(at.project_level))
        self.step(
            at.who,
            self.may_on_project(at.who, at.where, at.project, "admin") and at.group in self.groups(at.where),
            lambda work: project_privileges.set_for_group(work, at.where, at.project, at.group, level),
            lambda: _give(self.projects(at.where)[at.project].groups, at.group, at.project_level),
            where=at.where,
        )

    @deed
    def set_on_project_for_person(self, at: Scene) -> None:
        level = ProjectLevel(slow.PROJECT_LEVELS.index(at.project_level))
        self.step(
            at.who,
            self.may_on_project(at.who, at.where, at.project, "admin"),
            lambda work: project_privileges.set_for_person(work, at.where, at.project, self.spelled(at.person), level),
            lambda: _give(self.projects(at.where)[at.project].people, at.person, at.project_level),
            where=at.where,
        )

    # -- groups ------------------------------------------------------------------------------------

    @deed
    def create_group(self, at: Scene) -> None:
        slug, there = NAMES[at.name], self.groups(at.where)
        self.step(
            at.who,
            self.administers(at.who, at.where) and slug not in there,
            lambda work: groups.create(work, at.where, name=at.name, permission=parse_level(at.level, none=True)),
            lambda: there.update({slug: slow.Group(at.level)}),
            where=at.where,
        )

    @deed
    def rename_group(self, at: Scene) -> None:
        slug, there = NAMES[at.name], self.groups(at.where)
        if slug == at.group and slug in there and there[slug].kept:
            # Its own name is accepted, because that changes nothing; the model knows slugs alone.
            return

        self.step(
            at.who,
            self.manages(at, members=True) and (slug == at.group or slug not in there),
            lambda work: groups.change(work, at.where, at.group, name=at.name),
            lambda: self.rename(at),
            where=at.where,
        )

    @deed
    def set_permission(self, at: Scene) -> None:
        self.step(
            at.who,
            self.manages(at),
            lambda work: groups.change(work, at.where, at.group, permission=parse_level(at.level, none=True)),
            lambda: setattr(self.group(at), "permission", at.level),
            where=at.where,
        )

    @deed
    def set_account_privilege(self, at: Scene) -> None:
        administers = at.level in ("write", "admin")
        privilege = AccountPrivilege.ADMIN if administers else AccountPrivilege.COLLABORATOR if at.yes else None
        self.step(
            at.who,
            self.manages(at) and (administers or self.may_end(at.where, at.group)),
            lambda work: groups.set_account_privilege(work, at.where, at.group, privilege),
            lambda: setattr(self.group(at), "administers", administers),
            where=at.where,
        )

    @deed
    def delete_group(self, at: Scene) -> None:
        self.end(
            at.who,
            self.manages(at, members=True),
            lambda work: groups.delete(work, at.where, at.group),
            where=at.where,
            group=at.group,
        )

    @deed
    def add_member(self, at: Scene) -> None:
        self.step(
            at.who,
            self.manages(at, members=True) and at.person not in self.group(at).members,
            lambda work: groups.add_member(work, at.where, at.group, self.spelled(at.person)),
            lambda: self.group(at).members.add(at.person),
            where=at.where,
        )

    @deed
    def remove_member(self, at: Scene) -> None:
        who = at.person if at.yes else at.who
        self.end(
            who,
            (self.administers(who, at.where) or who == at.person)
            and at.group in self.groups(at.where)
            and not self.group(at).kept,
            lambda work: groups.remove_member(work, at.where, at.group, self.spelled(at.person)),
            where=at.where,
            group=at.group,
            member=at.person,
        )

    # -- privileges of groups ----------------------------------------------------------------------

    @deed
    def grant(self, at: Scene) -> None:
        owner = at.where if at.level != "none" else TEAMS[len(at.slug) % len(TEAMS)]
        level = "read" if at.level == "none" else at.level
        self.step(
            at.who,
            self.grants_to_group(at) and owner == at.where,
            lambda work: privileges.grant(
                work, at.where, at.slug, owner, at.group, parse_level(level), PrivilegeFilter()
            ),
            lambda: self.repository(at).groups.update({at.group: level}),
            where=at.where,
        )

    @deed
    def revoke(self, at: Scene) -> None:
        self.step(
            at.who,
            self.grants_to_group(at) and slow.has(self.world, at.where, at.group, at.slug) != "none",
            lambda work: privileges.revoke(work, at.where, at.slug, at.where, at.group),
            lambda: self.repository(at).groups.update({at.group: "none"}),
            where=at.where,
        )

    @deed
    def revoke_everywhere(self, at: Scene) -> None:
        def revoke() -> None:
            for slug, repository in self.repositories(at.where).items():
                if slow.has(self.world, at.where, at.group, slug) != "none":
                    repository.groups[at.group] = "none"

        self.step(
            at.who,
            self.manages(at),
            lambda work: privileges.revoke_everywhere(work, at.where, at.where, at.group),
            revoke,
            where=at.where,
        )

    @deed
    def set_for_group(self, at: Scene) -> None:
        self.step(
            at.who,
            self.grants_to_group(at),
            lambda work: privileges.set_for_group(work, at.where, at.slug, at.group, parse_level(at.level, none=True)),
            lambda: self.repository(at).groups.update({at.group: at.level}),
            where=at.where,
        )

    @deed
    def unset_for_group(self, at: Scene) -> None:
        self.step(
            at.who,
            self.grants_to_group(at),
            lambda work: privileges.unset_for_group(work, at.where, at.slug, at.group),
            lambda: self.repository(at).groups.pop(at.group, None),
            where=at.where,
        )

    # -- privileges of people ----------------------------------------------------------------------

    @deed
    def give(self, at: Scene) -> None:
        self.step(
            at.who,
            self.grants(at.who, at.where, at.slug) and at.level != "none",
            lambda work: privileges.grant_direct(
                work, at.where, at.slug, self.spelled(at.person), parse_level(at.level, none=True)
            ),
            lambda: self.repository(at).people.update({at.person: at.level}),
            where=at.where,
        )

    @deed
    def take(self, at: Scene) -> None:
        self.step(
            at.who,
            self.grants(at.who, at.where, at.slug) and at.person in self.repository(at).people,
            lambda work: privileges.revoke_direct(work, at.where, at.slug, self.spelled(at.person)),
            lambda: self.repository(at).people.pop(at.person),
            where=at.where,
        )

    @deed
    def take_from_everybody(self, at: Scene) -> None:
        there = self.repositories(at.where)
        slugs = list(there) if at.yes else [at.slug]
        self.step(
            at.who,
            self.administers(at.who, at.where) if at.yes else self.grants(at.who, at.where, at.slug),
            lambda work: privileges.revoke_direct(work, at.where, None if at.yes else at.slug),
            lambda: [there[slug].people.clear() for slug in slugs],
            where=at.where,
        )

    # -- invitations -------------------------------------------------------------------------------

    @deed
    def invite_to_group(self, at: Scene) -> None:
        before = self.invited(at.where).get((at.person, None))
        if before and not slow.is_good(self.world, at.where, None, before):
            before = None

        def invite() -> None:
            groups = {at.group} | (before.groups if before else set())
            inviter = before.inviter if before and at.who == "operator" else at.who
            self.invited(at.where)[at.person, None] = slow.Invitation(inviter, groups)

        self.step(
            at.who,
            # The operator isn't an account, so they can't be an inviter.
            self.manages(at, members=True)
            and (at.who != "operator" or before is not None)
            and at.person not in self.group(at).members,
            lambda work: invitations.invite_to_group(work, at.where, self.address(at.person), None, at.group),
            invite,
            where=at.where,
        )

    @deed
    def invite_to_repository(self, at: Scene) -> None:
        level = at.level if at.level != "none" else "admin"
        before = self.invited(at.where).get((at.person, at.slug))
        self.step(
            at.who,
            self.grants(at.who, at.where, at.slug)
            and at.who != "operator"
            and not (level == "read" and self.repository(at).public)
            and not (before and slow.is_good(self.world, at.where, at.slug, before))
            and not slow.at_least(slow.own_level(self.world, at.person, at.where, at.slug), level),
            lambda work: invitations.invite_to_repository(
                work, at.where, at.slug, self.address(at.person), parse_level(level)
            ),
            lambda: self.invited(at.where).update({(at.person, at.slug): slow.Invitation(at.who, permission=level)}),
            where=at.where,
        )

    @deed
    def invite_by_document(self, at: Scene) -> None:
        def invite() -> None:
            if at.person not in self.group(at).members:
                self.invited(at.where)[at.person, None] = slow.Invitation("alice", {at.group})

        self.step(
            at.who,
            self.manages(at, members=True),
            lambda work: invitations.set_groups(work, at.where, self.address(at.person), [at.group], inviter="alice"),
            invite,
            where=at.where,
        )

    @deed
    def accept(self, at: Scene) -> None:
        there = self.invited(at.where)
        person, repository = at.person, at.slug if (at.person, at.slug) in there else None
        pending = there.get((person, repository))

        def accept() -> None:
            assert pending
            del there[person, repository]
            for slug in pending.groups:
                self.groups(at.where)[slug].members.add(person)
            if repository is not None:
                people = self.repositories(at.where)[repository].people
                people[person] = max(people.get(person, "none"), pending.permission, key=slow.LEVELS.index)

        self.step(
            person,
            pending is not None and slow.is_good(self.world, at.where, repository, pending),
            lambda work: invitation_acceptance.accept_mine(work, self.id_of(at.where, person, repository)),
            accept,
            where=at.where,
            invited=True,
        )

    # -- for site admins ---------------------------------------------------------------------------

    @deed
    def disable_or_enable(self, at: Scene) -> None:
        self.step(
            at.who,
            self.runs_site(at.who),
            lambda work: accounts.set_active(work, self.spelled(at.person), at.yes),
            lambda: slow.set_active(self.world, at.person, at.yes),
            may_orphan=True,
        )

    @deed
    def let_run_the_site(self, at: Scene) -> None:
        people = self.world.people
        others = [name for name, each in people.items() if each.runs_site and each.active and name != at.person]
        self.step(
            at.who,
            # One active site admin must remain.
            self.runs_site(at.who) and (at.yes or bool(others) or not people[at.person].runs_site),
            lambda work: accounts.change_user(work, self.spelled(at.person), site_admin=at.yes),
            lambda: setattr(self.world.people[at.person], "runs_site", at.yes),
        )

    @deed
    def add_team(self, at: Scene) -> None:
        first = [at.person] if at.yes else []
        self.step(
            at.who,
            self.runs_site(at.who) and at.where not in self.world.accounts,
            lambda work: teams.add(work, at.where, administrator=at.person if at.yes else None),
            lambda: self.world.accounts.update({at.where: slow.Account(groups=first_groups(administrators=first))}),
        )

    @deed
    def delete_team(self, at: Scene) -> None:
        self.step(
            at.who,
            self.runs_site(at.who) and at.where in self.teams(),
            lambda work: teams.delete(work, at.where),
            lambda: self.world.accounts.pop(at.where),
        )

    @deed
    def rename_team(self, at: Scene) -> None:
        free = [each for each in TEAMS if each not in self.teams()]
        name = free[0] if free and at.level != "none" else at.person
        self.step(
            at.who,
            self.runs_site(at.who) and at.where in self.teams() and name in free,
            lambda work: teams.change(work, at.where, username=name),
            lambda: self.world.accounts.update({name: self.world.accounts.pop(at.where)}),
        )
