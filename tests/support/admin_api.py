"""Client of the operator's API, with a token of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from digest.context import AppContext
from digest.database import create_token, write_session
from digest.database.models import TokenScope
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser


@dataclass
class ApiClient:
    """Program that asks the operator's API with a token."""

    browser: Browser
    token: str

    def send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """Send a request with the token, or with another one; an empty one sends no header."""
        presented = self.token if token is None else token
        headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {presented}"} if presented else {})
        return self.browser.send(method, f"/api/v1/admin{path}", headers=headers, **options)

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        """Return what a GET answers."""
        response = self.send("GET", path, **options)
        assert response.status_code == status, response.text
        return response.json()

    def post(self, path: str, body: object = None, status: int = 200, **options: Any) -> Any:
        """Return what a POST answers."""
        response = self.send("POST", path, json=body, **options)
        assert response.status_code == status, response.text
        return response.json()


def make_token(
    ctx: AppContext,
    *scopes: TokenScope,
    name: str = "bot",
    now: datetime = TEST_TIME,
    lifetime: timedelta | None = None,
) -> str:
    """Create a token with some scopes, all where none is given."""
    with write_session(ctx.engine) as session:
        expires_at = now + lifetime if lifetime else None
        return create_token(session, "ada", name, set(scopes or TokenScope), now, expires_at=expires_at)[1]


def make_client(ctx: AppContext, *scopes: TokenScope, limits: FormLimits | None = None) -> ApiClient:
    """Return a client with a token of some scopes, all where none is given."""
    app = create_app(ctx, clock=lambda: TEST_TIME, limits=limits)
    return ApiClient(Browser(app), make_token(ctx, *scopes))
