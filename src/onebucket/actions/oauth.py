"""OAuth grants: consent requests, authorization codes, access and refresh tokens, and OAuth 1 tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.oauth import AuthorizationRequest, Consumer, OAuthToken, TokenKind
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, LinkExpired, OAuthError
from onebucket.store import account_rows, oauth_consumer_rows, oauth_token_rows
from onebucket.store.oauth_consumer_rows import OAuth1Request


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What a consumer asks a person to agree to; `redirect` is empty when there is no callback (OAuth 1 `oob`)."""

    owner: Account
    consumer: Consumer
    redirect: str
    scopes: frozenset[str]


def consumer(work: UnitOfWork, key: str) -> Consumer | None:
    """Return the consumer with this key, None if there is none or its owner is disabled.

    Needs no permission: the key is public, and callers check the secret.
    """
    return oauth_consumer_rows.by_key(work.tx, key)


# -- consent ---------------------------------------------------------------------------------------


def check_consent_request(work: UnitOfWork, auth_request: AuthorizationRequest) -> ConsentRequest:
    """Validate an authorization request and return what the consent page shows.

    Raises Invalid; OAuthError for errors that are sent to the consumer, at `redirect_target`.
    """
    owner, consumer = _require_consumer(work, auth_request.key)
    redirect = _redirect(work, consumer, auth_request.redirect)
    oauth.check_request(consumer, auth_request)
    return ConsentRequest(owner, consumer, redirect, oauth.narrow_scopes(consumer.scopes, auth_request.scope))


def redirect_target(work: UnitOfWork, auth_request: AuthorizationRequest) -> str:
    """Return the redirect URI of an authorization request. Raises Invalid unless it belongs to the consumer."""
    return _redirect(work, _require_consumer(work, auth_request.key)[1], auth_request.redirect)


def approve(work: UnitOfWork, auth_request: AuthorizationRequest, *, code_hash: str) -> ConsentRequest:
    """Record the actor's consent and store the authorization code with this hash.

    Raises what `check_consent_request` raises, and Forbidden.
    """
    consent = check_consent_request(work, auth_request)
    person = access.oneself(work, to=To.ACT_FOR)

    family_id = work.new_id()
    code = _new_token(work, person, consent.consumer, TokenKind.CODE, family_id, consent.scopes, oauth.CODE_LASTS,
                      redirect=auth_request.redirect or None, challenge=auth_request.challenge or None)  # fmt: skip
    oauth_token_rows.add(work.tx, code, secret_hash=code_hash)

    _record_approval(work, person, consent.consumer, family_id, consent.scopes)
    return consent


# -- OAuth 2 tokens --------------------------------------------------------------------------------


def authenticate_consumer(work: UnitOfWork, account_id: str) -> Account | None:
    """Return the account that a consumer acts for; None when there is no such account or it is disabled."""
    person = account_rows.by_id(work.tx, account_id)
    return person if person and person.is_active else None


def find_token(work: UnitOfWork, consumer: Consumer, secret_hash: str, *kinds: TokenKind) -> OAuthToken | None:
    """Return the consumer's token with this hash if it is of these kinds, unexpired and not consumed."""
    return _valid(work, consumer, oauth_token_rows.by_hash(work.tx, secret_hash), *kinds)


def present_token(work: UnitOfWork, consumer: Consumer, secret_hash: str, kind: TokenKind) -> OAuthToken | None:
    """Return a code or refresh token that a consumer wants to exchange, None if it isn't valid.

    A second use revokes all tokens of the same consent: somebody has stolen the code or token.
    """
    token = oauth_token_rows.by_hash(work.tx, secret_hash)
    if token and token.kind is kind and token.belongs_to(consumer) and token.consumed_at is not None:
        _revoke_family(work, consumer, token, f"the {kind.value} was used twice")
    return _valid(work, consumer, token, kind)


def _valid(work: UnitOfWork, consumer: Consumer, token: OAuthToken | None, *kinds: TokenKind) -> OAuthToken | None:
    if token is None or token.kind not in kinds or not token.belongs_to(consumer) or token.consumed_at is not None:
        return None
    return None if token.is_expired(work.at) else token


