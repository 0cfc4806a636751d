"""Who asks, and what they may do: bearer tokens (RFC 6750) with scopes.

A token is verified before anything else of a request is looked at. Failed tries are counted by network, in memory; once
there are too many, only tokens that were valid before in this process are looked up.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from digest.database import (
    TokenState,
    find_token,
    is_use_recorded,
    read_session,
    record_use,
    token_state,
    write_session,
)
from digest.errors import StoreError
from digest.web import messages
from digest.web.context import WebContext
from digest.web.errors import problem_response
from digest.web.rate_limit import RateLimitRule, check, client_network, hit

log = structlog.get_logger()
MAX_KNOWN_TOKENS = 1000
REALM = 'Bearer realm="digest"'
PUBLIC_PATHS = ("/openapi.json",)
BEARER = HTTPBearer(
    scheme_name="AdminToken",
    description="Token of `digest tokens create`. Its scopes are some of: read, subscribers, deliveries, sources.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Program that asks, by its token."""

    token_id: int
    name: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """Name in the record of actions."""
        return f"token {self.name}"


class AuthorizationError(Exception):
    """Refusal of a request: its status, the code of RFC 6750 (empty where nothing was presented), and why."""

    def __init__(self, status: int, code: str, detail: str, *, scope: str = "", retry_after: int = 0) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        parts = {"error": code, "error_description": detail if code else "", "scope": scope}
        stated = "".join(f', {name}="{value}"' for name, value in parts.items() if value)
        self.headers = {"Retry-After": str(retry_after)} if retry_after else {"WWW-Authenticate": REALM + stated}


class TokenVerifier:
    """Verifies tokens and counts failed tries. Thread-safe."""

    def __init__(self, web: WebContext, tries_per_hour: int) -> None:
        self._web, self._tries = web, RateLimitItemPerHour(tries_per_hour)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def verify(self, headers: Headers, address: str) -> Caller:
        """Return who asks. Raises AuthorizationError, and StoreError."""
        values = headers.getlist("authorization")
        if not values:
            raise AuthorizationError(401, "", messages.CREDENTIALS_MISSING)
        scheme, _, text = values[0].partition(" ")
        if len(values) > 1 or scheme.lower() != "bearer" or not text.strip():
            raise AuthorizationError(400, "invalid_request", messages.CREDENTIALS_MALFORMED)
        text = text.strip()
        fingerprint = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        rule = RateLimitRule(self._tries, (client_network(address),))
        if fingerprint not in self._known and (seconds := check(self._limiter, [rule], time.time())):
            raise AuthorizationError(429, "", messages.TOO_MANY_TRIES, retry_after=seconds)
        try:
            caller = self._load(text)
        except AuthorizationError:
            self._known.pop(fingerprint, None)
            hit(self._limiter, [rule], time.time())
            log.warning("api.token_refused")
            raise
        self._known[fingerprint] = None
        while len(self._known) > MAX_KNOWN_TOKENS:
            self._known.popitem(last=False)
        return caller

    def _load(self, text: str) -> Caller:
        now = self._web.clock()
        with read_session(self._web.ctx.engine) as session:
            token = find_token(session, text)
        if token is None:
            raise AuthorizationError(401, "invalid_token", messages.CREDENTIALS_UNKNOWN)
        match token_state(token, now):
            case TokenState.EXPIRED:
                raise AuthorizationError(401, "invalid_token", messages.CREDENTIALS_EXPIRED)
            case TokenState.REVOKED:
                raise AuthorizationError(401, "invalid_token", messages.CREDENTIALS_REVOKED)
        if not is_use_recorded(token, now):
            with suppress(StoreError), write_session(self._web.ctx.engine) as session:  # reading goes on all the same
                record_use(session, token, now)
        return Caller(int(token.id or 0), token.name, frozenset(token.scopes))


class AuthenticationMiddleware:
    """Let nothing in without a valid token but the description."""

    def __init__(self, app: ASGIApp, verifier: TokenVerifier) -> None:
        self._app, self._verifier = app, verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _path_of(scope) not in PUBLIC_PATHS:
            client = str((scope.get("client") or ("", 0))[0])
            try:
                caller = await run_in_threadpool(self._verifier.verify, Headers(scope=scope), client)
            except AuthorizationError as error:
                response = problem_response(error.status, error.detail, headers=error.headers)
                await response(scope, receive, send)
                return
            except StoreError:
                response = problem_response(503, messages.API_UNAVAILABLE, headers={"Retry-After": "60"})
                await response(scope, receive, send)
                return
            scope["state"] = {**scope.get("state", {}), "caller": caller}
        await self._app(scope, receive, send)


def _path_of(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(str(scope.get("root_path", "")))


async def require_scope(
    request: Request, scopes: SecurityScopes, _described: Annotated[Any, Depends(BEARER)] = None
) -> Caller:
    """Return who asks, if the token has one of the scopes. Raises HTTPException (403)."""
    caller = request.state.caller
    assert isinstance(caller, Caller)  # noqa: S101  - for the type checker
    if not caller.scopes.intersection(scopes.scopes):
        raise refuse_scope(scopes.scopes)
    return caller


def refuse_scope(scopes: Sequence[str]) -> HTTPException:
    """Return the refusal of a token that has none of these scopes."""
    detail = messages.scope_missing(scopes)
    headers = AuthorizationError(403, "insufficient_scope", detail, scope=" ".join(scopes)).headers
    return HTTPException(403, detail, headers=headers)


Reading = Annotated[Caller, Security(require_scope, scopes=["read"])]
ForSubscribers = Annotated[Caller, Security(require_scope, scopes=["subscribers"])]
ForDeliveries = Annotated[Caller, Security(require_scope, scopes=["deliveries"])]
ForSources = Annotated[Caller, Security(require_scope, scopes=["sources"])]
ForAnyAction = Annotated[Caller, Security(require_scope, scopes=["subscribers", "deliveries", "sources"])]
