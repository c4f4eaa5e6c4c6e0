"""Access until a moment, which comes at once, in the state machine."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import slow
from directory_deeds import DirectoryDeeds
from onebucket.actions import ends, groups, privileges, project_privileges
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import parse_level
from onebucket.domain.projects import ProjectLevel
from scene import Scene, deed


class EndingDeeds(DirectoryDeeds):
    """The deeds of access that ends: it is given like any other, and what is left when it has ended is the model's."""

    def lend(
        self,
        at: Scene,
        may: bool,
        does: Callable[[UnitOfWork, datetime], Any],
        given: Callable[[], Any],
        apply_due: Callable[[UnitOfWork], Any],
        ended: Callable[[], Any],
    ) -> None:
        """Give something until a moment, come to that, and take it away."""
        end = (self.at + timedelta(seconds=5)).replace(microsecond=0)

        def give(work: UnitOfWork) -> None:
            does(work, end)

        give.__qualname__ = apply_due.__qualname__
        if self.step(at.who, may, give, given, where=at.where):
            self.at = max(self.at, end)
            self.step("operator", True, apply_due, ended, where=at.where)

    def lent_there(self, at: Scene) -> bool:
        return self.grants(at.who, at.where, at.slug) and at.level != "none"

    @deed
    def lend_membership(self, at: Scene) -> None:
        there = self.groups(at.where)
        if at.where in self.teams() - self.administered():
            # Whoever administers a team until a date isn't counted, so it would still have nobody.
            return
        self.lend(
            at,
            self.administers(at.who, at.where)
            and at.group in there
            and not there[at.group].kept
            and (at.person not in there[at.group].members or self.may_end(at.where, at.group, at.person)),
            lambda work, end: groups.add_member(work, at.where, at.group, self.spelled(at.person), end),
            lambda: self.group(at).members.add(at.person),
            lambda work: ends.apply_due(work),
            lambda: self.group(at).members.discard(at.person),
        )

    @deed
    def lend_to_person(self, at: Scene) -> None:
        level = parse_level(at.level, none=True)
        self.lend(
            at,
            self.lent_there(at),
            lambda work, end: privileges.grant_direct(work, at.where, at.slug, self.spelled(at.person), level, end),
            lambda: self.repositories(at.where)[at.slug].people.update({at.person: at.level}),
            lambda work: ends.apply_due(work),
            lambda: self.repositories(at.where)[at.slug].people.pop(at.person),
        )

    @deed
    def lend_to_group(self, at: Scene) -> None:
        level = parse_level(at.level, none=True)
        self.lend(
            at,
            self.grants(at.who, at.where, at.slug) and at.group in self.groups(at.where),
            lambda work, end: privileges.set_for_group(work, at.where, at.slug, at.group, level, end),
            lambda: self.repositories(at.where)[at.slug].groups.update({at.group: at.level}),
            lambda work: ends.apply_due(work),
            lambda: self.repositories(at.where)[at.slug].groups.pop(at.group),
        )

    @deed
    def lend_on_project(self, at: Scene) -> None:
        level = ProjectLevel(slow.PROJECT_LEVELS.index(at.project_level)) or ProjectLevel.READ
        word = slow.PROJECT_LEVELS[int(level)]
        self.lend(
            at,
            self.may_on_project(at.who, at.where, at.project, "admin"),
            lambda work, end: project_privileges.set_for_person(
                work, at.where, at.project, self.spelled(at.person), level, end
            ),
            lambda: self.projects(at.where)[at.project].people.update({at.person: word}),
            lambda work: ends.apply_due(work),
            lambda: self.projects(at.where)[at.project].people.pop(at.person),
        )