def issue(
    work: UnitOfWork,
    consumer: Consumer,
    person: Account,
    scopes: frozenset[str],
    *,
    access_hash: str,
    refresh_hash: str | None = None,
    of: OAuthToken | None = None,
) -> OAuthToken:
    """Issue an access token to a consumer for a person and, with `refresh_hash`, a refresh token.

    Consumes `of`, the code or refresh token that is exchanged. Raises OAuthError if it has been consumed already.
    """
    if of is not None and not oauth_token_rows.consume_once(work.tx, of, work.at):
        raise OAuthError("invalid_grant", "it was used already")

    with _acting_for(work, person, consumer):
        access.oneself(work, to=To.ACT_FOR)
        family_id = of.family_id if of else work.new_id()
        token = _new_token(work, person, consumer, TokenKind.ACCESS, family_id, scopes, oauth.ACCESS_LASTS)
        oauth_token_rows.delete_expired(work.tx, before=work.at)
        is_recorded = oauth_token_rows.has_like(
            work.tx, token, since=work.at - oauth.TOLD_EVERY, of_family=of is not None
        )
        oauth_token_rows.add(work.tx, token, secret_hash=access_hash)
        if refresh_hash is not None:
            # The refresh token keeps all scopes of the consent, even if this access token has fewer.
            all_scopes = of.scopes if of else scopes
            refresh_token = _new_token(
                work, person, consumer, TokenKind.REFRESH, family_id, all_scopes, oauth.REFRESH_LASTS
            )
            oauth_token_rows.add(work.tx, refresh_token, secret_hash=refresh_hash)

        # The journal is never trimmed: record a consumer that fetches tokens all the time only once per `TOLD_EVERY`.
        if not is_recorded:
            after = {"id": token.id, "key": consumer.key, "scopes": sorted(scopes)}
            work.record(Event.ACCESS_TOKEN_ISSUED, person, consumer.label, after=after)
    return token


def revoke_token(work: UnitOfWork, consumer: Consumer, token: OAuthToken) -> None:
    """Revoke a token for its consumer; a refresh token takes all tokens of the same consent with it."""
    if token.kind is TokenKind.REFRESH:
        _revoke_family(work, consumer, token, "the app revoked it")
        return
    person = account_rows.by_id(work.tx, token.account_id)
    if person is not None and oauth_token_rows.revoke(work.tx, token):
        with _acting_for(work, person, consumer):
            access.oneself(work, to=To.ACT_FOR)
            _record_revocation(work, person, consumer, token.id, "the app revoked the access token")


# -- OAuth 1 ---------------------------------------------------------------------------------------


def request(work: UnitOfWork, consumer: Consumer, *, callback: str, token_hash: str) -> None:
    """Store an OAuth 1 request token with this hash. Raises Invalid for a callback that isn't the consumer's."""
    if callback != oauth.OUT_OF_BAND and (not callback or _redirect(work, consumer, callback) != callback):
        raise Invalid("oauth_callback is missing")
    oauth_consumer_rows.delete_expired(work.tx, before=work.at)
    expires = work.at + oauth.REQUEST_LASTS
    oauth_consumer_rows.add_request(
        work.tx, OAuth1Request(consumer.account_id, consumer.id, token_hash, callback, expires)
    )


def requested(work: UnitOfWork, token_hash: str) -> ConsentRequest:
    """Return what the consent page shows for an OAuth 1 request token. Raises LinkExpired."""
    pending = _pending(work, token_hash)
    if pending.person_id is not None:
        raise LinkExpired
    owner, consumer = oauth_consumer_rows.find_owned(work.tx, pending.account_id, pending.consumer_id)
    if not owner.is_active:
        raise LinkExpired
    redirect = "" if pending.callback == oauth.OUT_OF_BAND else pending.callback
    return ConsentRequest(owner, consumer, redirect, consumer.scopes)


