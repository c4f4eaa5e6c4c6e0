"""The outbox in the database: letters to send, and those that were sent or given up."""

from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, exists, func, insert, not_, or_, select, update

from onebucket.domain.accounts import Account, email_key
from onebucket.domain.letters import MailKind, OutboxMail
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, invitations, letters, links


def _letter(
    account_id: str,
    id: str,
    kind: str,
    about: str,
    link_id: str,
    email: str,
    created_at: int,
    due_at: int | None,
    attempts: int,
    sent_at: int | None,
    trouble: str | None,
) -> OutboxMail:
    return OutboxMail(
        account_id=account_id,
        id=id,
        kind=MailKind(kind),
        about=about,
        link_id=link_id,
        email=email,
        created_at=timestamps.from_number(created_at),
        due_at=timestamps.optional_from_number(due_at),
        attempts=attempts,
        sent_at=timestamps.optional_from_number(sent_at),
        last_error=trouble,
    )


LETTER = mapped(
    letters.c.account_id,
    letters.c.id,
    letters.c.kind,
    letters.c.about,
    letters.c.link_id,
    letters.c.email,
    letters.c.created_at,
    letters.c.due_at,
    letters.c.attempts,
    letters.c.sent_at,
    letters.c.trouble,
    make=_letter,
)
_COUNT_AND_FIRST = mapped(
    func.count(),
    func.min(letters.c.created_at),
    make=lambda count, first: (count, timestamps.optional_from_number(first)),
)
_EARLIEST = scalar(func.min(letters.c.due_at), timestamps.optional_from_number)
_letters = select(*LETTER.columns)
_count_and_first = select(*_COUNT_AND_FIRST.columns).select_from(letters)
_one = (letters.c.account_id == bindparam("account_id"), letters.c.id == bindparam("letter_id"))
_ADD = Statement(insert(letters))
_DUE = Statement(
    _letters.where(letters.c.due_at <= bindparam("at")).order_by(letters.c.due_at).limit(bindparam("most")), LETTER
)
_ONE = Statement(_letters.where(*_one), LETTER)
_SETTLE = Statement(
    update(letters)
    .where(*_one)
    .values(
        due_at=bindparam("new_due_at"),
        attempts=bindparam("new_attempts"),
        sent_at=bindparam("new_sent_at"),
        trouble=bindparam("new_trouble"),
    )
)
_is_invitation = letters.c.kind == MailKind.INVITATION.value
_has_invitation = exists().where(
    invitations.c.account_id == letters.c.account_id,
    invitations.c.link_id == letters.c.link_id,
    invitations.c.expires_at > bindparam("at"),
)
_has_link = exists().where(
    links.c.account_id == letters.c.account_id, links.c.id == letters.c.about, links.c.expires_at > bindparam("at")
)
_ACCOUNT_AND_LETTER = joined(ACCOUNT, LETTER)
_with_account = select(*_ACCOUNT_AND_LETTER.columns).join_from(letters, accounts, accounts.c.id == letters.c.account_id)
_TROUBLED_LETTER = joined(
    ACCOUNT, LETTER, scalar(or_(and_(_is_invitation, _has_invitation), and_(not_(_is_invitation), _has_link)), bool)
)
_TROUBLED = Statement(
    select(*_TROUBLED_LETTER.columns)
    .join_from(letters, accounts, accounts.c.id == letters.c.account_id)
    .where(letters.c.sent_at.is_(None), letters.c.trouble.is_not(None))
    .order_by(letters.c.created_at.desc()),
    _TROUBLED_LETTER,
)
_WAITING = Statement(_count_and_first.where(letters.c.due_at.is_not(None)), _COUNT_AND_FIRST)
_NEXT = Statement(select(*_EARLIEST.columns).where(letters.c.due_at.is_not(None)), _EARLIEST)
_COUNTS = Statement(
    select(
        func.count(letters.c.due_at),
        func.count(case((letters.c.trouble.is_not(None), letters.c.due_at))),
        func.count().filter(letters.c.due_at.is_(None)),
    ).where(or_(letters.c.due_at.is_not(None), and_(letters.c.sent_at.is_(None), letters.c.trouble.is_not(None))))
)
_NEWEST = Statement(_with_account.order_by(letters.c.created_at.desc()).limit(bindparam("most")), _ACCOUNT_AND_LETTER)
_recent = letters.c.created_at > bindparam("since")
_of_kind = (letters.c.kind == bindparam("its_kind"), _recent)
_in_account = letters.c.account_id == bindparam("account_id")
_to_address = letters.c.email_key == bindparam("key")
_IN_ACCOUNT = Statement(_count_and_first.where(_in_account, *_of_kind), _COUNT_AND_FIRST)
_TO_ADDRESS = Statement(_count_and_first.where(_to_address, *_of_kind), _COUNT_AND_FIRST)
_IN_ACCOUNT_TO_ADDRESS = Statement(_count_and_first.where(_in_account, _to_address, *_of_kind), _COUNT_AND_FIRST)
_FORGET = Statement(delete(letters).where(letters.c.due_at.is_(None), letters.c.created_at < bindparam("before")))
_FORGET_ADDRESS = Statement(delete(letters).where(letters.c.email_key == bindparam("its_email_key")))


