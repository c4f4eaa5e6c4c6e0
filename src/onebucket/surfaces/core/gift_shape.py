"""JSON shape of access that is given to several people on several repositories."""

from msgspec import Struct

from onebucket.actions.given_access import GiftPlan
from onebucket.domain import ends


class GainedLevel(Struct, frozen=True):
    """A person's level on a repository (`account/slug`) before and after; `before` is null for none."""

    user: str
    repository: str
    before: str | None
    after: str


class GiftShape(Struct, frozen=True):
    """What was given, or would be with `dry_run`.

    `people` are usernames of those who have the level now, `invited` addresses of those who are invited to the
    `repositories` (`account/slug`). `gains` leaves out whoever had as much before. `until` is null for what doesn't
    end.
    """

    level: str
    until: str | None
    repositories: list[str]
    people: list[str]
    invited: list[str]
    gains: list[GainedLevel]
    dry_run: bool


def gift_shape(planned: GiftPlan, *, dry_run: bool) -> GiftShape:
    """Shape what was given, or what would be."""
    account = planned.owner.username
    return GiftShape(
        level=planned.level.word,
        until=ends.text(planned.until) if planned.until else None,
        repositories=[f"{account}/{repository.slug}" for repository in planned.repositories],
        people=[person.username for person in planned.people],
        invited=planned.invited,
        gains=[
            GainedLevel(
                each.person.username,
                f"{account}/{repository.slug}",
                each.before.word if each.before else None,
                each.after.word,
            )
            for each in planned.effects
            for repository in each.repositories
        ],
        dry_run=dry_run,
    )
