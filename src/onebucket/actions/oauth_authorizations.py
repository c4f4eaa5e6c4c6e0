"""What a person has let OAuth consumers do in her name: seeing it, and ending it."""

from dataclasses import dataclass
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.oauth import Consumer
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.store import oauth_consumer_rows, oauth_token_rows


@dataclass(frozen=True, slots=True)
class Authorization:
    """A consumer that may act for a person as she agreed; `id` names what came of that consent.

    `at` is when it was given or, with OAuth 2, when the consumer last renewed what it got.
    """

    id: str
    owner: Account
    consumer: Consumer
    scopes: frozenset[str]
    at: datetime


def list_authorizations(work: UnitOfWork) -> list[Authorization]:
    """Who may act for the person who asks because she agreed to it, oldest first."""
    person = access.oneself(work, to=To.ACT_FOR)
    held = [each for each in oauth_token_rows.valid_tokens(work.tx, person.id) if not each.is_expired(work.at)]
    its = {
        ids: oauth_consumer_rows.find_owned(work.tx, *ids)
        for ids in {(each.consumer_account_id, each.consumer_id) for each in held}
    }
    found = {}
    for each in held:
        owner, consumer = its[each.consumer_account_id, each.consumer_id]
        found[each.family_id] = Authorization(each.family_id, owner, consumer, each.scopes, each.created_at)
    return list(found.values())


def withdraw_all(work: UnitOfWork) -> None:
    """End all that the person who asks ever agreed to, also what no consumer has fetched yet."""
    person = access.oneself(work, to=To.ACT_FOR)
    oauth_consumer_rows.forget_agreed(work.tx, person.id)
    for each in list_authorizations(work):
        revoke(work, each.id)


def revoke(work: UnitOfWork, id: str) -> Consumer:
    """End, as the person who agreed, all that came of one consent. Raises NotFound."""
    person = access.oneself(work, to=To.ACT_FOR)
    one = next((each for each in oauth_token_rows.valid_tokens(work.tx, person.id) if each.family_id == id), None)
    if one is None:
        raise NotFound("that program can't act for you any more")
    _, consumer = oauth_consumer_rows.find_owned(work.tx, one.consumer_account_id, one.consumer_id)

    oauth_token_rows.revoke_family(work.tx, one)

    facts = {"id": one.family_id, "key": consumer.key, "reason": "the person ended it"}
    work.record(Event.AUTHORIZATION_REVOKED, person, consumer.label, before=facts)
    return consumer
