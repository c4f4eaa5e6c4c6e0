"""App passwords and authorized OAuth apps that reach an account: those of its people, with scopes for it."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from onebucket.actions import access, oauth_authorizations, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.tokens import reaches_accounts
from onebucket.store import (
    account_summaries,
    app_password_rows,
    credential_holders,
    oauth_consumer_rows,
    oauth_token_rows,
)


@dataclass(frozen=True, slots=True)
class ReachingCredential:
    """A credential with which its owner, or an OAuth app for them, reaches an account.

    `app_owner` is whose OAuth app it is, None for an app password. `id` is that of the app password, or of the consent.
    `created_at` of an OAuth app is when it was authorized or last renewed; its uses aren't recorded.
    """

    person: Account
    id: str
    label: str
    app_owner: Account | None
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_from: str | None = None


def listed(work: UnitOfWork, account_name: str) -> list[ReachingCredential]:
    """List the valid credentials that reach an account, by their owners and the oldest first; for administrators.

    Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    people = {each.id: each for each in account_summaries.people(work.tx, owner.id) if each.is_active}
    found = [*_app_passwords(work, people), *_consents(work, people)]
    reaching = [each for each in found if reaches_accounts(each.scopes)]
    return sorted(reaching, key=lambda each: (each.person.username.lower(), each.created_at))


def revoke_app_password(work: UnitOfWork, name: str, id: str) -> None:
    """Revoke a person's app password, for them and for site administrators; tell them if they didn't do it themselves.

    An administrator of one account may not: it reaches everything that the person can. Raises NotFound, Forbidden.
    """
    tokens.revoke_of(work, name, id)
    work.notify_owner(access.person(work, name))


def revoke_app(work: UnitOfWork, name: str, id: str) -> None:
    """End an OAuth app's right to act for a person, as `revoke_app_password` does. Raises NotFound, Forbidden."""
    oauth_authorizations.revoke_of(work, name, id)
    work.notify_owner(access.person(work, name))


def _app_passwords(work: UnitOfWork, people: dict[str, Account]) -> list[ReachingCredential]:
    found = []
    for each in app_password_rows.of_people(work.tx, people):
        is_expired = each.expires_at is not None and each.expires_at <= work.at
        # One that was created with another credential ends with it.
        has_ended = each.made_with and credential_holders.actor(work.tx, each.account_id, each.credential) is None
        if not is_expired and not has_ended:
            used = each.last_used_at, each.last_used_from
            person = people[each.account_id]
            found.append(
                ReachingCredential(
                    person, each.id, each.label, None, each.scopes, each.created_at, each.expires_at, *used
                )
            )
    return found


def _consents(work: UnitOfWork, people: dict[str, Account]) -> list[ReachingCredential]:
    found, app = [], cache(partial(oauth_consumer_rows.find_owned, work.tx))
    for each in oauth_token_rows.consents_of_people(work.tx, people):
        if not each.is_expired(work.at):
            app_owner, consumer = app(each.consumer_account_id, each.consumer_id)
            person = people[each.account_id]
            found.append(
                ReachingCredential(person, each.family_id, consumer.label, app_owner, each.scopes, each.created_at)
            )
    return found
