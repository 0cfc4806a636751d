"""Webhooks of mail providers: who is heard, what happens once, and what our messages carry for them."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from re import compile as pattern
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from digest.bounces.webhooks import CertificateStore
from digest.bounces.webhooks.certificates import MAX_CERTIFICATES
from digest.context import AppContext
from digest.database.models import BounceClass, DeliveryState, SubscriberStatus
from digest.errors import SourceError
from digest.jobs.pipeline import deliver, plan
from digest.mail import ReturnPathKind
from digest.web import create_app
from tests.support.bounce_messages import bounce_records
from tests.support.browser import Browser
from tests.support.contexts import ADA, DAY, TUESDAY, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.hosts import StubHost, serve_host
from tests.support.relay import relay
from tests.support.webhooks import (
    NOW,
    SETTINGS,
    SUBSCRIBE_URL,
    Request,
    certificate,
    mailgun_event,
    mailgun_request,
    postmark_request,
    sendgrid_event,
    sendgrid_request,
    ses_bounce,
    ses_complaint,
    sns_request,
)

LOOPBACK = pattern(r"http://127\.0\.0\.1:\d+/[A-Za-z0-9.-]+\.pem")
NO_USER = {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}


@pytest.fixture
def certificates() -> Iterator[StubHost]:
    with serve_host(lambda path, _query: (200 if "missing" not in path else 404, certificate().decode(), {})) as host:
        yield host


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    """Return a context whose subscriber has had a digest; there is no address for bounces."""
    ctx = make_context(sqlite_store, **SETTINGS)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY - DAY)
    store_papers(ctx, TUESDAY, "A robot")
    asyncio.run(plan(ctx, TUESDAY))
    StoreView(sqlite_store).set_state(DeliveryState.SENT)
    return ctx


class Provider:
    """Posts requests to the webhooks of an application."""

    def __init__(self, ctx: AppContext) -> None:
        self._browser = Browser(create_app(ctx, clock=lambda: NOW, certificates=CertificateStore(LOOPBACK)))

    def post(self, name: str, request: Request) -> int:
        return self._browser.send("POST", f"/bounces/{name}", content=request[0], headers=request[1]).status_code


def token_of(ctx: AppContext, kind: ReturnPathKind = ReturnPathKind.BOUNCE) -> str:
    (delivery,) = StoreView(ctx.engine).deliveries(ADA)
    return ctx.token_path.token_for(kind, int(delivery.id or 0), delivery.message_id)


def status(ctx: AppContext) -> str:
    return StoreView(ctx.engine).subscriber(ADA).status


def requests_about(token: str, host: StubHost) -> dict[str, Request]:
    """Return the report of a dead mailbox by each provider."""
    url: dict[str, Any] = {"SigningCertURL": f"{host.url}/one.pem"}
    details = "smtp;550 5.1.1 no such user"
    failure: dict[str, Any] = {
        "severity": "permanent",
        "delivery-status": {"code": 550, "message": "5.1.1 no such user"},
    }
    return {
        "amazon-ses": sns_request(ses_bounce(token, **NO_USER), **url),
        "sendgrid": sendgrid_request(sendgrid_event(token, reason=details, status="5.1.1", type="bounce")),
        "mailgun": mailgun_request(mailgun_event(token, **failure)),
        "postmark": postmark_request(token, Details=details),
    }


PROVIDERS = ("amazon-ses", "sendgrid", "mailgun", "postmark")


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_dead_mailbox_is_suppressed_once(ctx: AppContext, certificates: StubHost, name: str) -> None:
    provider, request = Provider(ctx), requests_about(token_of(ctx), certificates)[name]
    assert [provider.post(name, request) for _ in range(3)] == [204, 204, 204]
    assert status(ctx) == SubscriberStatus.SUPPRESSED
    (delivery,) = StoreView(ctx.engine).deliveries(ADA)
    assert delivery.state == DeliveryState.FAILED
    assert [(record.bounce_class, record.parser) for record in bounce_records(ctx)] == [(BounceClass.HARD, name)]


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_event_without_a_valid_token_is_reported_and_suppresses_no_address(
    ctx: AppContext, certificates: StubHost, name: str
) -> None:
    tokens = {
        "none": "",
        "damaged": ("b" if token_of(ctx)[0] == "a" else "a") + token_of(ctx)[1:],
        "for unsubscribing": token_of(ctx, ReturnPathKind.UNSUBSCRIBE),
        "of another key": "a" * 39,
    }
    provider = Provider(ctx)
    for kind, token in tokens.items():
        with capture_logs() as logs:
            assert provider.post(name, requests_about(token, certificates)[name]) == 204, kind
        assert (status(ctx), bounce_records(ctx)) == (SubscriberStatus.ACTIVE, []), kind
        assert [entry["provider"] for entry in logs if entry["event"] == "bounce.untrusted"] == [name], kind


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_webhook_is_off_without_its_secret(sqlite_store: Engine, certificates: StubHost, name: str) -> None:
    setting = f"bounces_{name.removeprefix('amazon-')}_"
    ctx = make_context(sqlite_store, **{key: value for key, value in SETTINGS.items() if not key.startswith(setting)})
    assert Provider(ctx).post(name, requests_about("", certificates)[name]) == 404
    assert Provider(ctx).post("unheard-of", (b"{}", {})) == 404


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_forged_request_is_refused_and_changes_nothing(ctx: AppContext, certificates: StubHost, name: str) -> None:
    body, headers = requests_about(token_of(ctx), certificates)[name]
    forged = {
        "amazon-ses": (body.replace(b"no such user", b"no such mailbox"), headers),
        "sendgrid": (body + b" ", headers),
        "mailgun": mailgun_request(mailgun_event(token_of(ctx), "complained"), key="a guess"),
        "postmark": (body, {"Authorization": "Basic Z3Vlc3M6Z3Vlc3M="}),
    }[name]
    assert Provider(ctx).post(name, forged) == 403
    assert (status(ctx), bounce_records(ctx)) == (SubscriberStatus.ACTIVE, [])


def test_a_complaint_suppresses_and_a_full_mailbox_does_not(ctx: AppContext, certificates: StubHost) -> None:
    provider, token = Provider(ctx), token_of(ctx)
    full = sendgrid_event(token, reason="552 5.2.2 mailbox full", status="5.2.2", type="bounce")
    assert provider.post("sendgrid", sendgrid_request(full)) == 204
    assert status(ctx) == SubscriberStatus.ACTIVE
    complaint = sns_request(ses_complaint(token), SigningCertURL=f"{certificates.url}/one.pem")
    assert provider.post("amazon-ses", complaint) == 204
    assert status(ctx) == SubscriberStatus.SUPPRESSED


def test_the_certificate_is_fetched_once(ctx: AppContext, certificates: StubHost) -> None:
    provider, request = Provider(ctx), requests_about(token_of(ctx), certificates)["amazon-ses"]
    assert [provider.post("amazon-ses", request) for _ in range(3)] == [204, 204, 204]
    assert certificates.requested_paths == ["/one.pem"]


def test_a_subscription_is_shown_to_the_operator_and_not_confirmed(ctx: AppContext, certificates: StubHost) -> None:
    url: dict[str, Any] = {"SubscribeURL": SUBSCRIBE_URL, "SigningCertURL": f"{certificates.url}/one.pem"}
    request = sns_request("You have chosen to subscribe", Type="SubscriptionConfirmation", Token="abc", **url)
    with capture_logs() as logs:
        assert Provider(ctx).post("amazon-ses", request) == 204
    shown = [entry["url"] for entry in logs if entry["event"] == "webhook.subscription_to_confirm"]
    assert (shown, certificates.requested_paths) == ([SUBSCRIBE_URL], ["/one.pem"])


def test_without_a_certificate_the_provider_shall_try_again(ctx: AppContext, certificates: StubHost) -> None:
    request = sns_request(ses_bounce(token_of(ctx), **NO_USER), SigningCertURL=f"{certificates.url}/missing.pem")
    assert Provider(ctx).post("amazon-ses", request) == 503
    assert status(ctx) == SubscriberStatus.ACTIVE


def test_the_latest_certificates_stay_in_memory(certificates: StubHost) -> None:
    store, paths = CertificateStore(LOOPBACK), [f"/{number}.pem" for number in range(MAX_CERTIFICATES + 1)]

    async def get_all() -> None:
        for path in [*paths, paths[-1], paths[0]]:
            await store.get(certificates.url + path)

    asyncio.run(get_all())
    assert certificates.requested_paths == [*paths, paths[0]]


def test_an_event_that_is_not_ours_or_says_nothing_stops_none_behind_it(ctx: AppContext) -> None:
    dead = {"reason": "550 5.1.1 no such user", "status": "5.1.1", "type": "bounce"}
    events = [
        sendgrid_event(token_of(ctx), "delivered", "e-1"),
        sendgrid_event("a" * 39, "bounce", "e-2", **dead),
        sendgrid_event(token_of(ctx), "bounce", "e-3", **dead),
    ]
    assert Provider(ctx).post("sendgrid", sendgrid_request(*events)) == 204
    assert status(ctx) == SubscriberStatus.SUPPRESSED
    assert len(bounce_records(ctx)) == 1


def test_a_file_that_can_be_no_certificate_is_not_stored() -> None:
    with serve_host(lambda _path, _query: (200, "x" * 70_000, {})) as host, pytest.raises(SourceError):
        asyncio.run(CertificateStore(LOOPBACK).get(f"{host.url}/large.pem"))


def test_a_body_is_bounded_and_larger_only_for_webhooks(ctx: AppContext) -> None:
    provider = Provider(ctx)
    filler = [sendgrid_event(token_of(ctx), "delivered", f"e-{number}") for number in range(1500)]
    request = sendgrid_request(*filler)
    assert 64 * 1024 < len(request[0]) < 2**20
    assert provider.post("sendgrid", request) == 204
    assert provider.post("sendgrid", (b" " * (2**20 + 1), {})) == 413
    assert provider.post("mailgun", (b"{", {})) == 400


def test_requests_that_are_refused_become_too_many(ctx: AppContext) -> None:
    provider = Provider(ctx)
    statuses = [provider.post("postmark", (b"{}", {})) for _ in range(121)]
    assert (statuses[0], statuses[-1]) == (403, 429)


def test_messages_carry_the_token_for_the_providers_of_the_settings(sqlite_store: Engine) -> None:
    add_active_subscriber(make_context(sqlite_store), ADA, "robot", now=TUESDAY - DAY)

    def send_digest(now: datetime, settings: dict[str, str]) -> tuple[dict[str, str], str]:
        """Return the headers of a digest, and its token."""
        with relay() as to:
            target: dict[str, Any] = {
                "smtp_host": "127.0.0.1",
                "smtp_port": to.port,
                "smtp_tls": "none",
                "secret_key": "x" * 43,
            }
            ctx = make_context(sqlite_store, **target, **settings)
            store_papers(ctx, now, f"A robot of {now:%A}")
            asyncio.run(plan(ctx, now))
            asyncio.run(deliver(ctx, lambda: now))
        newest = max(StoreView(sqlite_store).deliveries(ADA), key=lambda delivery: int(delivery.id or 0))
        token = ctx.token_path.token_for(ReturnPathKind.BOUNCE, int(newest.id or 0), newest.message_id)
        return dict(to.mails()[ADA][-1].items()), token

    plain, _ = send_digest(TUESDAY, {})
    assert not {name for name in plain if name.startswith(("X-SES", "X-SMTP", "X-Mailgun", "X-PM"))}
    headers, token = send_digest(TUESDAY + DAY, SETTINGS)
    assert headers["X-SES-MESSAGE-TAGS"] == f"digest-delivery={token}"
    assert json.loads(headers["X-SMTPAPI"]) == {"unique_args": {"digest-delivery": token}}
    assert json.loads(headers["X-Mailgun-Variables"]) == {"digest-delivery": token}
    assert headers["X-PM-Metadata-digest-delivery"] == token
    assert {name for name in headers.keys() - plain.keys() if name.startswith("X-")} == set(headers) - set(plain)
