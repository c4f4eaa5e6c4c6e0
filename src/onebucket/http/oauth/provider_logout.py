"""The endpoint where a provider says that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0)."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from onebucket.actions import sessions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import Refusal
from onebucket.http.auth.provider_flow import ProviderFlow
from onebucket.http.oauth import responses
from onebucket.http.request import headers, request_id
from onebucket.http.services import Services
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.store.engine.transaction import Transaction
from onebucket.wire import body_reader, request_body
from onebucket.wire.body_reader import BodyTooLong
from onebucket.wire.request_body import UnreadableBody

MAX_FORM_BYTES = 1 << 16

# The provider's clock and ours may differ so much.
_SKEW = timedelta(seconds=60)


class ProviderLogout:
    """`/oidc/{provider}/logout`: ends the sessions of whom a signed `logout_token` names."""

    def __init__(self, services: Services, providers: ProviderFlow) -> None:
        self._services = services
        self._providers = providers

    def routes(self) -> list[BaseRoute]:
        """The route."""
        return [Route("/oidc/{provider}/logout", self.logout, methods=["POST"])]

    async def logout(self, request: Request) -> Response:
        """End the sessions; 200, also if there are none, and 400 for a token that isn't valid."""
        try:
            body = await body_reader.read_limited(request.receive, limit=MAX_FORM_BYTES)
            token = request_body.fields(body, request.headers.get("content-type")).text("logout_token") or ""
            notice = await self._providers.logout(request.path_params["provider"], token)
        except (BodyTooLong, UnreadableBody) as error:
            return responses.oauth2_error(400, "invalid_request", str(error))
        except Refusal as refusal:
            status = 503 if responses.is_unavailable(refusal) else 400
            return responses.oauth2_error(status, "invalid_request", refusal.sentence)

        # Only what had begun by then: a token that is sent once more doesn't end later sessions.
        until, named = notice.at + _SKEW, request_id(headers(request.scope))

        def end(tx: Transaction) -> None:
            actor = Actor(None, f"oidc:{notice.provider}", is_operator=True)
            address = request.client.host if request.client else None
            work: UnitOfWork = self._services.unit_of_work(
                tx, actor, at=self._services.clock(), request_id=named, address=address
            )
            sessions.end_at_provider(
                work, notice.provider, issuer=notice.issuer, subject=notice.subject, session=notice.session, until=until
            )

        try:
            await self._services.write_queue.submit(end)
        except DatabaseUnavailable as error:
            return responses.json_error_response(error)
        return Response(status_code=200, headers=responses.HEADERS)
