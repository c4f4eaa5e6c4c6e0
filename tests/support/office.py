"""One transaction on the cast's database, in which anybody acts."""

from typing import Any

import cast
from onebucket.actions import access, access_checks
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, Actor


class Office:
    """A transaction; `as_("alice")` is a unit of work of alice, and `operator` one of the operator."""

    def __init__(self, tx: Any) -> None:
        self.tx = tx
        self.operator = cast.operator(tx)

    def as_(self, name: str) -> UnitOfWork:
        actor = NOBODY if name == "nobody" else Actor(access.person(self.operator, name), "password")
        return UnitOfWork(actor, self.tx, self.operator.at, "test", self.operator.new_id)

    def level(self, person: str, repository: str) -> str:
        return access_checks.check(self.operator, AccessQuery(person, "acme", repository)).level.word
