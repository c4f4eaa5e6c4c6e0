"""The actor's OAuth authorizations: list and revoke the consents that they gave to consumers."""

from dataclasses import dataclass
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.oauth import Consumer, OAuthToken
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.store import oauth_consumer_rows, oauth_token_rows


@dataclass(frozen=True, slots=True)
class Authorization:
    """A consumer that may act for a person with their consent; `id` is the token family of that consent.

    `at` is when they agreed or, with OAuth 2, when the consumer last refreshed its tokens.
    """

    id: str
    owner: Account
    consumer: Consumer
    scopes: frozenset[str]
    at: datetime


def list_authorizations(work: UnitOfWork) -> list[Authorization]:
    """List the consumers that may act for the actor with their consent, oldest first."""
    person = access.oneself(work, to=To.ACT_FOR)
    tokens = [token for token in oauth_token_rows.valid_tokens(work.tx, person.id) if not token.is_expired(work.at)]
    consumers = {
        ids: oauth_consumer_rows.find_owned(work.tx, *ids)
        for ids in {(token.consumer_account_id, token.consumer_id) for token in tokens}
    }
    by_family = {}
    for token in tokens:
        owner, consumer = consumers[token.consumer_account_id, token.consumer_id]
        by_family[token.family_id] = Authorization(token.family_id, owner, consumer, token.scopes, token.created_at)
    return list(by_family.values())


def withdraw_all(work: UnitOfWork, name: str | None = None) -> None:
    """Revoke all consents of the actor, or of the person with this name, which site administrators may.

    Approved requests that no consumer has exchanged yet end too.
    """
    person = access.oneself(work, to=To.ACT_FOR) if name is None else access.person(work, name, to=To.ACT_FOR)
    oauth_consumer_rows.forget_agreed(work.tx, person.id)
    for token in oauth_token_rows.consents(work.tx, person.id):
        _revoke(work, person, token)


def revoke(work: UnitOfWork, id: str) -> Consumer:
    """Revoke all tokens of one of the actor's consents. Raises NotFound."""
    person = access.oneself(work, to=To.ACT_FOR)
    token = next((each for each in oauth_token_rows.valid_tokens(work.tx, person.id) if each.family_id == id), None)
    if token is None:
        raise NotFound("that app can't act for you any more")
    return _revoke(work, person, token)


def revoke_of(work: UnitOfWork, name: str, id: str) -> Consumer:
    """Revoke all tokens of a consent that a person gave, for them and for site administrators. Raises NotFound."""
    person = access.person(work, name, to=To.ACT_FOR)
    token = next((each for each in oauth_token_rows.consents(work.tx, person.id) if each.family_id == id), None)
    if token is None:
        raise NotFound(f"that app can't act for {person.username} any more")
    return _revoke(work, person, token)


def _revoke(work: UnitOfWork, person: Account, token: OAuthToken) -> Consumer:
    _, consumer = oauth_consumer_rows.find_owned(work.tx, token.consumer_account_id, token.consumer_id)

    oauth_token_rows.revoke_family(work.tx, token)

    by = "the person" if work.actor.id == person.id else "an administrator"
    facts = {"id": token.family_id, "key": consumer.key, "reason": f"{by} revoked it"}
    work.record(Event.AUTHORIZATION_REVOKED, person, consumer.label, before=facts)
    return consumer
