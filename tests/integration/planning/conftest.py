"""Fixtures of the planning tests: a context on each store, and a view of its record."""

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from tests.support.contexts import StoreView, make_context


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> StoreView:
    return StoreView(store)
