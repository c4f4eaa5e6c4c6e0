"""Who may see which page, and do what there: every page, and every form, for every kind of person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import cast
import codes
import consuming
import mirroring
import ssh_keygen
from browsing import Visitor, deliver, done_by
from cast import Api
from onebucket import hashing
from onebucket.actions import (
    access_requests,
    consumers,
    directories,
    emails,
    identities,
    invitations,
    outbox,
    passwords,
    projects,
    reviews,
    session_links,
    sessions,
    ssh_keys,
    tokens,
    webhook_deliveries,
    webhooks,
)
from onebucket.actions.reviews import ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.privileges import Level
from onebucket.domain.sign_in_providers import ProvenIdentity
from onebucket.store import oauth_token_rows
from onebucket.surfaces.web.core import page_router
from onebucket.surfaces.web.site import demo

# The same moment for everybody who sets the stage.
REVIEW_DUE = datetime.now(UTC) + timedelta(days=9)

# mallory is in nothing, bob is a member of acme, alice administers it, root the whole site. `in`: to the sign-in form.
PEOPLE = ("nobody", "mallory", "bob", "alice", "root")

# What stands in braces is made by `made_ready`: carol's invitation, the links that bob asked for, a session of alice's.
TABLE = """
                                            nobody  mallory  bob  alice  root
GET    /                                       200      200  200    200   200
GET    /docs                                   200      200  200    200   200
GET    /docs/listGroups                        200      200  200    200   200
GET    /docs/none                              404      404  404    404   404
GET    /avatars/alice/32                       200      200  200    200   200
GET    /setup/none                             404      404  404    404   404
POST   /setup/none                             404      404  404    404   404

GET    /sign-in                                200      303  303    303   303
POST   /sign-in                                303      303  303    303   303
GET    /sign-in/code                            in       in   in     in    in
POST   /sign-in/code                            in       in   in     in    in
GET    /sign-in/confirm                         in      303  303    303   303
POST   /sign-in/confirm                         in      303  303    303   303
GET    /sign-in/passkey                        200      303  303    303   303
POST   /sign-in/passkey                        400      400  400    400   400
GET    /sign-in/code/passkey                    in       in   in     in    in
POST   /sign-in/code/passkey                    in       in   in     in    in
GET    /sign-in/link                           403      403  403    403   403
POST   /sign-in/link                           403      403  403    403   403
GET    /oidc/none                              404      404  404    404   404
GET    /oidc/none/callback                     404      404  404    404   404
GET    /sessions/{bobs}                        200      200  200    200   200
POST   /sessions/{bobs}                        303      303  303    303   303
GET    /sessions/none                          404      404  404    404   404
GET    /sign-out                               200      200  200    200   200
POST   /sign-out                                in       in   in     in    in
GET    /sign-up                                403      403  403    403   403
POST   /sign-up                                403      403  403    403   403

GET    /invitations/{carol}                    200      200  200    200   200
GET    /invitations/{carol}/accept             200      200  200    200   200
POST   /invitations/{carol}/accept             403      403  403    403   403
POST   /invitations/{mallorys}/accept          403      303  403    403   403
GET    /invitations/{carol}/decline            200      200  200    200   200
POST   /invitations/{carol}/decline            200      200  200    200   200
GET    /invitations/{carol}/sign-up            200      200  200    200   200
POST   /invitations/{carol}/sign-up            303      303  303    303   303
POST   /invitations/{mallorys}/sign-up         403      403  403    403   403
GET    /invitations/none                       404      404  404    404   404

GET    /emails/{bobs}                          200      403  200    403   403
POST   /emails/{bobs}                          403      403  303    403   403
GET    /emails/none                            404      404  404    404   404
GET    /passwords/forgotten                    200      200  200    200   200
POST   /passwords/forgotten                    200      200  200    200   200
GET    /passwords/{bobs}                       200      200  200    200   200
POST   /passwords/{bobs}                        in       in   in     in    in
GET    /passwords/none                         404      404  404    404   404

