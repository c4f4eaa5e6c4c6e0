"""The rule that a team always has an administrator."""

from onebucket.domain.refusals import LastAdministrator


def require_administrator(*, others: int, deed: str) -> None:
    """Refuse an operation that would leave a team without an administrator (contract/api-1.0.md#1.12).

    `others` is the number of active administrators that would remain; `deed` names the operation in the infinitive.
    Raises LastAdministrator.
    """
    if others == 0:
        raise LastAdministrator(f"can't {deed}: the team would be left without an administrator")
