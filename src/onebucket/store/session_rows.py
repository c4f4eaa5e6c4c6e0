"""Browser sessions in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select

from onebucket.domain.accounts import Account
from onebucket.domain.second_factors import SignInMethod
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, sessions


@dataclass(frozen=True, slots=True)
class Session:
    """A user's browser session; `address` is the client's IP address at sign-in, `agent` its User-Agent.

    `provider` is the name of the provider that they signed in with, `provider_session` its id of the session there.
    """

    account_id: str
    id: str
    created_at: datetime
    expires_at: datetime
    address: str | None
    agent: str
    signed_in_with: SignInMethod = SignInMethod.PASSWORD
    provider: str | None = None
    provider_session: str | None = None

    @property
    def credential(self) -> str:
        """The session's name in the audit log."""
        return f"session:{self.id}"


SESSION = mapped(
    sessions.c.account_id,
    sessions.c.id,
    sessions.c.created_at,
    sessions.c.expires_at,
    sessions.c.address,
    sessions.c.agent,
    sessions.c.signed_in_with,
    sessions.c.provider,
    sessions.c.provider_session,
    make=lambda account_id, id, created_at, expires_at, address, agent, signed_in_with, provider, there: Session(
        account_id=account_id,
        id=id,
        created_at=timestamps.from_number(created_at),
        expires_at=timestamps.from_number(expires_at),
        address=address,
        agent=agent,
        signed_in_with=SignInMethod(signed_in_with),
        provider=provider,
        provider_session=there,
    ),
)
_WITH_USER = joined(SESSION, ACCOUNT)
_of_account = sessions.c.account_id == bindparam("account_id")
_ADD = Statement(insert(sessions))
_BY_HASH = Statement(
    select(*_WITH_USER.columns)
    .join(accounts, accounts.c.id == sessions.c.account_id)
    .where(sessions.c.secret_hash == bindparam("secret_hash")),
    _WITH_USER,
    is_cached=True,
)
_OF_PERSON = Statement(select(*SESSION.columns).where(_of_account).order_by(sessions.c.created_at.desc()), SESSION)
_END = Statement(delete(sessions).where(_of_account, sessions.c.id == bindparam("session_id")))
_END_OTHERS = Statement(delete(sessions).where(_of_account, sessions.c.id != bindparam("session_id")))
_END_BY_HASH = Statement(delete(sessions).where(sessions.c.secret_hash == bindparam("its_secret_hash")))
_END_ALL = Statement(delete(sessions).where(_of_account))
# An id that no session has.
_NO_SESSION = "00000000-0000-0000-0000-000000000000"
_of_provider = (
    _of_account,
    sessions.c.provider == bindparam("its_provider"),
    sessions.c.created_at <= bindparam("until"),
)
_END_OF_PROVIDER = Statement(delete(sessions).where(*_of_provider, sessions.c.id != bindparam("but")))
_END_AT_PROVIDER = Statement(
    delete(sessions).where(*_of_provider, sessions.c.provider_session == bindparam("its_session"))
)
_WHOSE = Statement(
    select(sessions.c.account_id)
    .distinct()
    .where(sessions.c.provider_session == bindparam("its_session"), sessions.c.provider == bindparam("its_provider")),
    scalar(sessions.c.account_id, str),
)
_FORGET = Statement(delete(sessions).where(sessions.c.expires_at < bindparam("before")))


def add(tx: Transaction, session: Session, *, secret_hash: str) -> None:
    """Store a session; only the hash of its secret is stored."""
    tx.run(
        _ADD,
        account_id=session.account_id,
        id=session.id,
        secret_hash=secret_hash,
        created_at=timestamps.to_number(session.created_at),
        expires_at=timestamps.to_number(session.expires_at),
        address=session.address,
        agent=session.agent,
        signed_in_with=session.signed_in_with.value,
        provider=session.provider,
        provider_session=session.provider_session,
    )


def by_hash(tx: Transaction, secret_hash: str) -> tuple[Session, Account] | None:
    """Return the session whose secret has that hash, and its user."""
    return tx.row(_BY_HASH, secret_hash=secret_hash)


def cache_by_hash(tx: Transaction, secret_hash: str, found: tuple[Session, Account] | None) -> None:
    """Cache the session whose secret has that hash, and its user, for `by_hash`; None if there is none."""
    tx.cache_row(_BY_HASH, found, secret_hash=secret_hash)


def of_person(tx: Transaction, account_id: str) -> list[Session]:
    """Return a user's sessions, newest first."""
    return tx.rows(_OF_PERSON, account_id=account_id)


def end(tx: Transaction, account_id: str, id: str) -> bool:
    """Delete a session; return True if it existed."""
    return tx.run(_END, account_id=account_id, session_id=id) == 1


def end_others(tx: Transaction, account_id: str, id: str) -> int:
    """Delete all sessions of a user but one; return how many."""
    return tx.run(_END_OTHERS, account_id=account_id, session_id=id)


def end_by_hash(tx: Transaction, secret_hash: str) -> bool:
    """Delete the session whose secret has that hash; return True if it existed."""
    return tx.run(_END_BY_HASH, its_secret_hash=secret_hash) == 1


def end_all(tx: Transaction, account_id: str) -> int:
    """Delete all sessions of a user; return how many."""
    return tx.run(_END_ALL, account_id=account_id)


def end_of_provider(
    tx: Transaction,
    account_id: str,
    provider: str,
    *,
    until: datetime,
    provider_session: str | None = None,
    but: str = _NO_SESSION,
) -> int:
    """Delete a user's sessions that began with a provider until that time, except `but`; return how many.

    With `provider_session`, only those that belong to that session there.
    """
    values = {"account_id": account_id, "its_provider": provider, "until": timestamps.to_number(until)}
    if provider_session is not None:
        return tx.run(_END_AT_PROVIDER, **values, its_session=provider_session)
    return tx.run(_END_OF_PROVIDER, **values, but=but)


def holders_at_provider(tx: Transaction, provider: str, provider_session: str) -> list[str]:
    """Return the account ids of those whose sessions belong to a session at a provider."""
    return tx.rows(_WHOSE, its_provider=provider, its_session=provider_session)


def delete_expired(tx: Transaction, *, before: datetime) -> None:
    """Delete all users' sessions that expired before that time."""
    tx.run(_FORGET, before=timestamps.to_number(before))
