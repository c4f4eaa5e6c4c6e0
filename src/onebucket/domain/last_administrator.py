"""And then what? What must not happen, and what follows, when something is deleted or somebody leaves."""

from onebucket.domain.refusals import LastAdministrator


def require_administrator(*, others: int, deed: str) -> None:
    """Refuse what would leave a team without an administrator (contract/api-1.0.md#1.12).

    `others` counts the active people who would still administer it; `deed` says in the infinitive what was asked for.
    Raises LastAdministrator.
    """
    if others == 0:
        raise LastAdministrator(f"can't {deed}: the team would be left without an administrator")
