"""The route matrix: every address, asked by everybody, with every kind of credential, about his own and other accounts.

A route that the table has no row for fails the tests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import cast
import consuming
import sizes
import ssh_keygen
from cast import Api, basic, password, token
from onebucket import hashing
from onebucket.actions import (
    access_requests,
    accounts,
    consumers,
    directories,
    groups,
    invitations,
    privileges,
    project_privileges,
    repositories,
    reviews,
    ssh_keys,
    tokens,
    webhook_deliveries,
    webhooks,
)
from onebucket.actions.reviews import ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.scope_rules import ScopeRule
from onebucket.domain.scopes import is_newer
from onebucket.domain.tokens import AppPassword
from onebucket.http import wiring
from onebucket.store import oauth_token_rows
from onebucket.store.connect import connect
from onebucket.surfaces.core.router import Router
from permission_matrix import GRANTED, GROUPS, Row, missing_rows, rows

# mallory is in nothing; dora is in acme's developers, administers its repository website, and owns her personal
# account, where bob is in the group friends;
# bob is in acme's designers, too; alice administers acme, gina administers globex, root the whole site.
PEOPLE = ("mallory", "dora", "bob", "alice", "gina", "root")
ACCOUNTS = ("acme", "globex", "dora")
DIRECTORY_KEYS = {"valid": "obd_valid-key-of-okta", "revoked": "obd_revoked-key-of-okta"}
# How what acts for a person through a program comes to its end.
ENDS = ("revoked", "expired", "consumer revoked", "owner disabled")
FORMS_OF_PROGRAMS = (
    ("OAuth 2", oauth.TokenKind.ACCESS, hashing.ACCESS_PREFIX),
    ("OAuth 1", oauth.TokenKind.SIGNING, ""),
)

MATRIX = """
                                                 mallory  dora  bob  alice  gina  root
GET    /groups                                     200    200   200   200   200   200

GET    /groups/acme                                403    200   200   200   403   200
POST   /groups/acme                                403    403   403   200   403   200
GET    /groups/acme/designers                      403    403   200   200   403   200
PUT    /groups/acme/designers                      403    403   403   200   403   200
POST   /groups/acme/designers                      403    403   403   200   403   200
DELETE /groups/acme/designers                      403    403   403   204   403   204
GET    /groups/acme/designers/members              403    403   200   200   403   200
GET    /groups/acme/designers/members/bob          403    403   200   200   403   200
GET    /groups/acme/designers/members/alice        403    403   404   404   403   404
PUT    /groups/acme/designers/members/gina         403    403   403   200   403   200
PUT    /groups/acme/designers/members/mallory      403    403   403   200   403   200
DELETE /groups/acme/designers/members/bob          403    403   204   204   403   204
DELETE /groups/acme/designers/members/dora         403    404   403   404   403   404
DELETE /groups/acme/developers/members/dora        403    204   403   204   403   204
GET    /groups/acme/administrators                 403    403   403   200   403   200
PUT    /groups/acme/administrators/members/mallory 403    403   403   200   403   200
PUT    /groups/acme/administrators/members/bob     403    403   403   200   403   200
DELETE /groups/acme/administrators/members/alice   403    403   403   400   403   400
DELETE /groups/acme/administrators                 403    403   403   400   403   400

GET    /groups/globex                              403    403   403   403   200   200
POST   /groups/globex                              403    403   403   403   200   200
GET    /groups/globex/developers                   403    403   403   403   200   200
PUT    /groups/globex/developers                   403    403   403   403   200   200
POST   /groups/globex/developers                   403    403   403   403   200   200
DELETE /groups/globex/developers                   403    403   403   403   204   204
GET    /groups/globex/developers/members           403    403   403   403   200   200
GET    /groups/globex/developers/members/gina      403    403   403   403   200   200
PUT    /groups/globex/developers/members/bob       403    403   403   403   200   200
DELETE /groups/globex/developers/members/gina      403    403   403   403   204   204

GET    /groups/dora                                403    200   200   403   403   200
POST   /groups/dora                                403    200   403   403   403   200
GET    /groups/dora/friends                        403    200   200   403   403   200
PUT    /groups/dora/friends                        403    200   403   403   403   200
POST   /groups/dora/friends                        403    200   403   403   403   200
DELETE /groups/dora/friends                        403    204   403   403   403   204
GET    /groups/dora/friends/members                403    200   200   403   403   200
GET    /groups/dora/friends/members/bob            403    200   200   403   403   200
PUT    /groups/dora/friends/members/alice          403    200   403   403   403   200
DELETE /groups/dora/friends/members/bob            403    204   204   403   403   204

GET    /group-privileges/acme                      403    403   403   200   403   200
GET    /group-privileges/acme/rocket               404    404   403   200   404   200
GET    /group-privileges/acme/website              403    200   403   200   403   200
GET    /group-privileges/acme/acme/designers       403    403   403   200   403   200
DELETE /group-privileges/acme/acme/designers       403    403   403   204   403   204
GET    /group-privileges/acme/rocket/acme/designers    404 404  403   200   404   200
PUT    /group-privileges/acme/rocket/acme/designers    404 404  403   200   404   200
DELETE /group-privileges/acme/rocket/acme/designers    404 404  403   204   404   204
DELETE /group-privileges/acme/rocket/acme/developers   404 404  403   404   404   404
PUT    /group-privileges/acme/website/acme/designers   403 200  403   200   403   200
GET    /privileges/acme                            403    403   403   200   403   200
DELETE /privileges/acme                            403    403   403   204   403   204
GET    /privileges/acme/website                    403    200   403   200   403   200
DELETE /privileges/acme/website                    403    204   403   204   403   204
GET    /privileges/acme/website/dora               403    200   403   200   403   200
PUT    /privileges/acme/website/bob                403    200   403   200   403   200
PUT    /privileges/acme/rocket/dora                404    404   403   200   404   200
DELETE /privileges/acme/website/dora               403    204   403   204   403   204
GET    /users/acme/privileges                      403    403   403   200   403   200
GET    /users/acme/privileges/acme/administrators  403    403   403   200   403   200
PUT    /users/acme/privileges/acme/developers      403    403   403   200   403   200
POST   /users/acme/privileges/acme/developers  403    403   403   200   403   200
DELETE /users/acme/privileges/acme/administrators  403    403   403   400   403   400
GET    /api/access/acme/rocket?user=bob            404    404   200   200   404   200
GET    /api/access/acme/website?user=bob           403    200   200   200   403   200
GET    /api/access/acme/groups/designers/impact    403    403   403   200   403   200
GET    /api/access/acme/groups/designers/members/bob/impact  403 403 403  200 403 200