GET    /search                                  in      200  200    200   200
GET    /theme                                   200     200  200    200   200
POST   /theme                                   303     303  303    303   303
GET    /me                                      in      200  200    200   200
GET    /me/invitations/{id}/accept          in      200  200    200   200
POST   /me/invitations/{id}/accept          in      404  404    404   404
GET    /me/invitations/{id}/decline         in      200  200    200   200
POST   /me/invitations/{id}/decline         in      404  404    404   404
GET    /me/requests                             in      200  200    200   200
POST   /me/requests                             in      303  303    409   409
GET    /me/requests/{asked}/withdraw            in      200  200    200   200
POST   /me/requests/{asked}/withdraw            in      404  303    404   404
GET    /me/emails                               in      200  200    200   200
POST   /me/emails                               in      303  303    303   303
GET    /me/emails/primary                       in      200  200    200   200
POST   /me/emails/primary                       in      404  303    404   404
GET    /me/emails/remove                        in      200  200    200   200
POST   /me/emails/remove                        in      404  400    404   404
GET    /me/password                             in      200  200    200   200
POST   /me/password                             in      400  303    400   400
GET    /me/sessions/end                         in      200  200    200   200
POST   /me/sessions/end                         in      303  303    303   303
GET    /me/sessions/{alices}/end                in      200  200    200   200
POST   /me/sessions/{alices}/end                in      404  404    303   404
GET    /me/security                             in      200  200    200   200
GET    /me/security/apps                        in      200  200    200   200
POST   /me/security/apps                        in      303  303    303   303
GET    /me/security/apps/{app}                  in      404  404    200   404
POST   /me/security/apps/{app}                  in      404  404    400   404
GET    /me/security/passkeys                    in      200  200    200   200
POST   /me/security/passkeys                    in      303  303    303   303
GET    /me/security/passkeys/new                in      404  404    404   404
POST   /me/security/passkeys/new                in      404  404    404   404
GET    /me/security/recovery-codes              in      200  200    200   200
POST   /me/security/recovery-codes              in      400  400    400   400
GET    /me/security/{factor}                    in      404  404    404   404
POST   /me/security/{factor}                    in      404  404    404   404
GET    /me/security/{factor}/remove             in      404  404    404   404
POST   /me/security/{factor}/remove             in      404  404    404   404
GET    /me/identities/{identity}/unlink         in      200  200    200   200
POST   /me/identities/{identity}/unlink         in      404  404    303   404
GET    /me/tokens                               in      200  200    200   200
POST   /me/tokens                               in      200  200    200   200
GET    /me/tokens/{token}/revoke                in      200  200    200   200
POST   /me/tokens/{token}/revoke                in      404  404    303   404
GET    /me/ssh-keys                             in      200  200    200   200
POST   /me/ssh-keys                             in      303  303    303   303
GET    /me/ssh-keys/{ssh}                       in      404  404    200   404
POST   /me/ssh-keys/{ssh}                       in      404  404    303   404
GET    /me/ssh-keys/{ssh}/remove                in      404  404    200   404
POST   /me/ssh-keys/{ssh}/remove                in      404  404    303   404
GET    /me/programs/{consent}/end               in      200  200    200   200
POST   /me/programs/{consent}/end               in      404  404    303   404

GET    /accounts/acme/consumers                 in      403  403    200   200
POST   /accounts/acme/consumers                 in      403  403    200   200
GET    /accounts/bob/consumers                  in      403  200    403   200
GET    /accounts/acme/consumers/{key}/revoke    in      403  403    200   200
POST   /accounts/acme/consumers/{key}/revoke    in      403  403    404   404
POST   /accounts/alice/consumers/{key}/revoke   in      403  403    303   303

