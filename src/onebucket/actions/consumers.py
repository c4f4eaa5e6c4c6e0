"""OAuth consumers of an account: add, list and revoke them."""

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.oauth import Consumer
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.scopes import parse_scope
from onebucket.domain.text import clean_text
from onebucket.safe_text import quote_text
from onebucket.store import account_rows, oauth_consumer_rows


def add(
    work: UnitOfWork,
    account_name: str,
    *,
    key: str,
    label: str,
    callback: str | None = None,
    scopes: frozenset[str],
    is_public: bool = False,
    acts_as: str | None = None,
) -> tuple[Account, Consumer]:
    """Add a consumer to an account. Raises Invalid, NotFound, Forbidden.

    With client credentials it acts for the person `acts_as`. The default is the owner of a personal account, and
    nobody for a team or a public consumer.
    """
    owner = access.account(work, account_name, to=To.MANAGE_CONSUMERS)
    acting_name = acts_as or (None if owner.is_team or is_public else owner.id)
    if is_public and acting_name:
        raise Invalid("a public app has no secret, so it can't act on its own", field="acts_as")
    if is_public and not callback:
        raise Invalid("a public app needs a callback, to which people return", field="callback")
    consumer = Consumer(
        account_id=owner.id,
        id=work.new_id(),
        key=key,
        label=clean_text(label, what="the label"),
        callback=oauth.check_callback(callback) if callback else None,
        scopes=frozenset(parse_scope(scope) for scope in scopes),
        is_public=is_public,
        acts_as=_person(work, acting_name).id if acting_name else None,
        created_at=work.at,
    )

    oauth_consumer_rows.add(work.tx, consumer)

    work.record(Event.CONSUMER_ADDED, owner, consumer.label, after=_facts(work, consumer))
    return owner, consumer


def list_consumers(work: UnitOfWork, account_name: str | None = None) -> list[tuple[Account, Consumer, Account | None]]:
    """List the consumers of an account or, for site administrators, of all; oldest first.

    Returns (account, consumer, person it acts for or None).
    """
    if account_name is not None:
        owner = access.account(work, account_name, to=To.MANAGE_CONSUMERS)
        return [
            (owner, each, account_rows.by_id(work.tx, each.acts_as) if each.acts_as else None)
            for each in oauth_consumer_rows.of_account(work.tx, owner.id)
        ]
    access.site(work)
    consumers = oauth_consumer_rows.all_consumers(work.tx)
    ids = {id for each in consumers for id in (each.account_id, each.acts_as) if id}
    accounts = account_rows.find_many(work.tx, ids)
    return [(accounts[each.account_id], each, accounts.get(each.acts_as or "")) for each in consumers]


def revoke(work: UnitOfWork, key: str) -> Consumer:
    """Delete a consumer and everything that was issued to it. Raises NotFound, Forbidden."""
    consumer = oauth_consumer_rows.of_anybody(work.tx, key)
    if consumer is None:
        raise NotFound(f"there is no OAuth app {quote_text(key)}")
    owner = access.account(work, consumer.account_id, to=To.MANAGE_CONSUMERS)
    facts = _facts(work, consumer)

    oauth_consumer_rows.remove(work.tx, consumer)

    work.record(Event.CONSUMER_REVOKED, owner, consumer.label, before=facts)
    return consumer


def revoke_of(work: UnitOfWork, account_name: str, key: str) -> Consumer:
    """Delete a consumer of this account, as `revoke` does. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.MANAGE_CONSUMERS)
    consumer = oauth_consumer_rows.of_anybody(work.tx, key)
    if consumer is None or consumer.account_id != owner.id:
        raise NotFound(f"{owner.username} has no OAuth app {quote_text(key)}")
    return revoke(work, key)


def _person(work: UnitOfWork, name: str) -> Account:
    person = access.account(work, name, to=To.ACT_FOR)
    if person.is_team:
        raise Invalid(f"{person.username} is a team, not a person", field="acts_as")
    return person


def _facts(work: UnitOfWork, consumer: Consumer) -> dict[str, object]:
    person = account_rows.by_id(work.tx, consumer.acts_as) if consumer.acts_as else None
    return consumer.facts | {"acts_as": person.username if person else None}