GET    /invitations/acme/rocket                    404    404   403   200   404   200
POST   /invitations/acme/rocket                    404    404   403   200   404   200
POST   /invitations/acme/website                   403    200   403   200   403   200
DELETE /invitations/acme/rocket                    404    404   403   404   404   404
POST   /invitations/acme/rocket/eve@example.net    404    404   403   200   404   200
POST   /invitations/acme/website/eve@example.net   403    200   403   200   403   200
DELETE /invitations/acme/rocket/eve@example.net    404    404   403   404   404   404
GET    /users/acme                                200    200   200   200   200   200
GET    /users/acme/invitations                     403    403   403   200   403   200
PUT    /users/acme/invitations                     403    403   403   200   403   200
POST   /users/acme/invitations                     403    403   403   200   403   200
DELETE /users/acme/invitations                     403    403   403   404   403   404
GET    /users/acme/invitations/carol@example.net   403    403   403   200   403   200
DELETE /users/acme/invitations/carol@example.net   403    403   403   204   403   204
GET    /users/acme/invitations/carol@example.net/acme/designers  403 403 403 200 403 200
PUT    /users/acme/invitations/eve@example.net/acme/designers    403 403 403 200 403 200
DELETE /users/acme/invitations/carol@example.net/acme/designers  403 403 403 204 403 204
GET    /api/invitations?account=acme               403    403   403   200   403   200
GET    /api/invitations                            403    403   403   403   403   200
POST   /api/invitations/{carols}/resend            404    404   404   200   404   200
DELETE /api/invitations/{carols}                   404    404   404   204   404   204

GET    /api/requests                               200    200   200   200   200   200
GET    /api/requests?account=acme                  403    403   403   200   403   200
POST   /api/requests                               200    200   200   200   409   409
DELETE /api/requests/{bobs}                        404    404   204   404   404   404
POST   /api/requests/{bobs}/grant                  404    404   404   200   404   200
POST   /api/requests/{bobs}/deny                   404    404   404   200   404   200

GET    /group-privileges/globex                    403    403   403   403   200   200
GET    /group-privileges/globex/satellite          404    404   404   404   200   200
GET    /group-privileges/globex/globex/developers  403    403   403   403   200   200
DELETE /group-privileges/globex/globex/developers  403    403   403   403   204   204
GET    /group-privileges/globex/satellite/globex/developers  404 404 404 404 200 200
PUT    /group-privileges/globex/satellite/globex/administrators  404 404 404 404 200 200
DELETE /group-privileges/globex/satellite/globex/developers  404 404 404 404 204 204
GET    /privileges/globex                          403    403   403   403   200   200
DELETE /privileges/globex                          403    403   403   403   204   204
GET    /privileges/globex/satellite                404    404   404   404   200   200
DELETE /privileges/globex/satellite                404    404   404   404   204   204
GET    /privileges/globex/satellite/bob            404    404   404   404   200   200
PUT    /privileges/globex/satellite/bob            404    404   404   404   200   200
DELETE /privileges/globex/satellite/bob            404    404   404   404   404   404
GET    /users/globex/privileges                    403    403   403   403   200   200
GET    /users/globex/privileges/globex/administrators  403 403  403   403   200   200
PUT    /users/globex/privileges/globex/developers  403    403   403   403   200   200
POST   /users/globex/privileges/globex/developers  403    403   403   403   200   200
DELETE /users/globex/privileges/globex/administrators  403 403  403   403   400   400
GET    /api/access/globex/satellite?user=bob       404    404   404   404   200   200
GET    /api/access/globex/groups/developers/impact 403    403   403   403   200   200
GET    /api/access/globex/groups/administrators/members/gina/impact 403 403 403 403 200 200

GET    /invitations/globex/satellite               404    404   404   404   200   200
POST   /invitations/globex/satellite               404    404   404   404   200   200
DELETE /invitations/globex/satellite               404    404   404   404   404   404
POST   /invitations/globex/satellite/eve@example.net    404 404 404   404   200   200
DELETE /invitations/globex/satellite/eve@example.net    404 404 404   404   404   404
GET    /users/globex                              200    200   200   200   200   200
GET    /users/globex/invitations                   403    403   403   403   200   200
PUT    /users/globex/invitations                   403    403   403   403   200   200
POST   /users/globex/invitations                   403    403   403   403   200   200
DELETE /users/globex/invitations                   403    403   403   403   404   404
GET    /users/globex/invitations/carol@example.net 403    403   403   403   404   404
DELETE /users/globex/invitations/carol@example.net 403    403   403   403   404   404
GET    /users/globex/invitations/eve@example.net/globex/developers     403 403 403 403 404 404
PUT    /users/globex/invitations/eve@example.net/globex/administrators 403 403 403 403 200 200
DELETE /users/globex/invitations/eve@example.net/globex/developers     403 403 403 403 404 404
GET    /api/invitations?account=globex             403    403   403   403   200   200

GET    /group-privileges/dora                      403    200   403   403   403   200
GET    /group-privileges/dora/notes                404    200   403   404   404   200
GET    /group-privileges/dora/dora/friends         403    200   403   403   403   200
DELETE /group-privileges/dora/dora/friends         403    204   403   403   403   204
GET    /group-privileges/dora/notes/dora/friends   404    200   403   404   404   200
PUT    /group-privileges/dora/notes/dora/friends   404    200   403   404   404   200
DELETE /group-privileges/dora/notes/dora/friends   404    204   403   404   404   204
GET    /privileges/dora                            403    200   403   403   403   200
DELETE /privileges/dora                            403    204   403   403   403   204
GET    /privileges/dora/notes                      404    200   403   404   404   200
DELETE /privileges/dora/notes                      404    204   403   404   404   204
GET    /privileges/dora/notes/alice                404    200   403   404   404   200
PUT    /privileges/dora/notes/alice                404    200   403   404   404   200
DELETE /privileges/dora/notes/alice                404    404   403   404   404   404
GET    /users/dora/privileges                      403    200   403   403   403   200
GET    /users/dora/privileges/dora/friends         403    404   403   403   403   404
PUT    /users/dora/privileges/dora/friends         403    200   403   403   403   200
POST   /users/dora/privileges/dora/friends  403    200   403   403   403   200
DELETE /users/dora/privileges/dora/friends         403    404   403   403   403   404
GET    /api/access/dora/changes                    403    200   403   403   403   200
GET    /api/access/dora/notes?user=bob             404    200   200   404   404   200
GET    /api/access/dora/groups/friends/impact      403    200   403   403   403   200
GET    /api/access/dora/groups/friends/members/bob/impact 403 200 403 403 403 200