GET    /accounts/acme/webhooks                  in      403  403    200   200
POST   /accounts/acme/webhooks                  in      403  403    200   200
GET    /accounts/bob/webhooks                   in      403  200    403   200
GET    /accounts/acme/webhooks/{hook}           in      403  403    200   200
POST   /accounts/acme/webhooks/{hook}           in      403  403    303   303
GET    /accounts/acme/webhooks/none             in      403  403    404   404
GET    /accounts/bob/webhooks/{hook}            in      403  404    403   404
GET    /accounts/acme/webhooks/{hook}/rotate    in      403  403    200   200
POST   /accounts/acme/webhooks/{hook}/rotate    in      403  403    200   200
GET    /accounts/acme/webhooks/{hook}/ping      in      403  403    200   200
POST   /accounts/acme/webhooks/{hook}/ping      in      403  403    303   303
GET    /accounts/acme/webhooks/{hook}/delete    in      403  403    200   200
POST   /accounts/acme/webhooks/{hook}/delete    in      403  403    303   303
GET    /accounts/acme/webhooks/{hook}/deliveries/{sent}  in 403 403 200  200
POST   /accounts/acme/webhooks/{hook}/deliveries/{sent}  in 403 403 303  303

GET    /accounts/acme/directories               in      403  403    200   200
GET    /accounts/acme/directories/okta          in      403  403    200   200
GET    /accounts/acme/directories/okta/rotate   in      403  403    200   200
POST   /accounts/acme/directories/okta/rotate   in      403  403    403   200
GET    /accounts/acme/directories/entra/end-old-key  in 403  403    200   200
POST   /accounts/acme/directories/entra/end-old-key  in 403  403    403   303

GET    /accounts/acme                           in      403  200    200   200
GET    /accounts/globex                         in      403  403    403   200
GET    /accounts/bob                            in      403  200    403   200
GET    /accounts/none                           in      404  404    404   404
GET    /accounts/acme/groups                    in      403  200    200   200
POST   /accounts/acme/groups                    in      403  403    303   303
GET    /accounts/acme/repositories              in      403  403    200   200
GET    /accounts/acme/repositories/rocket       in      404  200    200   200
GET    /accounts/acme/repositories/website      in      200  200    200   200
GET    /accounts/acme/repositories/none         in      404  404    404   404
GET    /accounts/acme/repositories/rocket/move  in      404  200    200   200
POST   /accounts/acme/repositories/rocket/move  in      404  403    200   200
GET    /accounts/acme/new-repository            in      403  403    200   200
POST   /accounts/acme/new-repository            in      403  403    303   303
GET    /accounts/acme/repositories/rocket/permissions   in 404 200 200   200
POST   /accounts/acme/repositories/rocket/permissions   in 404 403 200   200
GET    /accounts/acme/repositories/rocket/settings      in 404 200 200   200
POST   /accounts/acme/repositories/rocket/settings      in 404 403 303   303
GET    /accounts/acme/repositories/rocket/delete        in 404 403 200   200
POST   /accounts/acme/repositories/rocket/delete        in 404 403 303   303
GET    /accounts/acme/projects                  in      403  200    200   200
POST   /accounts/acme/projects                  in      403  403    303   303
GET    /accounts/acme/projects/PROJ             in      404  200    200   200
GET    /accounts/acme/projects/OPS              in      404  200    200   200
GET    /accounts/acme/projects/OPEN             in      200  200    200   200
GET    /accounts/acme/projects/NONE             in      404  404    404   404
POST   /accounts/acme/projects/OPS              in      404  403    303   303
POST   /accounts/acme/projects/OPEN             in      403  403    303   303
GET    /accounts/acme/projects/OPS/permissions  in      404  200    200   200
POST   /accounts/acme/projects/OPS/permissions  in      404  403    200   200
POST   /accounts/acme/projects/OPEN/permissions in      403  403    200   200
GET    /accounts/acme/projects/OPS/delete       in      404  403    200   200
GET    /accounts/acme/projects/OPEN/delete      in      403  403    200   200
POST   /accounts/acme/projects/OPS/delete       in      404  403    303   303
POST   /accounts/acme/projects/PROJ/delete      in      404  403    400   400
GET    /accounts/acme/settings                  in      403  403    200   200
POST   /accounts/acme/settings                  in      403  403    303   303
GET    /accounts/bob/settings                   in      403  200    403   200
POST   /accounts/bob/settings                   in      403  303    403   303
GET    /accounts/acme/groups/designers          in      403  200    200   200
GET    /accounts/acme/groups/administrators     in      403  403    200   200
GET    /accounts/acme/groups/none               in      404  404    404   404
POST   /accounts/acme/groups/designers          in      403  403    303   303
GET    /accounts/acme/groups/designers/members  in      403  200    200   200
POST   /accounts/acme/groups/designers/members  in      403  403    303   303
GET    /accounts/acme/groups/designers/members/bob/remove in 403 200 200  200
POST   /accounts/acme/groups/designers/members/bob/remove in 403 303 303  303
POST   /accounts/acme/groups/developers/members/dora/remove in 403 403 303 303
GET    /accounts/acme/groups/designers/members/bob/end in 403 403 200 200
GET    /accounts/acme/groups/designers/members/gina/end in 403 403 404 404
POST   /accounts/acme/groups/designers/members/bob/end in 403 403 303 303
GET    /accounts/acme/groups/designers/delete   in      403  403    200   200
POST   /accounts/acme/groups/designers/delete   in      403  403    303   303

