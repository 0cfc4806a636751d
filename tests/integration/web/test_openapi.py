"""JSON API against its own description, by generated requests. `make check-pages` tries more."""

from collections.abc import Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import Engine

from digest.database import InvalidRow, create_token, quarantine_rows, write_session
from digest.database.models import TokenScope
from digest.planning import plan
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME
from tests.support.contexts import ADA, add_active_subscriber, make_context, sign_token, store_papers

NO_LIMITS = FormLimits(subscribe=10**6, search=10**6, mailbox=10**6, failed_tries=10**6)
SETTINGS = settings(
    max_examples=6, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
)

ADMIN_SETTINGS = settings(SETTINGS, max_examples=2)


def test_every_response_matches_the_openapi_description(sqlite_store: Engine) -> None:
    at = make_context(sqlite_store)
    store_papers(at, TEST_TIME, "Robot hands", "Protein folds")
    add_active_subscriber(at, ADA, "robot", now=TEST_TIME)
    described = schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", create_app(at, clock=lambda: TEST_TIME, limits=NO_LIMITS, min_answer_seconds=0)
    )
    token = sign_token(at, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    tried = try_operations(described, SETTINGS, {"Authorization": f"Bearer {token}"})
    assert tried == set(described.raw_schema["paths"])


def test_every_response_of_the_operators_api_matches_its_description(sqlite_store: Engine) -> None:
    at = make_context(sqlite_store, sources="arxiv")
    store_papers(at, TEST_TIME, "Robot hands", "Robot hands", "Protein folds")
    add_active_subscriber(at, ADA, "robot", now=TEST_TIME)
    plan(at.engine, at.sender_domain, TEST_TIME)
    with write_session(sqlite_store) as session:
        _, token = create_token(session, "ada", "bot", set(TokenScope), TEST_TIME)
        quarantine_rows(session, [InvalidRow("paper", "1", "title cannot be read")], TEST_TIME)
    described = schemathesis.openapi.from_asgi(
        "/api/v1/admin/openapi.json", create_app(at, clock=lambda: TEST_TIME, limits=NO_LIMITS)
    )
    assert {
        scope
        for path in described.raw_schema["paths"].values()
        for operation in path.values()
        for scope in operation["security"][0]["AdminToken"]
    } == set(TokenScope)
    tried = try_operations(described, ADMIN_SETTINGS, {"Authorization": f"Bearer {token}"})
    assert len(tried) == len(described.raw_schema["paths"])


def try_operations(described: BaseSchema, settings: settings, headers: Mapping[str, str] = {}) -> set[str]:
    """Send generated requests to every operation, compare each response with the description, and return the paths."""
    tried = set()
    for found in described.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings
        @given(case=operation.as_strategy())
        def conforms(case: Any) -> None:
            case.headers.update(headers)
            response = case.call()
            # A keyword has a grammar and a time zone a name, which no schema can say.
            case.validate_response(response, excluded_checks=[positive_data_acceptance])
            tried.add(case.path)

        conforms()
    return tried