GET    /invitations/dora/notes                     404    200   403   404   404   200
POST   /invitations/dora/notes                     404    200   403   404   404   200
DELETE /invitations/dora/notes                     404    404   403   404   404   404
POST   /invitations/dora/notes/eve@example.net     404    200   403   404   404   200
DELETE /invitations/dora/notes/eve@example.net     404    404   403   404   404   404
GET    /users/dora                                200    200   200   200   200   200
GET    /users/dora/invitations                     403    200   403   403   403   200
PUT    /users/dora/invitations                     403    200   403   403   403   200
POST   /users/dora/invitations                     403    200   403   403   403   200
DELETE /users/dora/invitations                     403    404   403   403   403   404
GET    /users/dora/invitations/carol@example.net   403    404   403   403   403   404
DELETE /users/dora/invitations/carol@example.net   403    404   403   403   403   404
GET    /users/dora/invitations/eve@example.net/dora/friends   403 404 403 403 403 404
PUT    /users/dora/invitations/eve@example.net/dora/friends   403 200 403 403 403 200
DELETE /users/dora/invitations/eve@example.net/dora/friends   403 404 403 403 403 404
GET    /api/invitations?account=dora               403    200   403   403   403   200
GET    /api/journal                                403    403   403   403   403   200
GET    /api/access/acme/changes                    403    403   403   200   403   200
GET    /api/access/globex/changes                  403    403   403   403   200   200
GET    /api/journal?account=acme                   403    403   403   200   403   200
GET    /api/journal?account=globex                 403    403   403   403   200   200
GET    /api/journal?account=dora                   403    200   403   403   403   200
GET    /api/journal?account=nobody                 404    404   404   404   404   404

GET    /api/reviews/acme                           403 403 200 200 403 200
POST   /api/reviews/acme                           403 403 403 201 403 201
GET    /api/reviews/acme/{review}                  403 403 200 200 403 200
DELETE /api/reviews/acme/{review}                  403 403 403 204 403 204
POST   /api/reviews/acme/{review}/answers          403 403 200 200 403 200
POST   /api/reviews/acme/{review}/remind           403 403 403 204 403 204
POST   /api/reviews/acme/{review}/close            403 403 403 200 403 200
GET    /api/reviews/globex                         403 403 403 403 200 200
POST   /api/reviews/globex                         403 403 403 403 201 201
GET    /api/reviews/globex/{review}                403 403 403 403 404 404
DELETE /api/reviews/globex/{review}                403 403 403 403 404 404
POST   /api/reviews/globex/{review}/answers        403 403 403 403 404 404
POST   /api/reviews/globex/{review}/remind         403 403 403 403 404 404
POST   /api/reviews/globex/{review}/close          403 403 403 403 404 404
GET    /api/reviews/dora                           403 200 403 403 403 200
POST   /api/reviews/dora                           403 201 403 403 403 201
GET    /api/reviews/dora/{review}                  403 404 403 403 403 404
DELETE /api/reviews/dora/{review}                  403 404 403 403 403 404
POST   /api/reviews/dora/{review}/answers          403 404 403 403 403 404
POST   /api/reviews/dora/{review}/remind           403 404 403 403 403 404
POST   /api/reviews/dora/{review}/close            403 404 403 403 403 404

GET    /api/tokens                                 200    200   200   200   200   200
POST   /api/tokens                                 200    200   200   200   200   200
DELETE /api/tokens/{alices}                        404    404   404   204   404   404
POST   /api/access                                 200    200   200   200   200   200
POST   /api/people/dora/offboard                   403    403   403   200   403   200
POST   /api/people/bob/offboard                    403    403   403   403   403   200
DELETE /api/people/bob                             403    403   403   403   403   200
DELETE /api/people/root                            403    403   403   403   403   409
POST   /api/grants/acme                            403    200   403   200   403   200
POST   /api/grants/globex                          404    404   404   404   200   200
POST   /api/grants/dora                            404    200   403   404   404   200
GET    /api/webhooks/acme  403   403   403   200   403   200
POST   /api/webhooks/acme  403   403   403   200   403   200
GET    /api/webhooks/acme/{acmehook}  403   403   403   200   403   200
PUT    /api/webhooks/acme/{acmehook}  403   403   403   200   403   200
DELETE /api/webhooks/acme/{acmehook}  403   403   403   204   403   204
POST   /api/webhooks/acme/{acmehook}/secret  403   403   403   200   403   200
POST   /api/webhooks/acme/{acmehook}/ping  403   403   403   200   403   200
GET    /api/webhooks/acme/{acmehook}/deliveries  403   403   403   200   403   200
GET    /api/webhooks/acme/{acmehook}/deliveries/{acmesent}  403   403   403   200   403   200
POST   /api/webhooks/acme/{acmehook}/deliveries/{acmesent}/resend  403   403   403   200   403   200
GET    /api/webhooks/globex  403   403   403   403   200   200
POST   /api/webhooks/globex  403   403   403   403   200   200
GET    /api/webhooks/globex/{globexhook}  403   403   403   403   200   200
PUT    /api/webhooks/globex/{globexhook}  403   403   403   403   200   200
DELETE /api/webhooks/globex/{globexhook}  403   403   403   403   204   204
POST   /api/webhooks/globex/{globexhook}/secret  403   403   403   403   200   200
POST   /api/webhooks/globex/{globexhook}/ping  403   403   403   403   200   200
GET    /api/webhooks/globex/{globexhook}/deliveries  403   403   403   403   200   200
GET    /api/webhooks/globex/{globexhook}/deliveries/{globexsent}  403   403   403   403   200   200
POST   /api/webhooks/globex/{globexhook}/deliveries/{globexsent}/resend  403   403   403   403   200   200
GET    /api/webhooks/dora  403   200   403   403   403   200
POST   /api/webhooks/dora  403   200   403   403   403   200
GET    /api/webhooks/dora/{dorahook}  403   200   403   403   403   200
PUT    /api/webhooks/dora/{dorahook}  403   200   403   403   403   200
DELETE /api/webhooks/dora/{dorahook}  403   204   403   403   403   204
POST   /api/webhooks/dora/{dorahook}/secret  403   200   403   403   403   200
POST   /api/webhooks/dora/{dorahook}/ping  403   200   403   403   403   200
GET    /api/webhooks/dora/{dorahook}/deliveries  403   200   403   403   403   200
GET    /api/webhooks/dora/{dorahook}/deliveries/{dorasent}  403   200   403   403   403   200
POST   /api/webhooks/dora/{dorahook}/deliveries/{dorasent}/resend  403   200   403   403   403   200
GET    /api/webhooks/globex/{acmehook}  403   403   403   403   404   404
GET    /api/access/verify                          403    403   403   403   403   403