GET    /accounts/acme/privileges                in      403  403    200   200
POST   /accounts/acme/privileges                in      403  403    200   200
GET    /accounts/acme/privileges/set            in      403  403    200   200
POST   /accounts/acme/privileges/set            in      403  403    409   409

GET    /accounts/acme/ask                       in      403  200    200   200
GET    /accounts/acme/ask/end?way=group&person=bob&repository=rocket&group=designers in 403 403 200 200
POST   /accounts/acme/ask/end                   in      403  403    409   409
GET    /accounts/acme/people                    in      403  403    200   200
GET    /accounts/acme/people/dora               in      403  403    200   200
GET    /accounts/acme/people/none               in      403  403    404   404
GET    /accounts/acme/people/dora/remove        in      403  403    200   200
POST   /accounts/acme/people/dora/remove        in      403  403    303   303
POST   /accounts/acme/people/alice/remove       in      403  403    400   400
GET    /site/people/bob                         in      403  403    403   200
GET    /site/people/bob/offboard                in      403  403    403   200
POST   /site/people/bob/offboard                in      403  403    403   303
POST   /site/people/root/offboard               in      403  403    403   400
GET    /site/people/bob/delete                  in      403  403    403   200
POST   /site/people/bob/delete                  in      403  403    403   303
POST   /site/people/root/delete                 in      403  403    403   400
GET    /site/people/dora/factors/{factor}       in      403  403    403   200
POST   /site/people/dora/factors/{factor}       in      403  403    403   303
GET    /site/people/bob/disable                 in      403  403    403   200
POST   /site/people/bob/disable                 in      403  403    403   303
GET    /site/people/bob/enable                  in      403  403    403   200
POST   /site/people/bob/enable                  in      403  403    403   303
GET    /site/people/bob/sign-out                in      403  403    403   200
POST   /site/people/bob/sign-out                in      403  403    403   303
GET    /site/people/bob/reset-password          in      403  403    403   200
POST   /site/people/bob/reset-password          in      403  403    403   303
GET    /site/people/bob/rename                  in      403  403    403   200
POST   /site/people/bob/rename                  in      403  403    403   400
GET    /accounts/acme/mirrors                   in      403  403    200   200
GET    /accounts/bob/mirrors                    in      403  200    403   200
GET    /accounts/acme/mirrors/cloud             in      403  403    200   200
GET    /accounts/acme/mirrors/none              in      403  403    404   404
GET    /accounts/acme/mirrors/cloud/differences in      403  403    200   200
GET    /accounts/acme/mirrors/cloud/pause       in      403  403    200   200
POST   /accounts/acme/mirrors/cloud/pause       in      403  403    303   303
GET    /accounts/acme/mirrors/cloud/resume      in      403  403    200   200
POST   /accounts/acme/mirrors/cloud/resume      in      403  403    303   303
GET    /accounts/acme/mirrors/cloud/settings    in      403  403    200   200
POST   /accounts/acme/mirrors/cloud/settings    in      403  403    200   200
GET    /accounts/acme/mirrors/cloud/settings/forget in  403  403    200   200
POST   /accounts/acme/mirrors/cloud/settings/forget in  403  403    303   303
GET    /accounts/acme/tokens                    in      403  403    200   200
GET    /accounts/acme/tokens/alice/{token}/revoke in    403  403    200   200
POST   /accounts/acme/tokens/alice/{token}/revoke in    403  403    303   303
GET    /accounts/acme/tokens/alice/{consent}/end in     403  403    200   200
POST   /accounts/acme/tokens/alice/{consent}/end in     403  403    303   303
GET    /accounts/acme/ends                      in      200  200    200   200
GET    /accounts/none/ends                      in      404  404    404   404
POST   /accounts/acme/ends                      in      403  403    303   303
GET    /accounts/acme/give                      in      200  200    200   200
GET    /accounts/none/give                      in      404  404    404   404
POST   /accounts/acme/give                      in      400  403    200   200
GET    /accounts/acme/reviews                   in 403 200 200 200
GET    /accounts/globex/reviews                 in 403 403 403 200
GET    /accounts/acme/reviews/new               in 403 403 200 200
POST   /accounts/acme/reviews/new               in 403 403 303 303
GET    /accounts/acme/reviews/{review}          in 403 200 200 200
GET    /accounts/acme/reviews/none              in 403 403 404 404
POST   /accounts/acme/reviews/{review}          in 403 303 303 303
GET    /accounts/acme/reviews/{review}/remind   in 403 403 200 200
POST   /accounts/acme/reviews/{review}/remind   in 403 403 303 303
GET    /accounts/acme/reviews/{review}/close    in 403 403 200 200
POST   /accounts/acme/reviews/{review}/close    in 403 403 303 303
GET    /accounts/acme/reviews/{review}/cancel   in 403 403 200 200
POST   /accounts/acme/reviews/{review}/cancel   in 403 403 303 303
GET    /accounts/acme/changes                   in      403  403    200   200
GET    /accounts/bob/changes                    in      403  200    403   200
GET    /accounts/acme/journal                   in      403  403    200   200
GET    /accounts/bob/journal                    in      403  200    403   200
GET    /accounts/acme/journal/1/undo            in      404  404    404   404
POST   /accounts/acme/journal/1/undo            in      404  404    404   404
GET    /accounts/none/journal/1/undo            in      404  404    404   404
GET    /site/journal                            in      403  403    403   200
GET    /site                                    in      403  403    403   200

