"""Only zones of the pinned tzdata package get in, by every way in; another name is an error that says so."""

import html
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.schedule import timezone_names
from digest.subscribers import CONSENT_TEXT, import_csv, list_subscribers
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.forms import timezones_by_region
from digest.web.rate_limit import FormLimits
from tests.support.browser import Browser
from tests.support.contexts import ADA, StoreView, add_active_subscriber, make_context, sign_token

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
NEW = "eve@example.org"
# Files of a machine, paths, other spellings, offsets, abbreviations: what people and programs write.
UNKNOWN = (
    *("localtime", "posixrules", "posix/Europe/Berlin", "right/UTC", "../UTC", "/etc/localtime", "Europe", "Europe/"),
    *("europe/berlin", "Berlin", "Mars/Base", "+02:00", "GMT+2", "CEST", "tzdata.zi", "Europe Berlin"),
    "Europe/Berlin\x00",
)
KNOWN = ("Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+12", "Japan", "UTC")


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    ctx = make_context(sqlite_store, base_url="http://digest.test")
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    return ctx


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    limits = FormLimits(subscribe=1000, other=1000)
    return Browser(create_app(ctx, clock=lambda: NOW, limits=limits, min_answer_seconds=0))


def zone_errors(ctx: AppContext, browser: Browser, folder: Path, name: str) -> dict[str, str]:
    """Ask for a zone in each way; return what was said, which is empty where it was accepted."""
    link = f"/preferences/{sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW)}"
    forms = {
        "subscribe": browser.post("/subscribe", {"email": NEW, "sure": NEW, "timezone": name}),
        "preferences": browser.post(link, {"keywords": "robot", "timezone": name}),
    }
    errors = {way: "" if answer.status_code == 303 else html.unescape(answer.text) for way, answer in forms.items()}
    request = {"email": NEW, "timezone": name, "agreed": True, "consent": CONSENT_TEXT}
    answer = browser.send("POST", "/api/v1/subscriptions", json=request)
    if answer.status_code != 202:
        assert answer.status_code == 422
        (problem,) = answer.json()["errors"]
        assert problem["field"] == "timezone"
        errors["api"] = problem["message"]
    file = folder / "people.csv"
    file.write_text(f'email,timezone\n{NEW},"{name}"\n', encoding="utf-8")
    result = import_csv(ctx, file, NOW, confirmed=False, strict=False)
    return errors | {"csv": "".join(message for _line, message in result.line_errors)}


def test_an_unknown_zone_is_named_in_an_error(ctx: AppContext, browser: Browser, tmp_path: Path) -> None:
    for name in UNKNOWN:
        errors = zone_errors(ctx, browser, tmp_path, name)
        assert len(errors) == 4
        for way, text in errors.items():
            assert f"There is no time zone {name!r}. Write it like Europe/Berlin." in text, way
    assert [row["email"] for row in list_subscribers(ctx.engine)] == [ADA], "nothing was stored"
    assert StoreView(ctx.engine).subscriber(ADA).timezone == "UTC"


@pytest.mark.parametrize("name", KNOWN)
def test_a_zone_of_the_package_gets_in(ctx: AppContext, browser: Browser, tmp_path: Path, name: str) -> None:
    assert set(zone_errors(ctx, browser, tmp_path, name).values()) == {""}
    assert {row["email"]: row["timezone"] for row in list_subscribers(ctx.engine)} == {ADA: name, NEW: name}


def test_the_form_offers_only_zones_of_the_package() -> None:
    offered = {name for names in timezones_by_region().values() for name in names}
    assert len(offered) > 400
    assert offered <= timezone_names()