GET    /2.0/user                                   200    200   200   200   200   200
GET    /2.0/user/emails                            200    200   200   200   200   200
GET    /2.0/user/emails/alice@example.com          404    404   404   200   404   404
GET    /2.0/users/acme                             404    404   404   404   404   404
GET    /2.0/users/globex                           404    404   404   404   404   404
GET    /2.0/users/dora                             200    200   200   200   200   200
GET    /2.0/workspaces                             200    200   200   200   200   200
GET    /2.0/user/workspaces                        200    200   200   200   200   200
GET    /2.0/user/permissions/workspaces            200    200   200   200   200   200
GET    /2.0/user/workspaces/acme/permission        404    200   200   200   404   404
GET    /2.0/user/workspaces/globex/permission      404    404   404   404   200   404
GET    /2.0/user/workspaces/dora/permission        404    200   200   404   404   404
GET    /2.0/user/permissions/repositories          200    200   200   200   200   200
GET    /2.0/user/workspaces/acme/permissions/repositories   200 200 200 200 200 200
GET    /2.0/user/workspaces/globex/permissions/repositories 200 200 200 200 200 200
GET    /2.0/user/workspaces/dora/permissions/repositories   200 200 200 200 200 200
GET    /2.0/workspaces/acme/permissions/repositories        403 403 403 200 403 200
GET    /2.0/workspaces/globex/permissions/repositories      403 403 403 403 200 200
GET    /2.0/workspaces/dora/permissions/repositories        403 200 403 403 403 200
GET    /2.0/workspaces/acme/permissions/repositories/rocket 404 404 403 200 404 200
GET    /2.0/workspaces/acme/permissions/repositories/website 403 200 403 200 403 200
GET    /2.0/workspaces/globex/permissions/repositories/satellite 404 404 404 404 200 200
GET    /2.0/workspaces/dora/permissions/repositories/notes  404 200 403 404 404 200
GET    /2.0/repositories                           200    200   200   200   200   200
GET    /2.0/workspaces/acme                        200    200   200   200   200   200
GET    /2.0/workspaces/globex                      200    200   200   200   200   200
GET    /2.0/workspaces/dora                        200    200   200   200   200   200
GET    /2.0/workspaces/acme/members                403    200   200   200   403   200
GET    /2.0/workspaces/globex/members              403    403   403   403   200   200
GET    /2.0/workspaces/dora/members                403    200   200   403   403   200
GET    /2.0/workspaces/acme/members/bob            403    200   200   200   403   200
GET    /2.0/workspaces/globex/members/bob          403    403   403   403   404   404
GET    /2.0/workspaces/dora/members/bob            403    200   200   403   403   200
GET    /2.0/workspaces/acme/permissions            403    200   200   200   403   200
GET    /2.0/workspaces/globex/permissions          403    403   403   403   200   200
GET    /2.0/workspaces/dora/permissions            403    200   200   403   403   200

GET    /2.0/repositories/acme/website/permissions-config/groups 403   200   403   200   403   200
GET    /2.0/repositories/acme/website/permissions-config/groups/designers 403   200   403   200   403   200
PUT    /2.0/repositories/acme/website/permissions-config/groups/designers 403   200   403   200   403   200
DELETE /2.0/repositories/acme/website/permissions-config/groups/designers 403   204   403   204   403   204
GET    /2.0/repositories/acme/website/permissions-config/users 403   200   403   200   403   200
GET    /2.0/repositories/acme/website/permissions-config/users/dora 403   200   403   200   403   200
PUT    /2.0/repositories/acme/website/permissions-config/users/dora 403   200   403   200   403   200
DELETE /2.0/repositories/acme/website/permissions-config/users/dora 403   204   403   204   403   204
GET    /2.0/repositories/globex/satellite/permissions-config/groups 404   404   404   404   200   200
GET    /2.0/repositories/globex/satellite/permissions-config/groups/developers 404   404   404   404   200   200
PUT    /2.0/repositories/globex/satellite/permissions-config/groups/developers 404   404   404   404   200   200
DELETE /2.0/repositories/globex/satellite/permissions-config/groups/developers 404   404   404   404   204   204
GET    /2.0/repositories/globex/satellite/permissions-config/users 404   404   404   404   200   200
GET    /2.0/repositories/globex/satellite/permissions-config/users/bob 404   404   404   404   200   200
PUT    /2.0/repositories/globex/satellite/permissions-config/users/bob 404   404   404   404   200   200
DELETE /2.0/repositories/globex/satellite/permissions-config/users/ghost 404   404   404   404   204   204
GET    /2.0/repositories/dora/notes/permissions-config/groups 404   200   403   404   404   200
GET    /2.0/repositories/dora/notes/permissions-config/groups/friends 404   200   403   404   404   200
PUT    /2.0/repositories/dora/notes/permissions-config/groups/friends 404   200   403   404   404   200
DELETE /2.0/repositories/dora/notes/permissions-config/groups/friends 404   204   403   404   404   204
GET    /2.0/repositories/dora/notes/permissions-config/users 404   200   403   404   404   200
GET    /2.0/repositories/dora/notes/permissions-config/users/alice 404   200   403   404   404   200
PUT    /2.0/repositories/dora/notes/permissions-config/users/alice 404   200   403   404   404   200
DELETE /2.0/repositories/dora/notes/permissions-config/users/ghost 404   204   403   404   404   204

GET    /2.0/users/acme/ssh-keys                    403    403   403   403   403   404
POST   /2.0/users/acme/ssh-keys                    403    403   403   403   403   404
GET    /2.0/users/acme/ssh-keys/{doras}            403    403   403   403   403   404
PUT    /2.0/users/acme/ssh-keys/{doras}            403    403   403   403   403   404
DELETE /2.0/users/acme/ssh-keys/{doras}            403    403   403   403   403   404
GET    /2.0/users/globex/ssh-keys                  403    403   403   403   403   404
POST   /2.0/users/globex/ssh-keys                  403    403   403   403   403   404
GET    /2.0/users/globex/ssh-keys/{doras}          403    403   403   403   403   404
PUT    /2.0/users/globex/ssh-keys/{doras}          403    403   403   403   403   404
DELETE /2.0/users/globex/ssh-keys/{doras}          403    403   403   403   403   404
GET    /2.0/users/dora/ssh-keys                    403    200   403   403   403   200
POST   /2.0/users/dora/ssh-keys                    403    201   403   403   403   201
GET    /2.0/users/dora/ssh-keys/{doras}            403    200   403   403   403   200
PUT    /2.0/users/dora/ssh-keys/{doras}            403    200   403   403   403   200
DELETE /2.0/users/dora/ssh-keys/{doras}            403    204   403   403   403   204
GET    /2.0/users/alice/ssh-keys/{doras}           403    403   403   404   403   404
DELETE /2.0/users/alice/ssh-keys/{doras}           403    403   403   404   403   404