GET    /accounts/acme/invitations               in      403  403    200   200
POST   /accounts/acme/invitations               in      403  403    303   303
GET    /accounts/globex/invitations             in      403  403    403   200
GET    /accounts/bob/invitations                in      403  200    403   200
GET    /accounts/none/invitations               in      404  404    404   404
GET    /accounts/acme/invitations/{id}/resend   in      403  403    200   200
POST   /accounts/acme/invitations/{id}/resend   in      403  403    303   303
GET    /accounts/acme/invitations/{id}/withdraw in      403  403    200   200
POST   /accounts/acme/invitations/{id}/withdraw in      403  403    303   303
POST   /accounts/bob/invitations/{id}/withdraw  in      403  404    303   303

GET    /accounts/acme/requests                  in      403  403    200   200
GET    /accounts/globex/requests                in      403  403    403   200
GET    /accounts/acme/requests/{asked}/grant    in      403  403    200   200
POST   /accounts/acme/requests/{asked}/grant    in      403  403    303   303
GET    /accounts/acme/requests/{asked}/deny     in      403  403    200   200
POST   /accounts/acme/requests/{asked}/deny     in      403  403    303   303

GET    /site/letters                            in      403  403    403   200
GET    /site/letters/{letter}/try-again         in      403  403    403   200
POST   /site/letters/{letter}/try-again         in      403  403    403   303

GET    /site/oauth2/authorize                    in      200  200    200   200
POST   /site/oauth2/authorize                    in      303  303    303   303
GET    /api/1.0/oauth/authenticate               in      200  200    200   200
POST   /api/1.0/oauth/authenticate               in      303  303    303   303
GET    /1.0/oauth/authenticate                   in      200  200    200   200
POST   /1.0/oauth/authenticate                   in      303  303    303   303
GET    /!api/1.0/oauth/authenticate              in      200  200    200   200
POST   /!api/1.0/oauth/authenticate              in      303  303    303   303

