"""OAuth consumers of an account: adding, listing, revoking them."""

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.accounts import Account, parse_scope
from onebucket.domain.events import Event
from onebucket.domain.oauth import Consumer
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.text import clean_text, quote_text
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
    """Let an account have one more consumer. Raises Invalid, NotFound, Forbidden.

    On its own it acts for the person `acts_as`; unless that is said, for the owner of a personal account, and for
    nobody where the account is a team.
    """
    owner = access.account(work, account_name, to=To.MANAGE_CONSUMERS)
    named = acts_as or (None if owner.is_team or is_public else owner.id)
    if is_public and named:
        raise Invalid("a public consumer has no secret, so it can't act for anybody on its own")
    if is_public and not callback:
        raise Invalid("a public consumer needs a callback: people are sent back to it")
    consumer = Consumer(
        account_id=owner.id,
        id=work.new_id(),
        key=key,
        label=clean_text(label, what="the label"),
        callback=oauth.check_callback(callback) if callback else None,
        scopes=frozenset(parse_scope(scope) for scope in scopes),
        is_public=is_public,
        acts_as=_person(work, named).id if named else None,
        created_at=work.at,
    )

    oauth_consumer_rows.add(work.tx, consumer)

    work.record(Event.CONSUMER_ADDED, owner, consumer.label, after=_facts(work, consumer))
    return owner, consumer


def list_consumers(work: UnitOfWork, account_name: str | None = None) -> list[tuple[Account, Consumer, Account | None]]:
    """The consumers of an account, or of all, oldest first; with each, its account and whom it acts for."""
    if account_name is not None:
        owner = access.account(work, account_name, to=To.MANAGE_CONSUMERS)
        return [
            (owner, each, account_rows.by_id(work.tx, each.acts_as) if each.acts_as else None)
            for each in oauth_consumer_rows.of_account(work.tx, owner.id)
        ]
    access.site(work)
    found = oauth_consumer_rows.all_consumers(work.tx)
    everybody = {each.id: each for each in account_rows.all_people(work.tx)} if found else {}
    return [(everybody[each.account_id], each, everybody.get(each.acts_as or "")) for each in found]


def revoke(work: UnitOfWork, key: str) -> Consumer:
    """End a consumer, and everything that was issued to it, at once. Raises NotFound, Forbidden."""
    consumer = oauth_consumer_rows.of_anybody(work.tx, key)
    if consumer is None:
        raise NotFound(f"there is no consumer {quote_text(key)}")
    owner = access.account(work, consumer.account_id, to=To.MANAGE_CONSUMERS)
    facts = _facts(work, consumer)

    oauth_consumer_rows.remove(work.tx, consumer)

    work.record(Event.CONSUMER_REVOKED, owner, consumer.label, before=facts)
    return consumer


def revoke_of(work: UnitOfWork, account_name: str, key: str) -> Consumer:
    """End a consumer of that account. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.MANAGE_CONSUMERS)
    consumer = oauth_consumer_rows.of_anybody(work.tx, key)
    if consumer is None or consumer.account_id != owner.id:
        raise NotFound(f"{owner.username} has no consumer {quote_text(key)}")
    return revoke(work, key)


def _person(work: UnitOfWork, name: str) -> Account:
    person = access.account(work, name, to=To.ACT_FOR)
    if person.is_team:
        raise Invalid(f"{person.username} is a team, not a person")
    return person


def _facts(work: UnitOfWork, consumer: Consumer) -> dict[str, object]:
    person = account_rows.by_id(work.tx, consumer.acts_as) if consumer.acts_as else None
    return consumer.facts | {"acts_as": person.username if person else None}