GET    /2.0/repositories/acme                      200   200   200   200   200   200
GET    /2.0/repositories/acme/website              200   200   200   200   200   200
GET    /2.0/repositories/acme/rocket               404   404   200   200   404   200
POST   /2.0/repositories/acme/new                  404   403   403   200   404   200
PUT    /2.0/repositories/acme/website              403   403   403   200   403   200
PUT    /2.0/repositories/acme/new                  404   404   404   201   404   201
DELETE /2.0/repositories/acme/website              403   403   403   204   403   204
GET    /2.0/repositories/acme/rocket/override-settings      404 404 200 200 404 200
PUT    /2.0/repositories/acme/rocket/override-settings      404 404 403 204 404 204
GET    /2.0/repositories/globex/satellite/override-settings 404 404 404 404 200 200
PUT    /2.0/repositories/globex/satellite/override-settings 404 404 404 404 204 204
GET    /2.0/repositories/dora/notes/override-settings       404 200 200 404 404 200
PUT    /2.0/repositories/dora/notes/override-settings       404 204 403 404 404 204
GET    /2.0/repositories/acme/rocket/pipelines_config      404 404 404 404 404 404
PUT    /2.0/repositories/acme/rocket/pipelines_config      404 404 403 200 404 200
GET    /2.0/repositories/globex/satellite/pipelines_config 404 404 404 404 404 404
PUT    /2.0/repositories/globex/satellite/pipelines_config 404 404 404 404 200 200
GET    /2.0/repositories/dora/notes/pipelines_config       404 404 404 404 404 404
PUT    /2.0/repositories/dora/notes/pipelines_config       404 200 403 404 404 200
GET    /2.0/repositories/globex                    200   200   200   200   200   200
GET    /2.0/repositories/globex/satellite          404   404   404   404   200   200
POST   /2.0/repositories/globex/new                404   404   404   404   200   200
PUT    /2.0/repositories/globex/satellite          404   404   404   404   200   200
PUT    /2.0/repositories/globex/new                404   404   404   404   201   201
DELETE /2.0/repositories/globex/satellite          404   404   404   404   204   204
GET    /2.0/repositories/dora                      200   200   200   200   200   200
GET    /2.0/repositories/dora/notes                404   200   200   404   404   200
POST   /2.0/repositories/dora/new                  404   200   403   404   404   200
PUT    /2.0/repositories/dora/notes                404   200   403   404   404   200
DELETE /2.0/repositories/dora/notes                404   204   403   404   404   204
GET    /2.0/workspaces/acme/projects               200   200   200   200   200   200
POST   /2.0/workspaces/acme/projects               403   403   403   201   403   201
GET    /2.0/workspaces/acme/projects/PROJ          404   200   200   200   404   200
PUT    /2.0/workspaces/acme/projects/PROJ          404   403   403   200   404   200
DELETE /2.0/workspaces/acme/projects/PROJ          404   403   403   400   404   400
GET    /2.0/workspaces/acme/projects/PROJ/permissions-config/groups 404   403   403   200   404   200
GET    /2.0/workspaces/acme/projects/PROJ/permissions-config/groups/designers 404   403   403   200   404   200
PUT    /2.0/workspaces/acme/projects/PROJ/permissions-config/groups/designers 404   403   403   200   404   200
DELETE /2.0/workspaces/acme/projects/PROJ/permissions-config/groups/designers 404   403   403   204   404   204
GET    /2.0/workspaces/acme/projects/PROJ/permissions-config/users 404   403   403   200   404   200
GET    /2.0/workspaces/acme/projects/PROJ/permissions-config/users/ghost 404   403   403   200   404   200
PUT    /2.0/workspaces/acme/projects/PROJ/permissions-config/users/ghost 404   403   403   200   404   200
DELETE /2.0/workspaces/acme/projects/PROJ/permissions-config/users/ghost 404   403   403   204   404   204
GET    /2.0/workspaces/globex/projects             200   200   200   200   200   200
POST   /2.0/workspaces/globex/projects             403   403   403   403   201   201
GET    /2.0/workspaces/globex/projects/PROJ        404   404   404   404   200   200
PUT    /2.0/workspaces/globex/projects/PROJ        404   404   404   404   200   200
DELETE /2.0/workspaces/globex/projects/PROJ        404   404   404   404   400   400
GET    /2.0/workspaces/globex/projects/PROJ/permissions-config/groups 404   404   404   404   200   200
GET    /2.0/workspaces/globex/projects/PROJ/permissions-config/groups/developers 404   404   404   404   200   200
PUT    /2.0/workspaces/globex/projects/PROJ/permissions-config/groups/developers 404   404   404   404   200   200
DELETE /2.0/workspaces/globex/projects/PROJ/permissions-config/groups/developers 404   404   404   404   204   204
GET    /2.0/workspaces/globex/projects/PROJ/permissions-config/users 404   404   404   404   200   200
GET    /2.0/workspaces/globex/projects/PROJ/permissions-config/users/ghost 404   404   404   404   200   200
PUT    /2.0/workspaces/globex/projects/PROJ/permissions-config/users/ghost 404   404   404   404   200   200
DELETE /2.0/workspaces/globex/projects/PROJ/permissions-config/users/ghost 404   404   404   404   204   204
GET    /2.0/workspaces/dora/projects               200   200   200   200   200   200
POST   /2.0/workspaces/dora/projects               403   201   403   403   403   201
GET    /2.0/workspaces/dora/projects/PROJ          404   200   200   404   404   200
PUT    /2.0/workspaces/dora/projects/PROJ          404   200   403   404   404   200
DELETE /2.0/workspaces/dora/projects/PROJ          404   400   403   404   404   400
GET    /2.0/workspaces/dora/projects/PROJ/permissions-config/groups 404   200   403   404   404   200
GET    /2.0/workspaces/dora/projects/PROJ/permissions-config/groups/friends 404   200   403   404   404   200
PUT    /2.0/workspaces/dora/projects/PROJ/permissions-config/groups/friends 404   200   403   404   404   200
DELETE /2.0/workspaces/dora/projects/PROJ/permissions-config/groups/friends 404   204   403   404   404   204
GET    /2.0/workspaces/dora/projects/PROJ/permissions-config/users 404   200   403   404   404   200
GET    /2.0/workspaces/dora/projects/PROJ/permissions-config/users/ghost 404   200   403   404   404   200
PUT    /2.0/workspaces/dora/projects/PROJ/permissions-config/users/ghost 404   200   403   404   404   200
DELETE /2.0/workspaces/dora/projects/PROJ/permissions-config/users/ghost 404   204   403   404   404   204