GET    /demo/letters                           200      200  200    200   200
"""

TYPED = {
    "/sign-in": {"login": "alice", "password": cast.password("alice")},
    "/sign-up": {"username": "eve", "email": "eve@example.org", "password": "long enough"},
    "/setup/{secret}": {"username": "eve", "password": "long enough"},
    "/invitations/{secret}/sign-up": {"username": "eve", "password": "long enough"},
    "/passwords/forgotten": {"login": "alice"},
    "/passwords/{secret}": {"password": "long enough"},
    "/accounts/{name}/groups": {"name": "Night Crew"},
    "/accounts/{name}/groups/{slug}": {"name": "Designers", "permission": "read"},
    "/accounts/{name}/groups/{slug}/members": {"member": "gina"},
    "/accounts/{name}/groups/{slug}/members/{member}/end": {"until": "2099-12-31"},
    "/accounts/{name}/give": {"people": "gina new@example.net", "repositories": "rocket", "level": "read"},
    "/accounts/{name}/ends": {"kind": "memberships", "place": "designers", "holder": "bob", "until": "2099-12-31"},
    "/accounts/{name}/privileges": {"cell:designers/rocket:write": "read"},
    "/accounts/{name}/privileges/set": {"cell:designers/rocket:write": "read", "revision": "0"},
    "/accounts/{name}/new-repository": {"slug": "shuttle"},
    "/accounts/{name}/repositories/{slug}/move": {"project": "OPS"},
    "/accounts/{name}/repositories/{slug}/permissions": {"kind": "group", "holder": "designers", "level": "read"},
    "/accounts/{name}/repositories/{slug}/settings": {"slug": "rocket_2"},
    "/accounts/{name}/ask/end": {
        "way": "group",
        "person": "bob",
        "repository": "rocket",
        "group": "designers",
        "revision": "0",
    },
    "/accounts/{name}/reviews/new": {"scope": "account", "until": f"{REVIEW_DUE:%Y-%m-%d}"},
    # Dora is in developers.
    "/accounts/{name}/reviews/{review}": {"row": "5", "answer": "keep"},
    "/accounts/{name}/projects": {"name": "New", "key": "NEW"},
    "/accounts/{name}/projects/{key}": {"name": "Operations", "key": "OPS_2"},
    "/accounts/{name}/projects/{key}/permissions": {"kind": "group", "holder": "designers", "level": "read"},
    "/accounts/{name}/settings": {"display_name": "Acme & Sons"},
    "/accounts/{name}/invitations": {"emails": "new@example.org", "group": "designers"},
    "/me/requests": {"repository": "acme/rocket", "level": "admin", "reason": "I build the release"},
    "/accounts/{name}/requests/{id}/grant": {"level": "read"},
    "/accounts/{name}/requests/{id}/deny": {"sentence": "ask again"},
    "/me/emails": {"email": "more@example.org"},
    "/me/emails/primary": {"address": "bob@example.com"},
    "/me/emails/remove": {"address": "bob@example.com"},
    "/me/tokens": {"label": "ci", "scope": "account", "lasts": "90"},
    "/me/ssh-keys": {"label": "laptop", "key": ssh_keygen.public(), "lasts": "never"},
    "/me/ssh-keys/{id}": {"label": "desk"},
    "/me/security/apps": {"label": "phone"},
    "/me/security/passkeys": {"passkey_label": "laptop"},
    "/me/security/passkeys/new": {"passkey": "{}", "label": "laptop"},
    "/sign-in/passkey": {"passkey": "{}"},
    "/me/security/apps/{id}": {"code": "wrong"},
    "/me/security/{id}": {"label": "desk"},
    "/sign-in/code": {"code": "123456"},
    "/accounts/{name}/consumers": {"label": "Builds", "scope": "account"},
    "/accounts/{name}/webhooks": {"url": "https://hooks.example.com/", "event": "*"},
    "/accounts/{name}/webhooks/{id}": {"url": "https://hooks.example.com/", "event": "*", "active": "on"},
    "/me/password": {"old_password": cast.password("bob"), "password": "long enough"},
}


@dataclass(frozen=True)
class Row:
    """One line of the table: what each of them gets for that method of that address."""

    method: str
    address: str
    answers: dict[str, str]


def _rows() -> Iterator[Row]:
    heading, *lines = (line.split() for line in TABLE.splitlines() if line)
    assert tuple(heading) == PEOPLE
    for method, address, *answers in lines:
        yield Row(method, address, dict(zip(PEOPLE, answers, strict=True)))


ROWS = tuple(_rows())


def page_of(address: str) -> str:
    """The page whose address that is: the first that fits."""
    given = address.partition("?")[0].split("/")
    for page in (*page_router.EVERYWHERE, *demo.PAGES):
        wanted = page.path.split("/")
        # In the table a letter is named by one word, and by two in the address.
        words = [part for part in wanted if part != "{account_id}"]
        if len(words) == len(given) and all(a == b or a[:1] == "{" for a, b in zip(words, given, strict=True)):
            return page.path
    return address


def test_every_page_and_every_form_has_a_row() -> None:
    wanted = {(method, page.path) for page in (*page_router.EVERYWHERE, *demo.PAGES) for method in page.methods}

    assert wanted - {(row.method, page_of(row.address)) for row in ROWS} == set()


@pytest.fixture(scope="module")
def stage(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The cast, with links that are good and a letter in trouble; and what the table calls them."""
    folder = tmp_path_factory.mktemp("stage")
    api = Api(cast.copy(cast_template, folder))
    names = made_ready(api)
    api.close()
    return folder / "onebucket.db", names


