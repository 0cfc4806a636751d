"""Attacks on the operator's API: by tokens that are none, too weak, or over, and by what it would tell."""

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from digest.database import find_token, read_session, revoke_token, write_session
from digest.database.api_tokens import NO_HASH, hash_token
from digest.database.models import ApiToken, TokenScope
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.attacks.conftest import Target
from tests.support.admin_api import ApiClient, make_client, make_token
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import ADA

MANY = FormLimits(failed_tries=10**6)


@pytest.fixture
def client(target: Target) -> ApiClient:
    return make_client(target.ctx, limits=MANY)


def operations(client: ApiClient) -> list[tuple[str, str, set[str]]]:
    """Return method, path and scopes of every operation."""
    described = client.get("/openapi.json", token="")
    return [
        (method.upper(), path.format(number=1, name="arxiv"), set(operation["security"][0]["AdminToken"]))
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def dump(target: Target) -> list[str]:
    """Return the whole store but the tokens, whose last use is recorded."""
    return [line for line in target.dump() if 'INTO "api_token"' not in line]


def test_no_operation_is_open_without_a_valid_token(target: Target, client: ApiClient) -> None:
    expired = make_token(target.ctx, name="old", now=TEST_TIME - timedelta(days=2), lifetime=timedelta(days=1))
    revoked = make_token(target.ctx, name="lost")
    with write_session(target.ctx.engine) as session:
        revoke_token(session, "ada", "lost", TEST_TIME)
    valid = client.token
    before = dump(target)
    refused = {
        "": (401, None),
        "x": (401, "invalid_token"),
        expired: (401, "invalid_token"),
        revoked: (401, "invalid_token"),
        valid[:-1]: (401, "invalid_token"),
        valid + "A": (401, "invalid_token"),
        valid.swapcase(): (401, "invalid_token"),
        valid[:16] + revoked[16:]: (401, "invalid_token"),
        hash_token(valid): (401, "invalid_token"),
    }
    for method, path, _scopes in operations(client):
        for token, (status, code) in refused.items():
            response = client.send(method, path, token=token, json={})
            challenge = response.headers["www-authenticate"]
            assert response.status_code == status, (method, path, token)
            assert challenge.startswith('Bearer realm="digest"')
            assert (f'error="{code}"' in challenge) if code else ("error" not in challenge)
            assert response.headers["cache-control"] == "no-store"
    for headers in (
        {"Authorization": f"Basic {valid}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer  {valid}x, {valid}"},
        {"Cookie": f"digest_operator={valid}"},
        {"X-Api-Key": valid},
    ):
        assert client.send("GET", "/subscribers", token="", headers=headers).status_code in {400, 401}
    assert client.send("GET", f"/subscribers?access_token={valid}", token="").status_code == 401
    assert dump(target) == before


def test_a_token_does_what_its_scopes_say_and_nothing_else(target: Target, client: ApiClient) -> None:
    tokens = {scope: make_token(target.ctx, scope, name=f"only {scope}") for scope in TokenScope}
    before = dump(target)
    tried = 0
    for method, path, scopes in operations(client):
        for scope, token in tokens.items():
            if scope in scopes:
                continue
            response = client.send(method, path, token=token, json={"text": "ada", "outcome": "sent"})
            tried += 1
            assert response.status_code == 403, (method, path, scope)
            assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
            assert set(response.headers["www-authenticate"].split('scope="')[1].split('"')[0].split()) == scopes
    assert tried > 60
    assert dump(target) == before
    # An undo needs the scope of what was acted on, too.
    ada = int(target.record.subscriber(ADA).id or 0)
    act = client.post(f"/subscribers/{ada}/pause", {"until": "2026-09-01"})
    for scope, status in ((TokenScope.DELIVERIES, 403), (TokenScope.SUBSCRIBERS, 200)):
        assert client.send("POST", f"/actions/{act['id']}/undo", token=tokens[scope]).status_code == status


def test_no_get_of_the_operators_api_changes_anything(target: Target, client: ApiClient) -> None:
    before = dump(target)
    for method, path, _scopes in operations(client):
        if method == "GET":
            assert client.send(method, path).status_code in {200, 404}
        else:  # a GET in place of what acts, and in disguise
            for headers in ({}, {"X-HTTP-Method-Override": method}):
                assert client.send("GET", path, headers=headers).status_code in {200, 404, 405, 422}
    assert dump(target) == before


def test_a_stolen_database_has_no_token_in_it(target: Target, client: ApiClient) -> None:
    with read_session(target.ctx.engine) as session:
        row = session.exec(select(ApiToken)).one()
        secret = client.token.rpartition("_")[2]
        assert not any(secret in line for line in target.dump())
        assert row.token_hash == hashlib.sha256(client.token.encode()).hexdigest()
        assert find_token(session, row.token_hash) is None
        assert find_token(session, f"digest_{row.prefix}_{'A' * 43}") is None
        assert len(NO_HASH) == len(row.token_hash)  # a missing row is compared, too


def test_failed_tries_are_limited_by_network_and_lock_out_no_known_token(target: Target) -> None:
    client = make_client(target.ctx, limits=FormLimits(failed_tries=3))
    client.get("/sources")
    other = make_token(target.ctx, name="other")
    statuses = [client.send("GET", "/sources", token=f"guess {n}").status_code for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    refused = client.send("GET", "/sources", token=other)  # unknown to this process: not even looked up
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    client.get("/sources")
    elsewhere = ApiClient(Browser(client.browser.app, address="198.51.100.7"), other)
    elsewhere.get("/sources")
    with write_session(target.ctx.engine) as session:
        revoke_token(session, "ada", "bot", TEST_TIME)
    assert [client.send("GET", "/sources").status_code for _ in range(2)] == [401, 429]


def test_no_address_and_no_token_of_the_operators_api_reaches_a_log(target: Target, client: ApiClient) -> None:
    ada = int(target.record.subscriber(ADA).id or 0)
    with capture_logs() as lines:
        client.post("/subscribers", {"email": "new@example.org"}, 201)
        client.post("/subscribers", {"email": ADA}, 409)
        client.post("/subscribers/search", {"text": "ada@"})
        client.post(f"/subscribers/{ada}/remove")
        client.send("DELETE", f"/subscribers/{ada}")
        client.send("GET", "/sources", token="digest_00000000_" + "x" * 43)
        client.post("/suppressions/release", {"email": ADA}, 409)
    assert [line["event"] for line in lines].count("api.token_refused") == 1
    assert not any(secret in str(lines) for secret in ("example.org", client.token, "x" * 43))


def test_no_page_of_another_site_acts_with_the_operators_session(target: Target, client: ApiClient) -> None:
    app = create_app(target.ctx, clock=lambda: TEST_TIME)
    cross = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = Browser(app).send("OPTIONS", "/api/v1/admin/subscribers", headers=cross)
    assert (preflight.status_code, "access-control-allow-origin" in preflight.headers) == (401, False)
    answered = client.send("GET", "/subscribers", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answered.headers