GET    /groups/acme/nothing                        404    404   404   404   404   404
PUT    /groups/acme/nothing/members/bob            404    404   404   404   404   404
GET    /groups/nobody                              404    404   404   404   404   404
POST   /groups/nobody                              404    404   404   404   404   404
DELETE /groups/globex/designers                    404    404   404   404   404   404
PATCH  /groups/acme                                405    405   405   405   405   405
GET    /group                                      404    404   404   404   404   404
GET    /repositories/acme                          410    410   410   410   410   410
GET    /user                                       200    200   200   200   200   200
DELETE /user                                       410    410   410   410   410   410

GET    /scim/directory/d/Users                     403    403   403   403   403   403
POST   /scim/directory/d/Users                     403    403   403   403   403   403
GET    /scim/directory/d/Users/u                   403    403   403   403   403   403
PUT    /scim/directory/d/Users/u                   403    403   403   403   403   403
PATCH  /scim/directory/d/Users/u                   403    403   403   403   403   403
DELETE /scim/directory/d/Users/u                   403    403   403   403   403   403
GET    /scim/directory/d/Groups                    403    403   403   403   403   403
POST   /scim/directory/d/Groups                    403    403   403   403   403   403
GET    /scim/directory/d/Groups/g                  403    403   403   403   403   403
PUT    /scim/directory/d/Groups/g                  403    403   403   403   403   403
PATCH  /scim/directory/d/Groups/g                  403    403   403   403   403   403
DELETE /scim/directory/d/Groups/g                  403    403   403   403   403   403
POST   /scim/directory/d/.search                   403    403   403   403   403   403
GET    /scim/directory/d/ServiceProviderConfig     403    403   403   403   403   403
GET    /scim/directory/d/ResourceTypes             403    403   403   403   403   403
GET    /scim/directory/d/ResourceTypes/User        403    403   403   403   403   403
GET    /scim/directory/d/Schemas                   403    403   403   403   403   403
GET    /scim/directory/d/Schemas/s                 403    403   403   403   403   403
GET    /scim/v2/d/Users                            403    403   403   403   403   403
"""

ROWS = rows(MATRIX, Router(wiring.SURFACES))


def test_every_route_has_a_row_for_every_kind_of_account() -> None:
    assert tuple(ROWS[0].statuses) == PEOPLE

    missing = missing_rows(wiring.SURFACES, ROWS, accounts=ACCOUNTS)

    assert not missing, f"MATRIX in {Path(__file__).name} has no row for {'; '.join(missing)}"


@pytest.fixture(scope="module")
def stage(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cast, with groups in a personal account and in another team, and tokens for one scope or revoked."""
    folder = tmp_path_factory.mktemp("stage")
    db = cast.copy(cast_template, folder)
    with db.writing() as tx:
        _set(cast.operator(tx))
    db.close()
    return folder / "onebucket.db"


def _set(work: UnitOfWork) -> None:
    groups.create(work, "dora", name="Friends")
    groups.add_member(work, "dora", "friends", "bob")
    groups.add_member(work, "globex", "developers", "gina")
    repositories.add(work, "dora", "notes")
    for account, group in GROUPS.items():
        project_privileges.set_for_group(work, account, "PROJ", group, ProjectLevel.WRITE)
        project_privileges.set_for_person(work, account, "PROJ", "ghost", ProjectLevel.WRITE)
    ssh_keys.add(work, "dora", ssh_keygen.public(name="dora"))
    privileges.set_for_group(work, "dora", "notes", "friends", Level.WRITE)
    for account, slug in (("dora", "notes"), ("globex", "satellite")):
        privileges.grant_direct(work, account, slug, "ghost", Level.READ)
    plan = ReviewPlan(work.at.replace(microsecond=0) + timedelta(days=9), people=["bob"])
    reviews.start(work, "acme", plan)
    for name in PEOPLE:
        for kind, scopes in GRANTED.items():
            hash = hashing.secret_hash(token(name, kind))
            tokens.add(work, name, secret_hash=hash, scopes=scopes, label="for one thing")
        hash = hashing.secret_hash(token(name, "revoked"))
        ended = tokens.add(work, name, secret_hash=hash, scopes=cast.ALL_SCOPES, label="revoked")
        tokens.revoke(work, ended.id)
    _, program = consumers.add(work, "globex", key=PROGRAM.key, label="A program", scopes=cast.ALL_SCOPES)
    for name in (*PEOPLE, "ghost"):
        consumers.add(work, name, key=own(name).key, label="His own", scopes=cast.ALL_SCOPES)
        _consent(work, program, name)
    [root] = [each.account for each in accounts.list_people(work) if each.account.username == "root"]
    for end in ("revoked", "expired"):
        _set_app_passwords_made_with_one(work, root, end)
    for end in ENDS:
        _set_app_passwords_made_by_programs(work, root, end)
    _add_directory(work)
    _add_webhooks(work)
    [bob] = [each.account for each in accounts.list_people(work) if each.account.username == "bob"]
    with work.on_behalf(Actor(bob, "password")):
        access_requests.ask(work, "acme", "website", Level.ADMIN, "to change its name")


def _add_webhooks(work: UnitOfWork) -> None:
    """Let each account have a webhook with a delivery that waits."""
    for account in ACCOUNTS:
        _, webhook = webhooks.add(work, account, url="https://hooks.example.com/", events=["group.added"])
        webhook_deliveries.ping(work, account, webhook.id)


def _add_directory(work: UnitOfWork) -> None:
    """Let acme have a directory whose first key is revoked."""
    old, new = (hashing.secret_hash(DIRECTORY_KEYS[each]) for each in ("revoked", "valid"))
    directories.add(work, "acme", label="okta", secret_hash=old)
    directories.rotate(work, "acme", "okta", secret_hash=new)
    directories.revoke_old_key(work, "acme", "okta")


def _set_app_passwords_made_with_one(work: UnitOfWork, root: Account, end: str) -> None:
    """Let root make an app password with another one, and one more with that; then end the first."""
    hash = hashing.secret_hash(token("root", f"first, {end}"))
    first = tokens.add(work, "root", secret_hash=hash, scopes=cast.ALL_SCOPES)
    second = _made_with(work, root, first.credential, f"an app password, {end}")
    _made_with(work, root, second.credential, f"an app password made with one, {end}")
    if end == "expired":
        work.tx.connection.execute(f"UPDATE tokens SET expires_at = 1 WHERE id = '{first.id}'")
    else:
        tokens.revoke(work, first.id)