def made_ready(api: Api) -> dict[str, str]:
    """Put on stage what the table names; each name with what it stands for."""
    builds = consuming.add(api)
    to = {"callback_uri": consuming.CALLBACK}
    asked = consuming.fields(consuming.ask(api, builds, "/1.0/oauth/request_token", "POST", **to))
    return _links(api) | {
        "/site/oauth2/authorize": consuming.wish(builds),
        "/oauth/authenticate": f"/oauth/authenticate?oauth_token={asked['oauth_token']}",
    }


def _links(api: Any) -> dict[str, str]:
    for email in ("carol@example.net", "mallory@example.com"):
        api.operate(
            done_by("alice", lambda work, to=email: invitations.invite_to_group(work, "acme", to, None, "designers"))
        )
    links = deliver(api)
    api.operate(done_by("bob", lambda work: emails.ask_for(work, "bob", "b@example.org")))
    confirming = deliver(api)
    api.operate(lambda work: passwords.request_reset(work, "bob"))
    resetting = deliver(api)
    api.operate(lambda work: work.tx.connection.execute("UPDATE letters SET trouble = '550', sent_at = NULL"))
    api.operate(lambda work: projects.create(work, "acme", "OPS", name="Operations"))
    api.operate(lambda work: projects.create(work, "acme", "OPEN", name="Open", is_private=False))
    api.operate(mirroring.register)
    [letter, *_] = [each for _, each in api.operate(outbox.list_failing)]
    hash = hashing.secret_hash("a session of hers")
    session = api.operate(done_by("alice", lambda work: sessions.start(work, secret_hash=hash, agent="a")))
    to_sign_in = hashing.secret_hash("signs-bob-in")
    api.operate(lambda work: session_links.make(work, "bob", secret_hash=to_sign_in))
    known = ProvenIdentity("corp", "https://login.example.com", "a-1", "alice@example.com", True, "", "", None)
    identity = api.operate(done_by("alice", lambda work: identities.link(work, known)))
    consent, key = api.operate(_consent)
    api.operate(_add_directories)
    hook, sent = api.operate(_add_webhook)
    _, ssh_key = api.operate(lambda work: ssh_keys.add(work, "alice", ssh_keygen.public(name="alice"), label="desk"))
    app = api.operate(done_by("alice", codes.begin))
    factor = codes.set_up(api, "dora")
    token = api.operate(lambda work: tokens.of_person(work, "alice"))[0]
    wish = ("acme", "website", Level.ADMIN, "I change its name")
    _, asked = api.operate(done_by("bob", lambda work: access_requests.ask(work, *wish)))
    [id] = [each.id for _, each in api.operate(invitations.found) if each.email == "carol@example.net"]
    plan = ReviewPlan(REVIEW_DUE, people=["bob"])
    review = api.operate(lambda work: reviews.start(work, "acme", plan))
    return {
        "/invitations/{carol}": links["carol@example.net"],
        "/invitations/{mallorys}": links["mallory@example.com"],
        "/emails/{bobs}": confirming["b@example.org"],
        "/passwords/{bobs}": resetting["bob@example.com"],
        "/sessions/{bobs}": "/sessions/signs-bob-in",
        "{asked}": asked.id,
        "{identity}": identity.id,
        "{alices}": session.id,
        "{token}": token.id,
        "{ssh}": ssh_key.id,
        "{app}": app.id,
        "{factor}": factor.id,
        "{consent}": consent,
        "{key}": key,
        "{hook}": hook,
        "{sent}": sent,
        "{id}": id,
        "{review}": review.review.id,
        "{letter}": f"{letter.account_id}/{letter.id}",
    }


