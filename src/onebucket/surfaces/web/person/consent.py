"""OAuth consent pages, for OAuth 1.0a and OAuth 2: may this app act for you?"""

from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from onebucket import hashing
from onebucket.actions import oauth
from onebucket.actions.oauth import ConsentRequest
from onebucket.domain.oauth import AuthorizationRequest, redirect_to
from onebucket.domain.refusals import Invalid, OAuthError
from onebucket.domain.scopes import SCOPES
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS


def chosen(request: PageRequest) -> frozenset[str]:
    """Return the scopes ticked in a form. Raises FormErrors if there are none or an unknown one."""
    scopes = frozenset(request.texts("scope"))
    if not scopes or not scopes <= SCOPES.keys():
        raise FormErrors(scope="choose at least one scope")
    return scopes


# -- OAuth 2 ---------------------------------------------------------------------------------------


async def ask(request: PageRequest) -> Response:
    """Show what the app asks for; redirects to the sign-in form if nobody has signed in."""
    authorization_request = _read_authorization_request(request)
    try:
        consent_request = await request.read(lambda work: oauth.check_consent_request(work, authorization_request))
    except OAuthError as refusal:
        # Signed-out visitors aren't redirected: that would be an open redirect to any callback (RFC 9700, 4.11.2).
        if request.person is None:
            raise Invalid(f"the app that sent you here asks for something it can't have: {refusal.sentence}") from None
        return await _redirect(request, authorization_request, error=refusal.error, error_description=refusal.sentence)
    if request.person is None:
        return _sign_in(request)
    denied = redirect_to(
        consent_request.redirect, error="access_denied", state=authorization_request.state, iss=request.site.base_url
    )
    return _question(request, consent_request, denied)


async def agree(request: PageRequest) -> Response:
    """Grant the request and redirect to the app with an authorization code."""
    authorization_request, code = _read_authorization_request(request), request.backend.new_secret()
    if request.person is None:
        return _sign_in(request)
    code_hash = hashing.secret_hash(code)
    try:
        await request.write(lambda work: oauth.approve(work, authorization_request, code_hash=code_hash))
    except OAuthError as refusal:
        return await _redirect(request, authorization_request, error=refusal.error, error_description=refusal.sentence)
    return await _redirect(request, authorization_request, code=code)


def _read_authorization_request(request: PageRequest) -> AuthorizationRequest:
    """Read the authorization request from the query.

    Raises Invalid if a parameter is repeated: then it isn't clear where to redirect to.
    """
    names = ("client_id", "response_type", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
    query = request.request.query_params
    if any(len(query.getlist(name)) > 1 for name in names):
        raise Invalid("a parameter in this address is repeated")
    return AuthorizationRequest(*(request.query(name) for name in names))


async def _redirect(request: PageRequest, authorization_request: AuthorizationRequest, **parameters: str) -> Response:
    """Redirect to the app, with `iss` (RFC 9207). Raises Invalid if the redirect address isn't allowed."""
    redirect = await request.read(lambda work: oauth.redirect_target(work, authorization_request))
    target = redirect_to(redirect, **parameters, state=authorization_request.state, iss=request.site.base_url)
    return RedirectResponse(target, status_code=303, headers=HEADERS)


# -- OAuth 1 ---------------------------------------------------------------------------------------


async def ask_first(request: PageRequest) -> Response:
    """Show what the app asks for with its OAuth 1 request token (`oauth_token`)."""
    token = request.query("oauth_token")
    consent_request = await request.read(lambda work: oauth.requested(work, hashing.secret_hash(token)))
    if request.person is None:
        return _sign_in(request)
    denied = (
        redirect_to(consent_request.redirect, oauth_token=token, oauth_problem="user_refused")
        if consent_request.redirect
        else "/"
    )
    return _question(request, consent_request, denied)


async def agree_first(request: PageRequest) -> Response:
    """Grant the OAuth 1 request and redirect to the app with the verifier.

    Without a callback, show the verifier to be typed into the app.
    """
    token, verifier = request.query("oauth_token"), request.backend.new_secret()
    if request.person is None:
        return _sign_in(request)
    token_hash, verifier_hash = hashing.secret_hash(token), hashing.secret_hash(verifier)
    consent_request = await request.write(
        lambda work: oauth.approve_request(work, token_hash, verifier_hash=verifier_hash)
    )
    if not consent_request.redirect:
        return request.page("consent/verifier.html", consent_request=consent_request, verifier=verifier)
    target = redirect_to(consent_request.redirect, oauth_token=token, oauth_verifier=verifier)
    return RedirectResponse(target, status_code=303, headers=HEADERS)


# -- both ------------------------------------------------------------------------------------------


def _question(request: PageRequest, consent_request: ConsentRequest, denied: str) -> Response:
    response = request.page(
        "consent/question.html",
        consent_request=consent_request,
        denied=denied,
        host=urlsplit(consent_request.redirect).hostname or consent_request.redirect,
    )
    if consent_request.redirect:
        # Browsers check `form-action` against redirects of the form's response as well.
        parts = urlsplit(consent_request.redirect)
        target = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
        policy = HEADERS["Content-Security-Policy"].replace("form-action 'self'", f"form-action 'self' {target}")
        response.headers["Content-Security-Policy"] = policy
    return response


def _sign_in(request: PageRequest) -> Response:
    """Redirect to the sign-in form, which leads back here."""
    return request.redirect(f"/sign-in?{urlencode({'next': f'{request.path}?{request.request.url.query}'})}")


PAGES = (
    Page("/site/oauth2/authorize", ask, agree, is_guarded=True, link="consent"),
    *(
        Page(f"{base}/oauth/authenticate", ask_first, agree_first, is_guarded=True, link="consent")
        for base in ("/api/1.0", "/1.0", "/!api/1.0")
    ),
)