def _set_app_passwords_made_by_programs(work: UnitOfWork, root: Account, end: str) -> None:
    """Let a program make app passwords for root, in every form in which it acts for them; then end that."""
    owner = "ghost" if end == "owner disabled" else "alice"
    _, program = consumers.add(
        work, owner, key=f"key-until-{end}", label="A program", scopes=cast.ALL_SCOPES, acts_as="root"
    )
    for form, kind, prefix in FORMS_OF_PROGRAMS:
        until = work.at - timedelta(days=1) if end == "expired" else None
        ids = (work.new_id(), kind, work.new_id(), program.account_id, program.id)
        given = oauth.OAuthToken(root.id, *ids, cast.ALL_SCOPES, work.at, until)
        oauth_token_rows.add(work.tx, given, secret_hash=hashing.secret_hash(prefix + token("root", f"{form}, {end}")))
        _made_with(work, root, given.credential, f"{form}, {end}")
        if end == "revoked":
            oauth_token_rows.revoke(work.tx, given)
    _made_with(work, root, program.credential, f"OAuth 1 with two legs, {end}")
    if end == "consumer revoked":
        consumers.revoke(work, program.key)


def _made_with(work: UnitOfWork, person: Account, credential: str, how: str) -> AppPassword:
    """Let somebody make an app password with a credential of theirs."""
    hash = hashing.secret_hash(token(person.username, f"made with {how}"))
    with work.on_behalf(Actor(person, credential, cast.ALL_SCOPES)):
        return tokens.add(work, person.username, secret_hash=hash, scopes=cast.ALL_SCOPES)


def _consent(work: UnitOfWork, program: oauth.Consumer, name: str) -> None:
    """Let the program have OAuth 2 and OAuth 1 tokens of somebody: for everything, for each scope, and ended ones."""
    [person] = [each.account for each in accounts.list_people(work) if each.account.username == name]
    for kind, scopes in (GRANTED | dict.fromkeys(("all", "expired", "revoked"), cast.ALL_SCOPES)).items():
        for form, prefix in ((oauth.TokenKind.ACCESS, hashing.ACCESS_PREFIX), (oauth.TokenKind.SIGNING, "")):
            until = work.at + timedelta(days=-1 if kind == "expired" else 1)
            ids = (work.new_id(), form, work.new_id(), program.account_id, program.id)
            given = oauth.OAuthToken(person.id, *ids, scopes, work.at, until)
            oauth_token_rows.add(work.tx, given, secret_hash=hashing.secret_hash(prefix + token(name, kind)))
            if kind == "revoked":
                oauth_token_rows.revoke(work.tx, given)


@pytest.fixture
def api(stage: Path, tmp_path: Path) -> Iterator[Api]:
    served = Api(cast.copy(stage, tmp_path))
    yield served
    served.close()


@dataclass(frozen=True)
class Signed:
    """An Authorization header that is made for each request."""

    consumer: consuming.Consumer
    token: tuple[str, str] = ("", "")

    def header(self, method: str, address: str) -> str:
        _, headers, _ = consuming.sign(self.consumer, address, method, token=self.token)
        return headers["Authorization"]


def derived(key: str) -> consuming.Consumer:
    return consuming.Consumer(key, hashing.derived_secret(cast.KEY, "consumer", key))


def own(who: str) -> consuming.Consumer:
    """Everybody's own consumer."""
    return derived(f"key-of-{who}")


PROGRAM = derived("key-of-a-program")


def signed(secret: str, program: consuming.Consumer = PROGRAM) -> Signed:
    """What a program signs with somebody's OAuth 1 token."""
    return Signed(program, (secret, hashing.derived_secret(cast.KEY, "token", secret)))


def headers(authorization: str | Signed | None, method: str, address: str) -> dict[str, str]:
    if authorization is None:
        return {}
    made = authorization if isinstance(authorization, str) else authorization.header(method, address)
    return {"Authorization": made}


def _webhooks(work: UnitOfWork) -> dict[str, str]:
    """What the matrix calls the webhook of each account, and what that sends."""
    found = {}
    for account in ACCOUNTS:
        [webhook] = webhooks.of_account(work, account)[1]
        _, [delivery] = webhook_deliveries.page(work, account, webhook.id, at_most=9)
        found |= {f"{{{account}hook}}": webhook.id, f"{{{account}sent}}": delivery.id}
    return found


def outcomes(api: Api, stage: Path, authorization: str | Signed | None) -> dict[str, int | str]:
    """What comes of every row; where a refusal changed something, or a change was not told, that is what comes.

    What a GET would have changed, which is nothing, shows at the next row that is no GET.
    """
    before = api.everything()
    [carols] = [each.id for _, each in api.operate(lambda work: invitations.found(work, account_name="acme"))]
    alices = api.operate(lambda work: tokens.of_person(work, "alice"))[-1].id
    [bobs] = [each.id for each in api.operate(lambda work: access_requests.of_account(work, "acme"))[1]]
    _, [doras] = api.operate(lambda work: ssh_keys.of_person(work, "dora"))
    [review] = [each.review.id for each in api.operate(lambda work: reviews.listed(work, "acme"))[1]]
    named = {
        "{carols}": carols,
        "{alices}": alices,
        "{doras}": doras.id,
        "{bobs}": bobs,
        "{review}": review,
    } | api.operate(_webhooks)
    came: dict[str, int | str] = {}
    for row in ROWS:
        address = row.path
        for name, id in named.items():
            address = address.replace(name, id)
        shown = headers(authorization, row.method, address)
        status = api(None, row.method, address, headers=shown, content=row.body).status_code
        came[f"{row.method} {row.address}"] = status
        if row.method == "GET":
            continue
        changes = row.changes and status < 300
        if (api.everything() != before) != changes or bool(api.journal()) != changes:
            came[f"{row.method} {row.address}"] = f"{status}, and the database tells otherwise"
        if changes:
            api.restore(stage)
    return came


def expected(who: str, granted: str | None = None) -> dict[str, int | str]:
    """What the matrix says of somebody, with a credential that is good for everything, or has some scopes."""

    def status(row: Row) -> int:
        good = granted is None or row.scope_rule is None or is_good(granted, row.scope_rule)
        return row.statuses[who] if good else 403

    return {f"{row.method} {row.address}": status(row) for row in ROWS}


CREDENTIALS: dict[str, Callable[[str], str | Signed]] = {
    "password by username": lambda who: basic(who, password(who)),
    "password by e-mail": lambda who: basic(f"{who}@example.com", password(who)),
    "app password by username": lambda who: basic(who, token(who)),
    "app password by e-mail": lambda who: basic(f"{who}@example.com", token(who)),
    "app password as Bearer": lambda who: f"Bearer {token(who)}",
    "OAuth 2": lambda who: f"Bearer {hashing.ACCESS_PREFIX}{token(who)}",
    "OAuth 1, two legs": lambda who: Signed(own(who)),
    "OAuth 1, three legs": lambda who: signed(token(who)),
}