def add(tx: Transaction, letter: OutboxMail) -> None:
    """Put a letter into the outbox."""
    tx.run(
        _ADD,
        account_id=letter.account_id,
        id=letter.id,
        kind=letter.kind.value,
        about=letter.about,
        link_id=letter.link_id,
        email=letter.email,
        email_key=email_key(letter.email),
        created_at=timestamps.to_number(letter.created_at),
        due_at=timestamps.to_number(letter.due_at) if letter.due_at else None,
        attempts=0,
        sent_at=None,
        trouble=None,
    )


def due(tx: Transaction, at: datetime, *, most: int) -> list[OutboxMail]:
    """Return at most `most` letters of all accounts that are due, the longest waiting first."""
    return tx.rows(_DUE, at=timestamps.to_number(at), most=most)


def next_due(tx: Transaction) -> datetime | None:
    """Return when the next letter of any account is due; None if none waits."""
    return tx.row(_NEXT)


def one(tx: Transaction, account_id: str, id: str) -> OutboxMail | None:
    """Return the letter with that id."""
    return tx.row(_ONE, account_id=account_id, letter_id=id)


def record_outcome(tx: Transaction, letter: OutboxMail) -> None:
    """Store the outcome of an attempt to send a letter."""
    tx.run(
        _SETTLE,
        account_id=letter.account_id,
        letter_id=letter.id,
        new_due_at=timestamps.to_number(letter.due_at) if letter.due_at else None,
        new_attempts=letter.attempts,
        new_sent_at=timestamps.to_number(letter.sent_at) if letter.sent_at else None,
        new_trouble=letter.last_error,
    )


def list_failing(tx: Transaction, *, at: datetime) -> list[tuple[Account, OutboxMail, bool]]:
    """Return letters that failed and haven't been sent since, newest first, with the account that each was sent for.

    The last is whether its invitation, or its link, is still good at that moment; of a notice it means nothing.
    """
    return tx.rows(_TROUBLED, at=timestamps.to_number(at))


def newest(tx: Transaction, *, most: int) -> list[tuple[Account, OutboxMail]]:
    """Return the latest letters of all accounts, newest first, with the account that each was sent for."""
    return tx.rows(_NEWEST, most=most)


def waiting(tx: Transaction) -> tuple[int, datetime | None]:
    """Return how many letters of all accounts wait to be sent, and since when the oldest one waits."""
    return tx.row(_WAITING) or (0, None)


def counts(tx: Transaction) -> tuple[int, int, int]:
    """Return how many letters of all accounts wait to be sent, how many of them failed, and how many were given up."""
    waiting, failing, given_up = tx.row(_COUNTS) or (0, 0, 0)
    return waiting, failing, given_up


def count_of_account(
    tx: Transaction, kind: MailKind, *, since: datetime, account_id: str | None = None, address: str | None = None
) -> tuple[int, datetime | None]:
    """Return how many letters of a kind were queued after `since`, and when the first one was.

    Counts those of one account, to one address, or both; at least one of the two is required.
    """
    values = {"its_kind": kind.value, "since": timestamps.to_number(since)}
    if address is None:
        return tx.row(_IN_ACCOUNT, account_id=account_id, **values) or (0, None)
    if account_id is None:
        return tx.row(_TO_ADDRESS, key=email_key(address), **values) or (0, None)
    return tx.row(_IN_ACCOUNT_TO_ADDRESS, account_id=account_id, key=email_key(address), **values) or (0, None)


def delete_old(tx: Transaction, *, before: datetime) -> int:
    """Delete finished letters older than that time; return how many."""
    return tx.run(_FORGET, before=timestamps.to_number(before))


def delete_to_address(tx: Transaction, email_key: str) -> None:
    """Delete the letters of all accounts to an address, sent or not."""
    tx.run(_FORGET_ADDRESS, its_email_key=email_key)
