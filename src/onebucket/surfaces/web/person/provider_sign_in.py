"""Pages to sign in with a provider, to link who one is there to the account here, and to sign in with a link."""

from functools import partial

from starlette.responses import RedirectResponse, Response

from onebucket.actions import identities, session_links
from onebucket.actions.identities import NotLinked
from onebucket.domain.refusals import Refusal, TooManyRequests
from onebucket.domain.sign_in_providers import ProvenIdentity, ProviderUnavailable, SignInRefused
from onebucket.surfaces.web.core import csrf
from onebucket.surfaces.web.core.backend import Asked, ToSignIn
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS, retry_after
from onebucket.surfaces.web.person import profile
from onebucket.surfaces.web.person.sign_in import FRONT_DOOR

# Cookies: the sign-in that is going on at a provider, and who came back from there without being known here.
_FLOW, _IDENTITY = "flow", "identity"
_SECONDS = 600


async def begin(request: PageRequest) -> Response:
    """Send the browser to the provider; with `again`, to log in there anew."""
    next_path, again = csrf.local_address(request.query("next")) or FRONT_DOOR, bool(request.query("again"))
    name = request.path_parameter("provider")
    try:
        request.backend.count_from_network(request.browser, Asked.PROVIDER)
        url, sealed = await request.backend.providers.begin(name, next_path, again=again)
    except (ProviderUnavailable, TooManyRequests) as refusal:
        return _failed(request, refusal, next_path)
    request.cookies.keep(_FLOW, sealed, _SECONDS)
    return RedirectResponse(url, status_code=303, headers=HEADERS)


async def come_back(request: PageRequest) -> Response:
    """Sign in who comes back from the provider; whatever comes of it, this sign-in is over."""
    response = await _finish(request)
    request.cookies.delete(_FLOW)
    return response


async def _finish(request: PageRequest) -> Response:
    """Sign in who comes back; whoever isn't known here proves their account first."""
    name, providers = request.path_parameter("provider"), request.backend.providers
    sealed, next_path = request.cookies.get(_FLOW) or "", FRONT_DOOR
    try:
        request.backend.count_from_network(request.browser, Asked.PROVIDER_RESPONSE)
        identity, next_path, is_again = await providers.finish(name, request.request.query_params, sealed)
        prove = identities.confirm if is_again else identities.sign_in
        await _start_session(request, lambda work: prove(work, identity))
    except NotLinked as refusal:
        if request.person is None and not request.site.takes_password(None):
            return _failed(request, refusal, next_path)
        request.cookies.keep(_IDENTITY, providers.seal(identity), _SECONDS)
        return request.redirect("/sign-in/link")
    except (SignInRefused, ProviderUnavailable, TooManyRequests) as refusal:
        return _failed(request, refusal, next_path)
    return request.redirect(next_path)


async def _start_session(request: PageRequest, to_sign_in: ToSignIn) -> None:
    request.keep_session(await request.backend.start_session_with(request.browser, to_sign_in))


def _failed(request: PageRequest, refusal: Refusal, next_path: str) -> Response:
    """Show the ways to sign in again, with what went wrong."""
    request.errors = {"": refusal.sentence}
    status = request.backend.status(refusal) or 403
    response = request.page("sign_in/sign_in.html", status=status, next=next_path, login="", notice="")
    return retry_after(response, refusal)


async def show_link(request: PageRequest) -> Response:
    """Show who came back from the provider, to be linked to the account of whoever signs in here."""
    identity = _kept_identity(request)
    label = request.backend.providers.label(identity.provider)
    return request.page("sign_in/link_identity.html", identity=identity, label=label, login=identity.email)


async def link(request: PageRequest) -> Response:
    """Link the identity to the person who has signed in, and go on as they come from the provider."""
    identity = _kept_identity(request)
    if request.person is None:
        return request.redirect("/sign-in?next=/sign-in/link")
    await request.write(lambda work: identities.link(work, identity))
    await _start_session(request, lambda work: identities.sign_in(work, identity))
    request.cookies.delete(_IDENTITY)
    return request.redirect("/me?done=linked#identities")


def _kept_identity(request: PageRequest) -> ProvenIdentity:
    identity = request.backend.providers.unseal(request.cookies.get(_IDENTITY) or "")
    if identity is None:
        raise SignInRefused("this took too long: sign in with the provider again")
    return identity


async def unlink(request: PageRequest) -> Response:
    """Unlink an identity of the person."""
    await request.write(partial(identities.unlink, name=request.me.id, id=request.path_parameter("id")))
    return request.redirect("/me?done=unlinked#identities")


# -- a link that signs in --------------------------------------------------------------------------


async def show_session_link(request: PageRequest) -> Response:
    """Show whom the link signs in. Opening it, as previews of messages do, doesn't use it up."""
    link_hash = request.link_hash
    person = await request.read(lambda work: session_links.view(work, link_hash))
    return request.page("sign_in/session_link.html", person=person)


async def use_session_link(request: PageRequest) -> Response:
    """Sign in with the link."""
    link_hash = request.link_hash
    await _start_session(request, lambda work: session_links.use(work, link_hash))
    return request.redirect(FRONT_DOOR)


PAGES = (
    Page("/oidc/{provider}", begin),
    Page("/oidc/{provider}/callback", come_back),
    Page("/sign-in/link", show_link, link, is_guarded=True),
    Page("/me/identities/{id}/unlink", profile.show, unlink, is_private=True),
    Page("/sessions/{secret}", show_session_link, use_session_link, link="session"),
)
