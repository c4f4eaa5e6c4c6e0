"""The addresses below `/double/` that steer the double. They need no credentials: it listens on loopback."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onebucket.domain.refusals import NotFound, Refusal
from onebucket.double.clock import parse_span
from onebucket.double.faults import Faults
from onebucket.double.seen_requests import SeenRequests
from onebucket.double.site import SEED, Site
from onebucket.transfer.source_tree import UnreadableDocument

_DEFAULT_SCOPES = ["account:write", "repository:admin"]


class Control:
    """The ASGI application for `/double/…`; a mistake answers 400 and a sentence, and changes nothing."""

    def __init__(self, site: Site, faults: Faults, seen: SeenRequests) -> None:
        self._site = site
        self._faults = faults
        self._seen = seen
        endpoints: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "", self.overview),
            ("POST", "/reset", self.reset),
            ("POST", "/snapshots", self.take_snapshot),
            ("POST", "/snapshots/{name}/restore", self.restore_snapshot),
            ("GET", "/state", self.state),
            ("PUT", "/state", self.put_state),
            ("PATCH", "/state", self.add_to_state),
            ("GET", "/clock", self.clock),
            ("PUT", "/clock", self.set_clock),
            ("GET", "/faults", self.list_faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("DELETE", "/faults/{id:int}", self.remove_fault),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.clear_requests),
            ("GET", "/behaviour", self.behaviour),
            ("PUT", "/behaviour", self.set_behaviour),
            ("GET", "/letters", self.letters),
            ("POST", "/tokens", self.add_token),
            ("DELETE", "/tokens/{id}", self.revoke_token),
            ("GET", "/members/{account}/{slug}", self.members),
            ("GET", "/invitations", self.invitations),
            ("POST", "/invitations/{id}/accept", self.accept_invitation),
        ]
        self._addresses = [f"{method} /double{path}" for method, path, _ in endpoints]
        self._app = Starlette(
            routes=[Route(f"/double{path}", endpoint, methods=[method]) for method, path, endpoint in endpoints],
            exception_handlers={
                HTTPException: _http_error,
                ValueError: _bad_request,
                NotFound: _not_found,
                Refusal: _bad_request,
                UnreadableDocument: _bad_request,
            },
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    async def overview(self, request: Request) -> Response:
        """List the addresses."""
        return JSONResponse({"addresses": self._addresses})

    async def reset(self, request: Request) -> Response:
        """Put everything back to the seed: data, clock, faults, switches, requests and letters."""
        order = await _object(request, optional=True)
        self._faults.reset(_seed(order))
        self._seen.clear()
        self._site.reset()
        return Response(status_code=204)

    async def take_snapshot(self, request: Request) -> Response:
        """Keep everything under a name."""
        order = await _object(request)
        name = order.get("name")
        if not isinstance(name, str) or not name or "/" in name or name == SEED:
            raise ValueError(f"a snapshot needs a `name` without a slash, other than {SEED!r}")
        self._site.take_snapshot(name)
        return JSONResponse({"name": name}, status_code=201)

    async def restore_snapshot(self, request: Request) -> Response:
        """Put the data back as it was in a snapshot."""
        self._site.restore(request.path_params["name"])
        return Response(status_code=204)

    async def state(self, request: Request) -> Response:
        """Return everything as an account document."""
        return Response(self._site.export(), media_type="application/json")

    async def put_state(self, request: Request) -> Response:
        """Begin with nothing, and apply an account document."""
        self._site.replace(await request.body())
        return Response(status_code=204)

    async def add_to_state(self, request: Request) -> Response:
        """Apply an account document to what there is."""
        self._site.apply(await request.body())
        return Response(status_code=204)

    async def clock(self, request: Request) -> Response:
        """Return the time."""
        clock = self._site.clock
        return JSONResponse({"now": clock.now().isoformat(), "frozen": clock.is_frozen})

    async def set_clock(self, request: Request) -> Response:
        """Set, advance, freeze the clock, or let it run."""
        order = await _object(request)
        if unknown := order.keys() - {"now", "advance", "frozen"}:
            raise ValueError(f"the clock has no {min(unknown)!r}, only now, advance and frozen")
        if not order:
            raise ValueError("say `now`, `advance` or `frozen`")
        moment, span, frozen = _moment(order), _span(order), order.get("frozen")
        if frozen is not None and not isinstance(frozen, bool):
            raise ValueError("`frozen` must be true or false")
        if moment is not None:
            self._site.clock.set(moment)
        if span is not None:
            self._site.clock.advance(span)
        if frozen is not None:
            self._site.clock.freeze(frozen)
        return await self.clock(request)

    async def list_faults(self, request: Request) -> Response:
        """List the faults in force, and how often each happened."""
        return JSONResponse([fault.as_json() for fault in self._faults.list()])

    async def add_fault(self, request: Request) -> Response:
        """Order a fault."""
        return JSONResponse(self._faults.add(await _object(request)).as_json(), status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        """End all faults."""
        self._faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        """End one fault."""
        if not self._faults.remove(request.path_params["id"]):
            raise NotFound(f"there is no fault {request.path_params['id']}")
        return Response(status_code=204)

    async def requests(self, request: Request) -> Response:
        """List the requests that were answered, oldest first."""
        given = dict(request.query_params)
        if unknown := given.keys() - {"method", "path", "user", "status"}:
            raise ValueError(f"requests have no filter {min(unknown)!r}, only method, path, user and status")
        return JSONResponse(self._seen.matching(**given))

    async def clear_requests(self, request: Request) -> Response:
        """Forget the requests."""
        self._seen.clear()
        return Response(status_code=204)

    async def behaviour(self, request: Request) -> Response:
        """List the switches."""
        return JSONResponse(self._site.behaviour.as_json())

    async def set_behaviour(self, request: Request) -> Response:
        """Set switches."""
        self._site.behaviour.change(await _object(request))
        self._site.rebuild()
        return await self.behaviour(request)

    async def letters(self, request: Request) -> Response:
        """List the letters that were sent, oldest first."""
        return JSONResponse(self._site.letters())

    async def add_token(self, request: Request) -> Response:
        """Make an app password, or an API token."""
        order = await _object(request)
        user, scopes, kind = order.get("user"), order.get("scopes", _DEFAULT_SCOPES), order.get("kind", "app_password")
        if (
            not isinstance(user, str)
            or not isinstance(scopes, list)
            or not all(isinstance(each, str) for each in scopes)
        ):
            raise ValueError("a token needs a `user`, and `scopes` as a list of strings")
        if kind not in ("app_password", "api_token"):
            raise ValueError("the `kind` of a token must be app_password or api_token")
        made = self._site.add_token(user, scopes, is_api_token=kind == "api_token")
        return JSONResponse(made, status_code=201)

    async def revoke_token(self, request: Request) -> Response:
        """Revoke an app password or API token."""
        self._site.revoke_token(request.path_params["id"])
        return Response(status_code=204)

    async def members(self, request: Request) -> Response:
        """List the usernames in a group."""
        return JSONResponse(self._site.members(request.path_params["account"], request.path_params["slug"]))

    async def invitations(self, request: Request) -> Response:
        """List the pending invitations, newest first; `email` filters."""
        return JSONResponse(self._site.pending_invitations(request.query_params.get("email")))

    async def accept_invitation(self, request: Request) -> Response:
        """Accept an invitation as somebody."""
        order = await _object(request)
        if not isinstance(order.get("as"), str):
            raise ValueError('say who accepts: {"as": "carol"}')
        self._site.accept_invitation(request.path_params["id"], order["as"])
        return Response(status_code=204)


async def _object(request: Request, *, optional: bool = False) -> Mapping[str, Any]:
    body = await request.body()
    if not body and optional:
        return {}
    try:
        read = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise ValueError("the body must be a JSON object")
    return read


def _seed(order: Mapping[str, Any]) -> int:
    seed = order.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or order.keys() - {"seed"}:
        raise ValueError("a reset takes only a `seed` for the faults' probability, a whole number")
    return seed


def _moment(order: Mapping[str, Any]) -> datetime | None:
    if (given := order.get("now")) is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError(f"{given!r} is not a time like 2026-03-04T09:15:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(order: Mapping[str, Any]) -> Any:
    if (given := order.get("advance")) is None:
        return None
    return parse_span(f"{given}s" if isinstance(given, int | float) and not isinstance(given, bool) else str(given))


async def _bad_request(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _not_found(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=404)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = (
        "there is nothing at this address; GET /double lists all addresses"
        if error.status_code == 404
        else error.detail
    )
    return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)
