"""OAuth consent pages, for OAuth 1.0a and OAuth 2: may this app act for you?"""

from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from onebucket import hashing
from onebucket.actions import oauth
from onebucket.actions.oauth import ConsentRequest
from onebucket.domain.accounts import SCOPES
from onebucket.domain.oauth import AuthorizationRequest, redirect_to
from onebucket.domain.refusals import Invalid, OAuthError
from onebucket.surfaces.web.core.page_request import HEADERS, FormErrors, Page, PageRequest


def chosen(visit: PageRequest) -> frozenset[str]:
    """Return the scopes ticked in a form. Raises FormErrors if there are none or an unknown one."""
    scopes = frozenset(visit.texts("scope"))
    if not scopes or not scopes <= SCOPES.keys():
        raise FormErrors(scope="choose at least one thing that it may do")
    return scopes


# -- OAuth 2 ---------------------------------------------------------------------------------------


async def ask(visit: PageRequest) -> Response:
    """Show what the app asks for; redirects to the sign-in form if nobody has signed in."""
    wish = _wish(visit)
    try:
        asked = await visit.read(lambda work: oauth.check_consent_request(work, wish))
    except OAuthError as refusal:
        # Without a session don't redirect: a link to us would be an open redirect to any registered callback (RFC 9700, 4.11.2).
        if visit.person is None:
            raise Invalid(f"the program that sent you here asks for what it can't have: {refusal.sentence}") from None
        return await _back(visit, wish, error=refusal.error, error_description=refusal.sentence)
    if visit.person is None:
        return _sign_in(visit)
    denied = redirect_to(asked.redirect, error="access_denied", state=wish.state, iss=visit.site.base_url)
    return _question(visit, asked, denied)


async def agree(visit: PageRequest) -> Response:
    """Grant the request and redirect to the app with an authorization code."""
    wish, code = _wish(visit), visit.backend.new_secret()
    if visit.person is None:
        return _sign_in(visit)
    hash = hashing.secret_hash(code)
    try:
        await visit.write(lambda work: oauth.approve(work, wish, code_hash=hash))
    except OAuthError as refusal:
        return await _back(visit, wish, error=refusal.error, error_description=refusal.sentence)
    return await _back(visit, wish, code=code)


def _wish(visit: PageRequest) -> AuthorizationRequest:
    """Read the authorization request from the query.

    Raises Invalid if a parameter is repeated: then it isn't clear where to redirect to.
    """
    names = ("client_id", "response_type", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
    given = visit.request.query_params
    if any(len(given.getlist(name)) > 1 for name in names):
        raise Invalid("something in this address is there twice")
    return AuthorizationRequest(*(visit.query(name) for name in names))


async def _back(visit: PageRequest, wish: AuthorizationRequest, **words: str) -> Response:
    """Redirect to the app, with `iss` (RFC 9207). Raises Invalid if the redirect address isn't allowed."""
    redirect = await visit.read(lambda work: oauth.redirect_target(work, wish))
    there = redirect_to(redirect, **words, state=wish.state, iss=visit.site.base_url)
    return RedirectResponse(there, status_code=303, headers=HEADERS)


# -- OAuth 1 ---------------------------------------------------------------------------------------


async def ask_first(visit: PageRequest) -> Response:
    """Show what the app asks for with its OAuth 1 request token (`oauth_token`)."""
    token = visit.query("oauth_token")
    asked = await visit.read(lambda work: oauth.requested(work, hashing.secret_hash(token)))
    if visit.person is None:
        return _sign_in(visit)
    denied = redirect_to(asked.redirect, oauth_token=token, oauth_problem="user_refused") if asked.redirect else "/"
    return _question(visit, asked, denied)


async def agree_first(visit: PageRequest) -> Response:
    """Grant the OAuth 1 request and redirect to the app with the verifier.

    Without a callback, show the verifier to be typed into the app.
    """
    token, verifier = visit.query("oauth_token"), visit.backend.new_secret()
    if visit.person is None:
        return _sign_in(visit)
    hash, verifier_hash = hashing.secret_hash(token), hashing.secret_hash(verifier)
    asked = await visit.write(lambda work: oauth.approve_request(work, hash, verifier_hash=verifier_hash))
    if not asked.redirect:
        return visit.page("consent/verifier.html", asked=asked, verifier=verifier)
    there = redirect_to(asked.redirect, oauth_token=token, oauth_verifier=verifier)
    return RedirectResponse(there, status_code=303, headers=HEADERS)


# -- both ------------------------------------------------------------------------------------------


def _question(visit: PageRequest, asked: ConsentRequest, denied: str) -> Response:
    answer = visit.page(
        "consent/question.html",
        asked=asked,
        denied=denied,
        host=urlsplit(asked.redirect).hostname or asked.redirect,
    )
    if asked.redirect:
        # Browsers check `form-action` against redirects of the form's response as well.
        parts = urlsplit(asked.redirect)
        there = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
        policy = HEADERS["Content-Security-Policy"].replace("form-action 'self'", f"form-action 'self' {there}")
        answer.headers["Content-Security-Policy"] = policy
    return answer


def _sign_in(visit: PageRequest) -> Response:
    """Redirect to the sign-in form, which leads back here."""
    return visit.redirect(f"/sign-in?{urlencode({'next': f'{visit.path}?{visit.request.url.query}'})}")


PAGES = (
    Page("/site/oauth2/authorize", ask, agree, is_guarded=True, link="consent"),
    *(
        Page(f"{base}/oauth/authenticate", ask_first, agree_first, is_guarded=True, link="consent")
        for base in ("/api/1.0", "/1.0", "/!api/1.0")
    ),
)