def _add_directories(work: UnitOfWork) -> None:
    """Let acme have a directory with one key, and one with two."""
    for label in ("okta", "entra"):
        directories.add(work, "acme", label=label, secret_hash=hashing.secret_hash(f"the first of {label}"))
    directories.rotate(work, "acme", "entra", secret_hash=hashing.secret_hash("the second of entra"))


def _add_webhook(work: UnitOfWork) -> tuple[str, str]:
    """Let acme have a webhook with a delivery; their ids."""
    _, webhook = webhooks.add(work, "acme", url="https://hooks.example.com/", events=["group.added"])
    return webhook.id, webhook_deliveries.ping(work, "acme", webhook.id).id


def _consent(work: UnitOfWork) -> tuple[str, str]:
    """Let alice have a consumer that may sign for her; what came of her consent, and the consumer's key."""
    person, program = consumers.add(work, "alice", key="a-program-of-hers", label="Hers", scopes=cast.ALL_SCOPES)
    ids = (work.new_id(), oauth.TokenKind.SIGNING, work.new_id(), program.account_id, program.id)
    given = oauth.OAuthToken(person.id, *ids, cast.ALL_SCOPES, work.at, None)
    oauth_token_rows.add(work.tx, given, secret_hash=hashing.secret_hash("what she gave it"))
    return given.family_id, program.key


@pytest.mark.long
@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_gets_what_the_table_says(stage: tuple[Path, dict[str, str]], tmp_path: Path, who: str) -> None:
    template, names = stage
    folder = tmp_path / "letters"
    folder.mkdir()
    api = Api(cast.copy(template, tmp_path), demo_letters=folder, mirrors=[mirroring.CLOUD])

    wrong = []
    for row in ROWS:
        api.restore(template)
        with Visitor(api, None if who == "nobody" else who) as visitor:
            got = answer(visitor, row, names)
        if got != row.answers[who]:
            wrong.append(f"{row.method} {row.address}: {got}, not {row.answers[who]}")

    api.close()
    assert wrong == []


def answer(visitor: Visitor, row: Row, names: dict[str, str]) -> str:
    """What somebody gets: a status, or `in` for being sent to the sign-in form."""
    given = answered(visitor, row, names)
    to_sign_in = given.headers.get("location", "").startswith("/sign-in") or "Sign in again" in given.text
    return "in" if to_sign_in else str(given.status_code)


def answered(visitor: Visitor, row: Row, names: dict[str, str]) -> httpx.Response:
    """What somebody is answered."""
    path = row.address
    for name, value in names.items():
        path = path.replace(name, value)
    how = {}
    if row.method == "POST":
        form = visitor.open("/sign-out" if visitor.cookies else "/passwords/forgotten")
        token = form.inputs["form_token"]["value"] or ""
        how["data"] = TYPED.get(page_of(row.address), {}) | {"form_token": token}
    return visitor.ask(row.method, path, **how)
