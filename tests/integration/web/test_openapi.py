"""JSON API against its own description, by generated requests. `make check-pages` tries more."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import Engine

from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME
from tests.support.contexts import make_context, store_papers

NO_LIMITS = FormLimits(subscribe=10**6, search=10**6, mailbox=10**6)
SETTINGS = settings(
    max_examples=6, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
)


def test_every_response_matches_the_openapi_description(sqlite_store: Engine) -> None:
    at = make_context(sqlite_store)
    store_papers(at, TEST_TIME, "Robot hands", "Protein folds")
    described = schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", create_app(at, clock=lambda: TEST_TIME, limits=NO_LIMITS, min_answer_seconds=0)
    )
    tried = []
    for found in described.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @SETTINGS
        @given(case=operation.as_strategy())
        def conforms(case: Any) -> None:
            response = case.call()
            # A keyword has a grammar and a time zone a name, which no schema can say.
            case.validate_response(response, excluded_checks=[positive_data_acceptance])
            tried.append(case.path)

        conforms()
    assert len(set(tried)) == 4