def approve_request(work: UnitOfWork, token_hash: str, *, verifier_hash: str) -> ConsentRequest:
    """Record the actor's consent to an OAuth 1 request; the consumer needs the verifier to exchange it.

    Raises LinkExpired, Forbidden.
    """
    consent = requested(work, token_hash)
    person = access.oneself(work, to=To.ACT_FOR)

    if not oauth_consumer_rows.approve_request(
        work.tx, _pending(work, token_hash), person_id=person.id, verifier_hash=verifier_hash
    ):
        raise LinkExpired

    return consent


def exchange(work: UnitOfWork, consumer: Consumer, *, token_hash: str, verifier_hash: str, new_hash: str) -> None:
    """Exchange an approved OAuth 1 request for the token with hash `new_hash`. Raises OAuthError, LinkExpired."""
    pending = _pending(work, token_hash)
    person = authenticate_consumer(work, pending.person_id or "")
    if person is None or pending.consumer_id != consumer.id or pending.verifier_hash != verifier_hash:
        raise OAuthError("invalid_grant", "the verifier is wrong")
    if not oauth_consumer_rows.consume_request(work.tx, pending):
        raise OAuthError("invalid_grant", "it was used already")

    with _acting_for(work, person, consumer):
        access.oneself(work, to=To.ACT_FOR)
        token = _new_token(work, person, consumer, TokenKind.SIGNING, work.new_id(), consumer.scopes, None)
        oauth_token_rows.add(work.tx, token, secret_hash=new_hash)
        _record_approval(work, person, consumer, token.family_id, consumer.scopes)


# -- parts -----------------------------------------------------------------------------------------


def _require_consumer(work: UnitOfWork, key: str) -> tuple[Account, Consumer]:
    consumer = oauth_consumer_rows.by_key(work.tx, key)
    owner = account_rows.by_id(work.tx, consumer.account_id) if consumer else None
    if consumer is None or owner is None:
        raise Invalid("there is no such OAuth app: the client_id is wrong, or it was revoked")
    return owner, consumer


def _redirect(work: UnitOfWork, consumer: Consumer, requested_uri: str) -> str:
    return oauth.choose_redirect(consumer, requested_uri, may_extend=work.site_limits.oauth_callbacks == "prefix")


def _pending(work: UnitOfWork, token_hash: str) -> OAuth1Request:
    request = oauth_consumer_rows.find_request(work.tx, token_hash)
    if request is None or request.expires_at <= work.at:
        raise LinkExpired
    return request


@contextmanager
def _acting_for(work: UnitOfWork, person: Account, consumer: Consumer) -> Iterator[None]:
    with work.on_behalf(Actor(person, consumer.credential, consumer.scopes)):
        yield


def _new_token(
    work: UnitOfWork,
    person: Account,
    consumer: Consumer,
    kind: TokenKind,
    family_id: str,
    scopes: frozenset[str],
    lasts: timedelta | None,
    *,
    redirect: str | None = None,
    challenge: str | None = None,
) -> OAuthToken:
    return OAuthToken(
        account_id=person.id,
        id=work.new_id(),
        kind=kind,
        family_id=family_id,
        consumer_account_id=consumer.account_id,
        consumer_id=consumer.id,
        scopes=scopes,
        created_at=work.at,
        expires_at=work.at + lasts if lasts else None,
        redirect=redirect,
        challenge=challenge,
    )


def _revoke_family(work: UnitOfWork, consumer: Consumer, token: OAuthToken, reason: str) -> None:
    person = account_rows.by_id(work.tx, token.account_id)
    if person is not None and oauth_token_rows.revoke_family(work.tx, token):
        with _acting_for(work, person, consumer):
            access.oneself(work, to=To.ACT_FOR)
            _record_revocation(work, person, consumer, token.family_id, reason)


def _record_approval(work: UnitOfWork, person: Account, consumer: Consumer, id: str, scopes: frozenset[str]) -> None:
    after = {"id": id, "key": consumer.key, "scopes": sorted(scopes)}
    work.record(Event.AUTHORIZATION_GIVEN, person, consumer.label, after=after)


def _record_revocation(work: UnitOfWork, person: Account, consumer: Consumer, id: str, reason: str) -> None:
    work.record(Event.AUTHORIZATION_REVOKED, person, consumer.label, before={"id": id, "key": consumer.key,
                                                                         "reason": reason})  # fmt: skip
