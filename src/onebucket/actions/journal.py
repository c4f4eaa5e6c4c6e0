"""Reading the journal."""

from datetime import datetime

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.store import journal
from onebucket.store.journal import Entry


def entries(work: Work, account_name: str | None = None, *, since: datetime | None = None) -> list[Entry]:
    """What happened to an account, or to all of them, oldest first; deleted accounts can be named too."""
    if account_name is None:
        access.site(work)
        return journal.entries(work.tx, account_id=None, since=since)

    try:
        account_id = access.account(work, account_name, to=To.READ_JOURNAL).id
    except NotFound:
        access.site(work)
        deleted = journal.id_of_deleted(work.tx, account_name)
        if deleted is None:
            raise
        account_id = deleted
    return journal.entries(work.tx, account_id=account_id, since=since)


def latest(work: Work) -> datetime | None:
    """When anything last happened."""
    access.site(work)
    return journal.latest(work.tx)