@pytest.mark.long
@pytest.mark.parametrize(("who", "credential"), sizes.pairs(PEOPLE, [*CREDENTIALS]))
def test_everybody_may_do_what_the_matrix_says_whatever_they_sign_in_with(
    api: Api, stage: Path, who: str, credential: str
) -> None:
    came = outcomes(api, stage, CREDENTIALS[credential](who))

    assert came == expected(who)


FORMS: dict[str, Callable[[str, str], str | Signed]] = {
    "Basic by username": lambda who, secret: basic(who, secret),
    "Basic by e-mail": lambda who, secret: basic(f"{who}@example.com", secret),
    "Bearer": lambda who, secret: f"Bearer {secret}",
    "OAuth 2": lambda who, secret: f"Bearer {hashing.ACCESS_PREFIX}{secret}",
    "OAuth 1": lambda who, secret: signed(secret),
}
NEWER = [each for each in GRANTED if is_newer(each)]
# For each classic scope that is needed, those that will do.
GOOD_FOR = {
    "account": ("account", "account:write", "team", "team:write"),
    "account:write": ("account:write", "team:write"),
    "email": ("email", "account", "account:write", "team", "team:write"),
    "repository": ("repository", "repository:write", "repository:admin", "project", "pullrequest:write"),
    "repository:delete": ("repository:delete", "repository:admin"),
    "repository:admin": ("repository:admin",),
    "project:admin": ("project:admin", "repository:admin"),
    "app-password": ("app-password", "app-password:write"),
    "app-password:write": ("app-password:write",),
    "journal": ("journal",),
    "webhook": ("webhook",),
}


def is_good(granted: str, rule: ScopeRule) -> bool:
    """Whether scopes will do: one of the classic family, or all that are needed of the newer one."""
    has_newer = bool(rule.newer) and rule.newer <= GRANTED[granted]
    return has_newer or granted in GOOD_FOR[rule.classic]


@pytest.mark.long
@pytest.mark.parametrize(
    ("granted", "form"),
    [
        *sizes.pairs([each for each in GRANTED if each not in NEWER], [*FORMS], long_share=2),
        *sizes.pairs(NEWER, ["Basic by username", "Basic by e-mail", "Bearer", "OAuth 2"], long_share=2),
    ],
)
def test_a_token_is_good_for_its_scopes_only_and_gives_no_right_of_its_own(
    api: Api, stage: Path, granted: str, form: str
) -> None:
    # root may do everything, so scopes alone limit root's; bob has few rights, and gets none by scopes that write.
    for who in ("root", "bob") if granted in ("account:write", "admin:workspace:bitbucket") else ("root",):
        came = outcomes(api, stage, FORMS[form](who, token(who, granted)))

        assert came == expected(who, granted)


# What it was made with and how that ended: whatever a credential made ends with it.
MADE_WITH = (
    *(f"an app password{made}, {end}" for made in ("", " made with one") for end in ("revoked", "expired")),
    *(f"{form}, {end}" for form, _, _ in FORMS_OF_PROGRAMS for end in ENDS),
    *(f"OAuth 1 with two legs, {end}" for end in ("consumer revoked", "owner disabled")),
)

NOBODY: dict[str, str | Signed | None] = {
    "nobody": None,
    "a wrong password": basic("root", "wrong"),
    "a wrong password by e-mail": basic("root@example.com", "wrong"),
    "another's password": basic("root", password("mallory")),
    "another's app password": basic("root", token("mallory")),
    "an app password under another's name": basic("mallory", token("root")),
    "a password as Bearer": f"Bearer {password('root')}",
    "no password": basic("root", ""),
    **{f"a revoked app password, {form}": of("root", token("root", "revoked")) for form, of in FORMS.items()},
    **{f"an expired app password, {form}": of("root", token("root", "expired")) for form, of in FORMS.items()},
    **{f"somebody disabled, {form}": of("ghost", token("ghost")) for form, of in FORMS.items()},
    "somebody disabled, password": basic("ghost", password("ghost")),
    "somebody disabled, password by e-mail": basic("ghost@example.com", password("ghost")),
    "somebody disabled, OAuth 1 with two legs": Signed(own("ghost")),
    "a directory's revoked key": f"Bearer {DIRECTORY_KEYS['revoked']}",
    "a directory's key as somebody's password": basic("root", DIRECTORY_KEYS["valid"]),
    "a consumer for nobody": Signed(PROGRAM),
    "a consumer with another's secret": Signed(consuming.Consumer(own("root").key, own("mallory").secret)),
    "another consumer's OAuth 1 token": Signed(own("root"), signed(token("root")).token),
    **{f"what was made with {how}": basic("root", token("root", f"made with {how}")) for how in MADE_WITH},
    "OAuth 2 of a consumer whose owner is disabled": (
        f"Bearer {hashing.ACCESS_PREFIX}{token('root', 'OAuth 2, owner disabled')}"
    ),
    "OAuth 1 of a consumer whose owner is disabled": signed(
        token("root", "OAuth 1, owner disabled"), derived("key-until-owner disabled")
    ),
    "OAuth 1 with two legs of a consumer whose owner is disabled": Signed(derived("key-until-owner disabled")),
}


@pytest.mark.long
@pytest.mark.parametrize("credential", NOBODY)
def test_whoever_proves_nothing_gets_401_everywhere(api: Api, stage: Path, credential: str) -> None:
    came = outcomes(api, stage, NOBODY[credential])

    assert came == dict.fromkeys(expected("root"), 401)


def test_a_directorys_key_is_good_for_nothing_but_its_own_addresses(api: Api, stage: Path) -> None:
    came = outcomes(api, stage, f"Bearer {DIRECTORY_KEYS['valid']}")

    assert came == dict.fromkeys(expected("root"), 403)


def test_the_credentials_that_are_refused_would_be_good_if_they_were_not_ended(api: Api, stage: Path) -> None:
    with connect(api.db.url).writing() as tx:
        tx.connection.execute("UPDATE tokens SET expires_at = NULL")
        tx.connection.execute("UPDATE issued SET expires_at = NULL")
        tx.connection.execute("UPDATE accounts SET is_active = TRUE")

    ended = [name for name, header in NOBODY.items() if header and ("expired" in name or "disabled" in name)]

    shown = [headers(NOBODY[name], "GET", "/1.0/groups") for name in ended]
    answers = [api(None, "GET", "/groups", headers=each) for each in shown]

    assert [answer.status_code for answer in answers] == [200] * 23
