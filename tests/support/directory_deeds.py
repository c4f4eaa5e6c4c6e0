"""What directories do to the people and groups of their teams, and off-boarding, in the state machine."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import slow
from onebucket.actions import directory_groups, directory_people, offboarding
from onebucket.actions.directory_accounts import PersonWish
from onebucket.actions.directory_groups import GroupWish
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.store import account_rows, group_rows
from scene import Scene, deed
from watch import DIRECTORIES, NAMES, Watch

_NO_ID = "00000000-0000-4000-8000-ffffffffffff"


class DirectoryDeeds(Watch):
    """The deeds of directories. Now and then one calls with the key of the other."""

    def directory(self, at: Scene) -> tuple[str, slow.Directory | None, Scene]:
        """Return the directory of the account in a scene, otherwise another one, and the scene in that one's account.

        None if its team was deleted.
        """
        found = {each.directory.label: name for name, each in self.world.accounts.items() if each.directory}
        here = [label for label, where in found.items() if where == at.where]
        label = here[0] if here else list(DIRECTORIES)[at.yes]
        if label not in found:
            return label, None, at
        directory, at = self.world.accounts[found[label]].directory, replace(at, where=found[label])
        kept = [slug for slug, group in sorted(self.groups(at.where).items()) if group.kept]
        if kept and at.level != "write":
            at = replace(at, group=kept[len(at.slug) % len(kept)])
        known = sorted(directory.people) if directory else []
        if known and at.level != "write" and at.deed != "bring":
            at = replace(at, person=known[len(at.name) % len(known)])
        return label, directory, at

    def act_as(
        self, label: str, at: Scene, may: bool, does: Callable[[UnitOfWork, str], Any], then: Callable[[], Any]
    ) -> None:
        """Let a directory do something; with the key of another one it can do nothing."""
        is_foreign = at.project == "X_1" and at.level == "none"
        caller = next(each for each in DIRECTORIES if each != label) if is_foreign else label

        def act(work: UnitOfWork) -> None:
            does(work, self.stage.directories[label])

        # Steps are counted by the deed that they are of.
        act.__qualname__ = does.__qualname__
        self.step(caller, may and not is_foreign, act, then, invited=True, tries=True)

    def person_id(self, work: UnitOfWork, person: str) -> str:
        found = account_rows.named(work.tx, person)
        return found.id if found else _NO_ID

    def group_id(self, work: UnitOfWork, at: Scene) -> str:
        account = account_rows.named(work.tx, at.where)
        group = group_rows.find(work.tx, account.id, at.group) if account else None
        return group.id if group else _NO_ID

    def wish(self, at: Scene, active: bool | None) -> PersonWish:
        names = (at.person, at.person.upper(), f"{at.person}@Example.com")
        return PersonWish(names[len(at.name) % 3], None, active, {})

    def may_disable(self, directory: slow.Directory, person: str) -> bool:
        """True unless they are a site administrator, or the last administrator of a team."""
        if directory.people.get(person) or not (self.world.people[person].active or slow.is_held(self.world, person)):
            return True
        after = deepcopy(self.world)
        after.people[person].active = False
        orphaned = {team for team in self.teams() if not slow.administrators(after, team)}
        return not self.world.people[person].runs_site and not orphaned & self.administered()

    # -- people ------------------------------------------------------------------------------------

    @deed
    def bring(self, at: Scene) -> None:
        """Link a person, who may have been deleted by the directory before."""
        label, directory, at = self.directory(at)

        def bring() -> None:
            assert directory is not None
            directory.people[at.person] = at.person in directory.left
            directory.left.discard(at.person)
            slow.let(self.world, directory, at.person, at.yes)

        self.act_as(
            label,
            at,
            directory is not None
            and at.person not in directory.people
            and (at.yes or at.person in directory.left or self.may_disable(directory, at.person)),
            lambda work, id: directory_people.create(work, id, self.wish(at, at.yes)),
            bring,
        )

    @deed
    def let_in_or_out(self, at: Scene) -> None:
        label, directory, at = self.directory(at)
        says = None if at.level == "read" else at.yes
        self.act_as(
            label,
            at,
            directory is not None
            and at.person in directory.people
            and (says is not False or self.may_disable(directory, at.person)),
            lambda work, id: directory_people.change(work, id, self.person_id(work, at.person), self.wish(at, says)),
            lambda: says is None or slow.let(self.world, directory, at.person, says),
        )

    @deed
    def bring_no_more(self, at: Scene) -> None:
        label, directory, at = self.directory(at)

        def drop() -> None:
            assert directory is not None
            slow.let(self.world, directory, at.person, False)
            for group in self.groups(at.where).values():
                if group.kept:
                    group.members.discard(at.person)
            if directory.people.pop(at.person):
                directory.left.add(at.person)

        self.act_as(
            label,
            at,
            directory is not None
            and at.person in directory.people
            and not self.world.people[at.person].runs_site
            and self.may_disable(directory, at.person),
            lambda work, id: directory_people.remove(work, id, self.person_id(work, at.person)),
            drop,
        )

    # -- groups ------------------------------------------------------------------------------------

    def may_have(self, at: Scene, directory: slow.Directory, slug: str, members: Iterable[str]) -> bool:
        """True if a group may have exactly these members: they are known, and an administrator is left."""
        there = self.groups(at.where).get(slug, slow.Group())
        leaving = there.members - {*members}
        after = deepcopy(self.world)
        after.accounts[at.where].groups[slug] = replace(there, members={*members})
        is_left = bool(slow.administrators(after, at.where))
        return {*members} <= directory.people.keys() and (not leaving or not there.administers or is_left)

    @deed
    def keep_group(self, at: Scene) -> None:
        """Add a group, or take one over."""
        label, directory, at = self.directory(at)
        slug, members = NAMES[at.name], {at.person} if at.yes else set()
        there = self.groups(at.where)

        def keep() -> None:
            there[slug] = replace(there.get(slug, slow.Group()), members=members, kept=True)
            for key, invitation in list(self.invited(at.where).items()):
                invitation.groups.discard(slug)
                if key[1] is None and not invitation.groups:
                    del self.invited(at.where)[key]

        self.act_as(
            label,
            at,
            directory is not None
            and (slug not in there or (directory.adopts and not there[slug].kept))
            and self.may_have(at, directory, slug, members),
            lambda work, id: directory_groups.create(
                work, id, GroupWish(at.name, None, [self.person_id(work, each) for each in members])
            ),
            keep,
        )

    def change_kept(self, work: UnitOfWork, id: str, at: Scene, **changes: Any) -> None:
        before = directory_groups.read(work, id, self.group_id(work, at), members=False).group
        wish = replace(GroupWish(before.name, None), **changes)
        directory_groups.change(work, id, before.id, wish, members=True)

    @deed
    def set_kept_members(self, at: Scene) -> None:
        label, directory, at = self.directory(at)
        there = self.groups(at.where).get(at.group, slow.Group())
        members = there.members ^ {at.person} if at.level != "none" else set()
        self.act_as(
            label,
            at,
            directory is not None and there.kept and self.may_have(at, directory, at.group, members),
            lambda work, id: self.change_kept(
                work, id, at, members=[self.person_id(work, each) for each in sorted(members)]
            ),
            lambda: setattr(there, "members", members),
        )

    @deed
    def rename_kept_group(self, at: Scene) -> None:
        label, directory, at = self.directory(at)
        slug, there = NAMES[at.name], self.groups(at.where)
        self.act_as(
            label,
            at,
            directory is not None
            and at.group in there
            and there[at.group].kept
            and (slug == at.group or slug not in there),
            lambda work, id: self.change_kept(work, id, at, name=at.name),
            lambda: self.rename(at),
        )

    @deed
    def keep_group_no_more(self, at: Scene) -> None:
        label, directory, at = self.directory(at)
        there = self.groups(at.where)
        self.act_as(
            label,
            at,
            directory is not None and at.group in there and there[at.group].kept and self.may_end(at.where, at.group),
            lambda work, id: directory_groups.remove(work, id, self.group_id(work, at)),
            lambda: setattr(self, "world", slow.without(self.world, at.where, at.group)),
        )

    # -- off-boarding ------------------------------------------------------------------------------

    @deed
    def offboard(self, at: Scene) -> None:
        """Take everything in an account away from a person, but for groups that a directory keeps."""
        if at.where not in self.world.accounts:
            self.step(at.who, False, lambda work: offboarding.offboard(work, at.person, at.where))
            return
        after = deepcopy(self.world)
        account, may = after.accounts[at.where], True
        mine = [group for group in account.groups.values() if at.person in group.members and not group.kept]
        for group in sorted(mine, key=lambda each: each.administers):
            group.members.discard(at.person)
            may = may and (not group.administers or bool(slow.administrators(after, at.where)))
        for key in [key for key in account.invited if key[0] == at.person]:
            del account.invited[key]
        for place in (*account.repositories.values(), *account.projects.values()):
            place.people.pop(at.person, None)
        self.step(
            at.who,
            self.administers(at.who, at.where) and at.where != at.person and (may or account.owner is not None),
            lambda work: offboarding.offboard(work, self.spelled(at.person), at.where),
            lambda: setattr(self, "world", after),
            where=at.where,
            tries=True,
        )
